"""Answers that go on: watches and followed logs.  Many events in one write, and an end where a client does not read.

(apiserver: endpoints/handlers/watch.go, storage/cacher/cache_watcher.go)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from controlplane.apiserver.api import Response
from controlplane.apiserver.codec import encode
from controlplane.apiserver.streams import ByteStream
from controlplane.apiserver.watch_cache import Entry, WatchStream

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

QUIET = 0.02  # seconds between two writes to one client, which collect what happens meanwhile
LAG = 10_000  # events that may wait for a client after its first ones; then its watch ends and it must start anew


class Outbox:
    """What waits for one client."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.open = True
        self._waiter: asyncio.Future[None] | None = None

    def put(self, part: bytes) -> None:
        self.parts.append(part)
        if self._waiter is not None:
            self.wake()

    def end(self) -> None:
        """Nothing more will come."""
        self.open = False
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> bytes:
        """What is to be written next; empty if it is over."""
        if not self.parts and self.open:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        parts, self.parts = self.parts, []
        return b"".join(parts)


def watch(stream: WatchStream, frame: Callable[[str, Entry], bytes]) -> Outbox:
    """An outbox that a watch fills.  A client that falls too far behind loses its watch."""
    outbox = Outbox()
    limit = LAG + len(stream.backlog)

    def deliver(type: str, entry: Entry) -> None:
        outbox.put(frame(type, entry))
        if len(outbox.parts) > limit:
            stream.end()

    def closed(status: dict[str, Any] | None) -> None:
        if status is not None:
            outbox.put(b'{"type":"ERROR","object":%s}\n' % encode(status))
        outbox.end()

    stream.attach(deliver, closed)
    return outbox


async def serve(response: Response, receive: Receive, send: Send) -> None:
    """Write what comes, a watch's events or a stream's bytes, until it ends or the client leaves."""
    source: WatchStream | ByteStream
    if response.watch is not None and response.frame is not None:
        source = response.watch
        outbox = watch(response.watch, response.frame)
    else:
        assert response.stream is not None
        source, outbox = response.stream, Outbox()
        response.stream.attach(outbox.put, outbox.end)
    leaving = asyncio.ensure_future(_left(receive))
    leaving.add_done_callback(lambda _: outbox.end())
    try:
        written = 0.0
        while (data := await outbox.take()) and not leaving.done():
            await send({"type": "http.response.body", "body": data, "more_body": True})
            now = time.monotonic()
            if outbox.open and now - written < QUIET:
                await asyncio.sleep(QUIET)
            written = now
    finally:
        source.stop()
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
