"""A store that is an etcd somewhere else, over its gRPC API: the real one, or ours behind `grpc_server`.

Calls wait for their answer, as those of the store in this process do.  One watch of the whole keyspace feeds all
watches here, and a write returns once its own event has been handed out: whoever stands on the store, the API server
above all, sees the same order of things as on `mvcc.Store`.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import grpc
from aetcd.rpc import rpc_pb2, rpc_pb2_grpc

from controlplane.clock import Loop, WallLoop
from controlplane.etcd import grpc_wire as wire
from controlplane.etcd.api import (
    ALL_KEYS,
    Compacted,
    Compare,
    DeleteRange,
    Event,
    KeyValue,
    OnEvents,
    Op,
    Put,
    Range,
    RangeResult,
    StoreFailed,
    Txn,
    TxnResult,
)
from controlplane.etcd.lease import LeaseState
from controlplane.etcd.watch import Watcher, Watchers

TIMEOUT = 10.0  # seconds for one call
PAST_TIMEOUT = 5.0  # seconds for reading old changes
RECONNECT = 0.2  # seconds between attempts to watch again
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
]


class GrpcStore:
    """`url` is `etcd://HOST:PORT`.  With a wall-clock loop, changes by others are handed out on it as they come;
    with a virtual one, at the next call."""

    def __init__(self, url: str, loop: Loop | None = None) -> None:
        if not url.startswith("etcd://") or not url.removeprefix("etcd://"):
            raise ValueError(f"{url!r} is not the address of an etcd: write it as etcd://127.0.0.1:2379")
        self.url = url
        self.loop = loop
        self.compact_revision = 0
        self._channel = grpc.insecure_channel(url.removeprefix("etcd://"), OPTIONS)
        self._kv = rpc_pb2_grpc.KVStub(self._channel)
        self._lease = rpc_pb2_grpc.LeaseStub(self._channel)
        self._maintenance = rpc_pb2_grpc.MaintenanceStub(self._channel)
        self._watchers = Watchers()
        self._arrived: queue.SimpleQueue[tuple[int, list[Event]] | StoreFailed] = queue.SimpleQueue()
        self._failed: StoreFailed | None = None
        self._closed = threading.Event()
        self._stream: Any = None
        self._handing_out = False
        first = self._call(self._kv.Range, wire.range_out(Range(b"\0", count_only=True)))
        self._seen: int = first.header.revision
        self._delivered = self._seen
        self._follower = threading.Thread(target=self._follow, args=(self._seen + 1,), name="etcd-watch", daemon=True)
        self._follower.start()

    def close(self) -> None:
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()
        self._channel.close()
        self._follower.join(TIMEOUT)

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            answer = method(request, timeout=TIMEOUT)
        except grpc.RpcError as error:
            details = error.details() or ""
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED) and (
                not details.startswith("etcdserver:")
            ):
                raise StoreFailed(f"the etcd at {self.url} does not answer: {details}") from None
            raise wire.error(details) from None
        return answer

    def _note(self, revision: int) -> None:
        self._seen = max(self._seen, revision)

    # Reading and writing --------------------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """The newest revision that this client has seen."""
        self._hand_out_news()
        return self._seen

    def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        limit: int = 0,
        revision: int = 0,
        count_only: bool = False,
        keys_only: bool = False,
    ) -> RangeResult:
        return self.query(Range(key, end, limit, revision, count_only, keys_only))

    def query(self, op: Range) -> RangeResult:
        try:
            result = wire.range_answered(self._call(self._kv.Range, wire.range_out(op)))
        except Compacted:
            raise Compacted(self.compact_revision) from None
        self._note(result.revision)
        self._hand_out()
        return result

    def get(self, key: bytes) -> KeyValue | None:
        kvs = self.range(key).kvs
        return kvs[0] if kvs else None

    def put(self, key: bytes, value: bytes, lease: int = 0) -> KeyValue:
        answer = self._call(self._kv.Put, wire.put_out(Put(key, value, lease)))
        revision = answer.header.revision
        self._hand_out(revision)
        if not answer.HasField("prev_kv"):
            return KeyValue(key, value, revision, revision, 1, lease)
        prev = wire.kv_in(answer.prev_kv)
        return KeyValue(key, value, prev.create_revision, revision, prev.version + 1, lease)

    def delete_range(self, key: bytes, end: bytes | None = None) -> list[KeyValue]:
        answer = self._call(self._kv.DeleteRange, wire.delete_out(DeleteRange(key, end)))
        if answer.deleted:
            self._hand_out(answer.header.revision)
        return [wire.kv_in(kv) for kv in answer.prev_kvs]

    def txn(self, compare: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        try:
            result = wire.txn_answered(self._call(self._kv.Txn, wire.txn_out(Txn(compare, success, failure))))
        except Compacted:
            raise Compacted(self.compact_revision) from None
        wrote = _wrote(success if result.succeeded else failure, result)
        self._note(result.revision)
        self._hand_out(result.revision if wrote else 0)
        return result

    def compact(self, revision: int) -> None:
        try:
            self._call(self._kv.Compact, rpc_pb2.CompactionRequest(revision=revision))
        except Compacted:
            raise Compacted(self.compact_revision) from None
        self.compact_revision = revision

    def defragment(self) -> None:
        self._call(self._maintenance.Defragment, rpc_pb2.DefragmentRequest())

    def size(self) -> int:
        """The bytes of the database's file."""
        size: int = self._call(self._maintenance.Status, rpc_pb2.StatusRequest()).dbSize
        return size

    # Leases ---------------------------------------------------------------------------------------------------------

    def grant(self, ttl: int, id: int = 0) -> int:
        granted: int = self._call(self._lease.LeaseGrant, rpc_pb2.LeaseGrantRequest(TTL=ttl, ID=id)).ID
        return granted

    def revoke(self, id: int) -> None:
        answer = self._call(self._lease.LeaseRevoke, rpc_pb2.LeaseRevokeRequest(ID=id))
        self._hand_out(answer.header.revision)

    def keep_alive(self, id: int) -> int:
        """The lease's TTL, which starts again; 0 if there is no such lease."""
        request = rpc_pb2.LeaseKeepAliveRequest(ID=id)
        ttl: int = next(iter(self._lease.LeaseKeepAlive(iter([request]), timeout=TIMEOUT))).TTL
        return ttl

    def lease_state(self, id: int) -> LeaseState:
        answer = self._call(self._lease.LeaseTimeToLive, rpc_pb2.LeaseTimeToLiveRequest(ID=id, keys=True))
        return LeaseState(answer.TTL, answer.grantedTTL, sorted(answer.keys))

    # Watching -------------------------------------------------------------------------------------------------------

    def watch(
        self,
        key: bytes,
        end: bytes | None,
        on_events: OnEvents,
        start_revision: int = 0,
        only: Literal["PUT", "DELETE"] | None = None,
    ) -> Watcher:
        """As `mvcc.Store.watch`.  Raises Compacted."""
        self._hand_out()
        watcher = Watcher(key, end, on_events, only, self._watchers.remove)
        if start_revision and start_revision <= self._delivered:
            for revision, events in self._past(start_revision, self._delivered):
                watcher.offer(revision, events)
        watcher.from_revision = max(start_revision, self._delivered + 1)
        self._watchers.add(watcher)
        return watcher

    def _past(self, first: int, last: int) -> Iterator[tuple[int, list[Event]]]:
        """All changes from one revision to another, by a watch of its own that ends there.

        It watches all keys, as every revision changes one, and thus shows when `last` has come.  (etcd before 3.5.13
        answers a request for progress too early to tell by it.)
        """
        create = rpc_pb2.WatchCreateRequest(key=b"\0", range_end=ALL_KEYS, start_revision=first, prev_kv=True)
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        requests.put(rpc_pb2.WatchRequest(create_request=create))
        stream = rpc_pb2_grpc.WatchStub(self._channel).Watch(iter(requests.get, None), timeout=PAST_TIMEOUT)
        pending: list[Event] = []
        try:
            for answer in stream:
                if answer.canceled:
                    self.compact_revision = max(answer.compact_revision, self.compact_revision)
                    raise Compacted(answer.compact_revision) if answer.compact_revision else _ended(answer)
                pending += map(wire.event_in, answer.events)
                if pending and pending[-1].kv.mod_revision >= last:
                    break
        except grpc.RpcError as error:
            # a revision that was compacted can have no event any more: then what has come is all there is
            if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                raise StoreFailed(f"the etcd at {self.url} does not answer: {error.details()}") from None
        finally:
            requests.put(None)
            stream.cancel()
        yield from _by_revision([event for event in pending if event.kv.mod_revision <= last])

    def _follow(self, revision: int) -> None:
        """The thread that reads the watch of all keys, and begins again where it broke off."""
        while not self._closed.is_set():
            create = rpc_pb2.WatchCreateRequest(
                key=b"\0", range_end=ALL_KEYS, start_revision=revision, prev_kv=True, fragment=False
            )
            requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
            requests.put(rpc_pb2.WatchRequest(create_request=create))
            try:
                self._stream = rpc_pb2_grpc.WatchStub(self._channel).Watch(iter(requests.get, None))
                for answer in self._stream:
                    if answer.canceled:
                        self._arrived.put(_ended(answer))
                        return
                    for number, events in _by_revision([wire.event_in(event) for event in answer.events]):
                        self._arrived.put((number, events))
                        revision = number + 1
                    if answer.events and isinstance(self.loop, WallLoop):
                        self.loop.post(self._hand_out_news)
            except (grpc.RpcError, ValueError):  # ValueError: the channel is closed
                self._closed.wait(RECONNECT)
            finally:
                requests.put(None)

    def _hand_out_news(self) -> None:
        """Deliver what has arrived; if the watch has failed, the next call says so."""
        with contextlib.suppress(StoreFailed):
            self._hand_out()

    def _hand_out(self, up_to: int = 0) -> None:
        """Deliver what has arrived; wait for the revision `up_to`, which has been written."""
        self._note(up_to)
        if self._handing_out:  # a watcher that writes: its own events follow those that are being handed out
            return
        self._handing_out = True
        limit = time.monotonic() + TIMEOUT
        try:
            while True:
                waiting = self._delivered < up_to
                try:
                    arrived = self._arrived.get(waiting, max(limit - time.monotonic(), 0.0) if waiting else None)
                except queue.Empty:
                    if waiting:
                        raise StoreFailed(f"the etcd at {self.url} does not report revision {up_to}") from None
                    break
                if isinstance(arrived, StoreFailed):
                    self._failed = arrived
                    break
                revision, events = arrived
                self._delivered = revision
                self._note(revision)
                self._watchers.offer(revision, events)
        finally:
            self._handing_out = False
        if self._failed is not None:
            raise self._failed


def _ended(answer: Any) -> StoreFailed:
    reason = answer.cancel_reason or f"revisions before {answer.compact_revision} are compacted"
    return StoreFailed(f"the watch of etcd ended: {reason}")


def _by_revision(events: list[Event]) -> Iterator[tuple[int, list[Event]]]:
    start = 0
    for i in range(1, len(events) + 1):
        if i == len(events) or events[i].kv.mod_revision != events[start].kv.mod_revision:
            yield events[start].kv.mod_revision, events[start:i]
            start = i


def _wrote(ops: Sequence[Op], result: TxnResult) -> bool:
    for op, response in zip(ops, result.responses, strict=True):
        if isinstance(op, Put) or (isinstance(op, DeleteRange) and response):
            return True
        if isinstance(op, Txn) and isinstance(response, TxnResult):
            inner = op.success if response.succeeded else op.failure
            if _wrote(inner, response):
                return True
    return False
