"""Watches on the wire: many events in one write, and an end to those whose clients do not read.

(apiserver: endpoints/handlers/watch.go, storage/cacher/cache_watcher.go)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from controlplane.apiserver.api import Response
from controlplane.apiserver.codec import encode
from controlplane.apiserver.watch_cache import Entry, WatchStream

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

QUIET = 0.01  # seconds between two writes to one client, which collect what happens meanwhile
LAG = 10_000  # events that may wait for a client after its first ones; then its watch ends and it must start anew


class Outbox:
    """The frames that wait for one client."""

    def __init__(self, stream: WatchStream, frame: Callable[[str, Entry], bytes]) -> None:
        self._stream = stream
        self._frame = frame
        self._frames: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._limit = LAG + len(stream.backlog)
        self.open = True
        stream.attach(self._deliver, self._closed)

    def _deliver(self, type: str, entry: Entry) -> None:
        frames = self._frames
        frames.append(self._frame(type, entry))
        if len(frames) > self._limit:
            self._stream.end()
        elif self._waiter is not None:
            self._wake()

    def _closed(self, status: dict[str, Any] | None) -> None:
        if status is not None:
            self._frames.append(b'{"type":"ERROR","object":%s}\n' % encode(status))
        self.open = False
        self._wake()

    def abandon(self) -> None:
        """The client is gone."""
        self._stream.stop()
        self._frames.clear()
        self.open = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> bytes:
        """What is to be written next; empty if the watch is over."""
        if not self._frames and self.open:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        frames, self._frames = self._frames, []
        return b"".join(frames)


async def serve(response: Response, receive: Receive, send: Send) -> None:
    """Write a watch's events until it ends or the client leaves."""
    assert response.watch is not None and response.frame is not None
    outbox = Outbox(response.watch, response.frame)
    leaving = asyncio.ensure_future(_left(receive))
    leaving.add_done_callback(lambda _: outbox.abandon())
    try:
        written = 0.0
        while data := await outbox.take():
            await send({"type": "http.response.body", "body": data, "more_body": True})
            now = time.monotonic()
            if outbox.open and now - written < QUIET:
                await asyncio.sleep(QUIET)
            written = now
    finally:
        outbox.abandon()
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
