"""A client's connection to the proxy: its requests, one after another, and their way to a Pod and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import httptools

from controlplane.real.http_client import Connection
from controlplane.real.http_exchange import Headers, Request, refusal, response_head
from controlplane.real.tcp_proxy import Place

if TYPE_CHECKING:
    from controlplane.real.http_proxy import HttpProxy

TRIES = 3
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 60.0  # seconds, ingress-nginx's defaults
HEAD_TIMEOUT, IDLE = 60.0, 75.0  # seconds for a whole head, and until the next one begins
HEAD_LIMIT = 64 << 10  # bytes


class Client(asyncio.Protocol):
    """One connection.  Only one request is under way; what a client sends ahead of its turn waits unread."""

    def __init__(self, proxy: HttpProxy) -> None:
        self.proxy = proxy
        self.transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._next: Request | None = None  # the request whose head or body is being read
        self._queue: list[Request] = []  # those whose head is complete; the first is under way
        self._head_size = 0
        self._in_head = True
        self._rest_of_head = 0  # bytes of what has just come that may belong to the head of the next request
        self._places: list[Place] = []
        self._tries = 0
        self._connection: Connection | None = None
        self._fresh = False  # is the connection to the Pod new?
        self._answered = False  # has the client got anything of the answer?
        self._chunked = False
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # The connection -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._wait(HEAD_TIMEOUT, transport.close)

    def _wait(self, seconds: float, then: Callable[[], None] | None) -> None:
        """Do `then` unless something else happens before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then) if then is not None else None

    def connection_lost(self, error: Exception | None) -> None:
        self._wait(0, None)
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.close()
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self._rest_of_head = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse_for_good(501)
        except httptools.HttpParserError:
            self._refuse_for_good(400)
        if self._in_head:
            self._head_size += self._rest_of_head
            if self._head_size > HEAD_LIMIT:
                self._refuse_for_good(431)
        self._send_body()

    def _refuse_for_good(self, status: int) -> None:
        if self.transport is not None:
            if not self._answered:
                self.transport.write(refusal(status, False))
            self.transport.close()

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume_writing(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    # What httptools calls -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._next = Request()
        if not self._queue:
            self._wait(HEAD_TIMEOUT, lambda: self._refuse_for_good(408))

    def on_url(self, target: bytes) -> None:
        if self._next is not None:
            self._next.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._next
        assert request is not None
        request.headers.append((name, value))
        lower = name.lower()
        if lower == b"host":
            request.host = value.decode("latin-1")
        elif lower == b"transfer-encoding":
            request.chunked = True
        elif lower == b"expect" and value.lower() == b"100-continue" and self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_headers_complete(self) -> None:
        request = self._next
        assert request is not None
        request.method = self._parser.get_method()
        request.keep_alive = self._parser.should_keep_alive()
        self._head_size, self._in_head = 0, False
        self._queue.append(request)
        if len(self._queue) == 1:
            self._begin()
        elif self.transport is not None:
            self.transport.pause_reading()

    def on_body(self, data: bytes) -> None:
        if self._next is not None:
            self._next.add(data)

    def on_message_complete(self) -> None:
        if self._next is not None:
            self._next.complete = self._in_head = True
            self._rest_of_head = 0

    # A request's way ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """The first of the queue gets its turn."""
        request = self._queue[0]
        self._answered, self._tries = False, 0
        choice = self.proxy.choose(request)
        self._wait(READ_TIMEOUT, lambda: self._fail(504))
        if isinstance(choice, int):
            self._loop.call_soon(self._fail, choice)  # the body, if there is none, has ended by then
            return
        self._places = choice
        self._attempt()

    def _attempt(self) -> None:
        """Send the request to the next Pod."""
        place = self._places[self._tries % len(self._places)]
        kept = self.proxy.take(place)
        if kept is not None:
            self._fresh = False
            self._send(kept)
        else:
            self._fresh = True
            self._connecting = self._loop.create_task(self._connect(place))

    async def _connect(self, place: Place) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await self._loop.create_connection(Connection, *place)
        except (OSError, TimeoutError):
            self._connecting = None
            self._again()
            return
        self._connecting = None
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        if self.transport is None:
            connection.close()
            return
        request = self._queue[0]
        self._connection = connection
        connection.serve(self, request.method == b"HEAD")
        client, port = self.transport.get_extra_info("peername")[0], self.transport.get_extra_info("sockname")[1]
        scheme = b"http" if self.transport.get_extra_info("sslcontext") is None else b"https"
        head = request.head(client, port, scheme)
        connection.write(head + request.take())

    def _send_body(self) -> None:
        """Pass on what has come of the body of the request that is under way."""
        if self._connection is not None and self._queue and self._queue[0] is self._next:
            request = self._queue[0]
            if not request.sent:
                self._connection.write(request.take())

    def _again(self) -> None:
        """An attempt has failed: try the next Pod, if there is one and the request may be repeated."""
        self._tries += 1
        if self._tries < min(TRIES, len(self._places)):
            self._attempt()
        else:
            self._fail(502)

    def _fail(self, status: int) -> None:
        """Answer in place of a Pod."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        request = self._queue[0]
        if self._answered or not request.complete:
            self._refuse_for_good(status)
        elif self.transport is not None:
            self.transport.write(refusal(status, request.keep_alive))
            self._done()

    # What the Pod answers -------------------------------------------------------------------------------------------

    def answer_head(self, status: int, reason: bytes, headers: Headers, sized: bool) -> None:
        if self.transport is not None:
            self._answered, self._chunked = True, not sized
            keep = self._queue[0].keep_alive
            self.transport.write(response_head(status, reason, headers, self._chunked, keep))
            self._wait(READ_TIMEOUT, lambda: self._fail(504))

    def answer_body(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def answer_end(self, reusable: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if reusable and self._queue[0].complete:
                self.proxy.keep(self._places[self._tries % len(self._places)], connection)
            else:
                connection.close()
        if self.transport is not None:
            if self._chunked:
                self.transport.write(b"0\r\n\r\n")
            self._done()

    def answer_lost(self) -> None:
        self._connection = None
        request = self._queue[0]
        if not self._answered and request.repeatable:
            request.rewind()
            if not self._fresh:  # the Pod may have closed a kept connection: that is no failed attempt
                self._attempt()
            else:
                self._again()
        else:
            self._fail(502)

    def pause_sending(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_sending(self) -> None:
        if self.transport is not None and len(self._queue) == 1:
            self.transport.resume_reading()

    def _done(self) -> None:
        """The client has its answer: on to the next request."""
        request = self._queue.pop(0)
        assert self.transport is not None
        if not request.keep_alive or not request.complete:
            self.transport.close()
            return
        self._chunked = False
        if self._queue:
            self._loop.call_soon(self._begin)
        else:
            self._wait(IDLE, self.transport.close)
        if len(self._queue) <= 1:
            self.transport.resume_reading()
