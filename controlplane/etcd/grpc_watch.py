"""etcd's Watch service: many watches on one stream (etcd: server/etcdserver/api/v3rpc/watch.go)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from aetcd.rpc import rpc_pb2, rpc_pb2_grpc

from controlplane.etcd import grpc_wire as wire
from controlplane.etcd.api import MAX_REQUEST_BYTES, Compacted, Event
from controlplane.etcd.watch import Watcher

if TYPE_CHECKING:
    from controlplane.etcd.grpc_server import EtcdServer

AHEAD = 1000  # revisions that wait for a slow client; its watches then read from the store's past, as etcd's do
PROGRESS = 600.0  # seconds after which a watch without events says how far it is, if it was asked to
EVERY_WATCH = -1  # the ID in an answer to a request for progress, and in one to a watch that is refused


class Watch(rpc_pb2_grpc.WatchServicer):  # type: ignore[misc]
    def __init__(self, server: EtcdServer) -> None:
        self.server = server

    async def Watch(self, requests: Any, context: Any) -> None:
        stream = _Stream(self.server, context)
        writer = asyncio.create_task(stream.write())
        try:
            async for request in requests:
                stream.handle(request)
        except asyncio.CancelledError:  # the server stops
            pass
        finally:  # also when the client vanishes
            writer.cancel()
            stream.close()


class _Watch:
    """One watch on a stream; `next` is the revision that its client has to hear of next."""

    def __init__(self, stream: _Stream, id: int, create: Any) -> None:
        self.stream = stream
        self.id = id
        self.create = create
        self.next = create.start_revision or stream.server.store.revision + 1
        self.watcher: Watcher | None = None
        self.timer: asyncio.TimerHandle | None = None
        filters = set(create.filters)
        self.only: Literal["PUT", "DELETE"] | None = "DELETE" if 0 in filters else "PUT" if 1 in filters else None
        self.nothing = filters >= {0, 1}

    def start(self) -> None:
        """Hear of everything from `next` on.  Raises Compacted."""
        store = self.stream.server.store
        self.watcher = store.watch(self.create.key, self.create.range_end or None, self.events, self.next, self.only)
        self.next = max(self.next, store.revision + 1) if self.watcher.active else self.next
        self.rest()

    def events(self, revision: int, events: Sequence[Event]) -> None:
        if self.nothing:
            return
        if len(self.stream.outbox) >= AHEAD:
            self.fall_behind(revision)
            return
        self.next = revision + 1
        self.stream.send((self, revision, events))
        self.rest()

    def fall_behind(self, revision: int) -> None:
        self.next = revision
        self.stream.behind.append(self)
        if self.watcher is not None:
            self.watcher.cancel()

    def rest(self) -> None:
        """Report progress if nothing happens for a while."""
        if self.create.progress_notify:
            if self.timer is not None:
                self.timer.cancel()
            self.timer = asyncio.get_running_loop().call_later(PROGRESS, self.progress)

    def progress(self) -> None:
        self.stream.send(rpc_pb2.WatchResponse(header=self.stream.server.header(), watch_id=self.id))
        self.rest()

    def cancel(self) -> None:
        if self.watcher is not None:
            self.watcher.cancel()
        if self.timer is not None:
            self.timer.cancel()


class _Stream:
    """What one client watches, and what waits to be sent to it."""

    def __init__(self, server: EtcdServer, context: Any) -> None:
        self.server = server
        self.context = context
        self.watches: dict[int, _Watch] = {}
        self.outbox: deque[Any] = deque()
        self.behind: list[_Watch] = []
        self._next_id = 0
        self._wake = asyncio.Event()

    def send(self, message: Any) -> None:
        self.outbox.append(message)
        self._wake.set()

    def handle(self, request: Any) -> None:
        kind = request.WhichOneof("request_union")
        if kind == "create_request":
            self._create(request.create_request)
        elif kind == "cancel_request":
            watch = self.watches.pop(request.cancel_request.watch_id, None)
            if watch is not None:
                watch.cancel()
                self.behind = [w for w in self.behind if w is not watch]
                self.send(rpc_pb2.WatchResponse(header=self.server.header(), watch_id=watch.id, canceled=True))
        elif kind == "progress_request":
            self.send(rpc_pb2.WatchResponse(header=self.server.header(), watch_id=EVERY_WATCH))

    def _create(self, create: Any) -> None:
        if not create.key:  # etcd reads no key as the lowest one
            create.key = b"\0"
        id = create.watch_id
        if id in self.watches and id:
            reason = "mvcc: duplicate watch ID provided on the WatchStream"
            header = self.server.header()
            self.send(
                rpc_pb2.WatchResponse(
                    header=header, watch_id=EVERY_WATCH, created=True, canceled=True, cancel_reason=reason
                )
            )
            return
        if not id:
            while self._next_id in self.watches:
                self._next_id += 1
            id = self._next_id
            self._next_id += 1
        watch = self.watches[id] = _Watch(self, id, create)
        self.send(rpc_pb2.WatchResponse(header=self.server.header(), watch_id=id, created=True))
        self._start(watch)

    def _start(self, watch: _Watch) -> None:
        try:
            watch.start()
        except Compacted as error:
            del self.watches[watch.id]
            watch.cancel()
            self.send(
                rpc_pb2.WatchResponse(
                    header=self.server.header(0),
                    watch_id=watch.id,
                    canceled=True,
                    compact_revision=error.compact_revision,
                )
            )

    async def write(self) -> None:
        """Send what waits, the events of one watch together."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.outbox:
                for answer in self._next_answers():
                    await self.context.write(answer)
            while self.behind and not self.outbox:
                self._start(self.behind.pop(0))

    def _next_answers(self) -> list[Any]:
        first = self.outbox.popleft()
        if not isinstance(first, tuple):
            return [first]
        watch, revision, events = first
        sent = [wire.event_out(event, watch.create.prev_kv) for event in events]
        while self.outbox and isinstance(self.outbox[0], tuple) and self.outbox[0][0] is watch and len(sent) < AHEAD:
            _, revision, events = self.outbox.popleft()
            sent += [wire.event_out(event, watch.create.prev_kv) for event in events]
        pieces = _pieces(sent) if watch.create.fragment else [sent]
        return [
            rpc_pb2.WatchResponse(
                header=self.server.header(revision), watch_id=watch.id, events=piece, fragment=i < len(pieces) - 1
            )
            for i, piece in enumerate(pieces)
        ]

    def close(self) -> None:
        for watch in self.watches.values():
            watch.cancel()


def _pieces(events: list[Any]) -> list[list[Any]]:
    """Lists of events that are not larger than a request may be; a single event can be."""
    pieces: list[list[Any]] = []
    size = 0
    for event in events:
        if not pieces or size + event.ByteSize() > MAX_REQUEST_BYTES:
            pieces.append([])
            size = 0
        pieces[-1].append(event)
        size += event.ByteSize()
    return pieces
