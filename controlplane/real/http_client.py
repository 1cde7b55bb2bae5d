"""A connection to a Pod, which serves one request after another."""

from __future__ import annotations

import asyncio
from typing import Protocol

import httptools

from controlplane.real.http_exchange import Headers

NO_BODY = (204, 304)


class Answering(Protocol):
    """Who waits for the answer of a Pod."""

    def answer_head(self, status: int, reason: bytes, headers: Headers, sized: bool) -> None: ...
    def answer_body(self, data: bytes) -> None: ...
    def answer_end(self, reusable: bool) -> None: ...
    def answer_lost(self) -> None: ...
    def pause_sending(self) -> None: ...
    def resume_sending(self) -> None: ...


class Connection(asyncio.Protocol):
    """Parses what the Pod answers, and hands it to `owner` as it comes."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.owner: Answering | None = None
        self.usable = True
        self._parser = httptools.HttpResponseParser(self)
        self._reason = b""
        self._headers: Headers = []
        self._bodiless = False
        self._ended = False
        self._by_close = False  # the body ends where the connection does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def serve(self, owner: Answering, head: bool) -> None:
        """From now on the answer is `owner`'s; `head` says that it has no body whatever its length says."""
        self.owner, self._bodiless, self._ended, self._by_close = owner, head, False, False

    def write(self, data: bytes) -> None:
        if self.transport is not None and data:
            self.transport.write(data)

    def pause(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def close(self) -> None:
        self.usable, self.owner = False, None
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.owner is None:  # nobody asked anything
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._lose()
        except httptools.HttpParserError:
            self._lose()

    def eof_received(self) -> None:
        self.usable = False

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        if self.owner is not None and self._by_close and error is None:
            self._end(False)
        else:
            self._lose()

    def pause_writing(self) -> None:
        if self.owner is not None:
            self.owner.pause_sending()

    def resume_writing(self) -> None:
        if self.owner is not None:
            self.owner.resume_sending()

    def _lose(self) -> None:
        owner = self.owner
        self.close()
        if owner is not None:
            owner.answer_lost()

    def _end(self, reusable: bool) -> None:
        owner, self.owner = self.owner, None
        self._ended = True
        if owner is not None:
            owner.answer_end(reusable and self.usable)

    # What httptools calls -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._headers, self._reason = [], b""

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self.owner is None:  # 100 Continue: the proxy has told the client already
            return
        names = {name.lower() for name, _ in self._headers}
        bodiless = self._bodiless or status in NO_BODY
        sized = bodiless or b"content-length" in names
        self._by_close = not sized and b"transfer-encoding" not in names
        self.owner.answer_head(status, self._reason, self._headers, sized)
        if self._bodiless:  # the parser would wait for a body: this connection cannot be used again
            self.usable = False
            self._end(False)

    def on_body(self, data: bytes) -> None:
        if self.owner is not None:
            self.owner.answer_body(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200 and not self._by_close:
            self._end(self._parser.should_keep_alive())
