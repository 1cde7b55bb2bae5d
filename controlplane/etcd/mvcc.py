"""The state store: every write makes a new revision of the whole keyspace, and old revisions stay readable.

One logical clock, `revision`, counts the writes.  Reads, watches and transactions all speak of it, and that is what the
rest of Kubernetes stands on: a `resourceVersion` is this number.  (etcd: server/storage/mvcc)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from controlplane.clock import Loop
from controlplane.etcd import txn as transactions
from controlplane.etcd.api import (
    MAX_REQUEST_BYTES,
    Compacted,
    Compare,
    DeleteRange,
    EmptyKey,
    Event,
    FutureRevision,
    KeyNotFound,
    KeyValue,
    LeaseNotFound,
    OnEvents,
    Op,
    Put,
    Range,
    RangeResult,
    RequestTooLarge,
    Txn,
    TxnResult,
)
from controlplane.etcd.keyspace import Keyspace, bytes_of, mod_revision
from controlplane.etcd.lease import LeaseState, Lessor
from controlplane.etcd.watch import Watcher, Watchers


class Store(Keyspace):
    """An in-memory etcd: `revision` starts at 1, as an empty etcd's does.  With a loop, leases run out on its clock.

    `durable` keeps it on disk, `replicated` on several members.
    """

    def __init__(self, loop: Loop | None = None) -> None:
        super().__init__()
        self.leases = Lessor(loop, self.revoke)
        self._watchers = Watchers()
        self._allocated = 0  # bytes that the store had before a compaction made it smaller, until defragmented

    # Writing --------------------------------------------------------------------------------------------------------

    def put(self, key: bytes, value: bytes, lease: int = 0) -> KeyValue:
        """Write one key; returns it with its new revisions.  Raises LeaseNotFound, EmptyKey or RequestTooLarge."""
        if not key:
            raise EmptyKey
        if len(key) + len(value) > MAX_REQUEST_BYTES:
            raise RequestTooLarge
        if lease and lease not in self.leases:
            raise LeaseNotFound
        event = self._put(key, value, lease, self.revision + 1)
        self._commit([event])
        return event.kv

    def delete_range(self, key: bytes, end: bytes | None = None) -> list[KeyValue]:
        """Delete the keys of `[key, end)`; returns them as they were.  Deleting nothing makes no revision."""
        if not key:
            raise EmptyKey
        events = self._delete(key, end, self.revision + 1)
        self._commit(events)
        return [event.prev for event in events if event.prev]

    def txn(self, compare: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        """If every comparison holds, do `success`, else `failure`: all of it in one revision, or none.

        Whatever can be wrong with it is raised before anything is changed: see `transactions.check`, and KeyNotFound,
        LeaseNotFound, Compacted and FutureRevision for the branch that is taken.
        """
        swap = transactions.as_swap(compare, success, failure)
        if swap is not None:  # what an API server does all day: the same as below, with less ado
            there = self.get(swap.key)
            if (there.mod_revision if there is not None else 0) != compare[0].operand:
                return TxnResult(False, [self.range(swap.key) for _ in failure], self.revision)
            event = self._put(swap.key, swap.value, 0, self.revision + 1)
            self._commit([event])
            return TxnResult(True, [event.prev], self.revision)
        whole = Txn(compare, success, failure)
        transactions.check(whole)
        path = transactions.compare_all(whole, self._find)
        self._check_possible(transactions.flatten(path))
        events: list[Event] = []
        responses = self._run(path, events)
        if len(events) > 1 and len({event.kv.key for event in events}) < len(events):
            # two branches wrote one key: a watch shows with each event what was there before the revision
            events = [event._replace(prev=self._at(event.kv.key, self.revision)) for event in events]
        self._commit(events)
        return TxnResult(path.succeeded, responses, self.revision)

    def _find(self, key: bytes, end: bytes | None) -> list[KeyValue]:
        if end is None:
            kv = self.get(key)
            return [kv] if kv is not None else []
        return self.range(key, end).kvs

    def _check_possible(self, ops: Sequence[Op]) -> None:
        for op in ops:
            if isinstance(op, Put):
                if (op.ignore_value or op.ignore_lease) and self.get(op.key) is None:
                    raise KeyNotFound
                if op.lease and op.lease not in self.leases:
                    raise LeaseNotFound
        for op in ops:
            if isinstance(op, Range) and op.revision:
                if op.revision > self.revision:
                    raise FutureRevision
                if op.revision < self.compact_revision:
                    raise Compacted(self.compact_revision)

    def _run(
        self, path: transactions.Path, events: list[Event]
    ) -> list[RangeResult | KeyValue | list[KeyValue] | TxnResult | None]:
        revision = self.revision + 1
        responses: list[RangeResult | KeyValue | list[KeyValue] | TxnResult | None] = []
        for op in path.steps:
            if isinstance(op, Put):
                value, lease = op.value, op.lease
                if op.ignore_value or op.ignore_lease:
                    old = self.get(op.key) or KeyValue(op.key, b"", 0, 0, 0)
                    value, lease = old.value if op.ignore_value else value, old.lease if op.ignore_lease else lease
                events.append(self._put(op.key, value, lease, revision))
                responses.append(events[-1].prev)
            elif isinstance(op, DeleteRange):
                deleted = self._delete(op.key, op.end, revision)
                events += deleted
                responses.append([event.prev for event in deleted if event.prev])
            elif isinstance(op, Range):
                responses.append(self._range_in_txn(op, revision if events else self.revision))
            else:
                inner = self._run(op, events)
                responses.append(TxnResult(op.succeeded, inner, 0))  # etcd says the revision outside only
        return responses

    def _range_in_txn(self, op: Range, present: int) -> RangeResult:
        """A range inside a transaction sees the writes that came before it."""
        before, self.revision = self.revision, present
        try:
            return self.query(op)
        finally:
            self.revision = before

    def _put(self, key: bytes, value: bytes, lease: int, revision: int) -> Event:
        history = self._history.get(key)
        if history is None:
            history = self._history[key] = []
            self._unsorted.append(key)
        prev = history[-1] if history and history[-1].version else None
        if prev is None:
            kv = KeyValue(key, value, revision, revision, 1, lease)
            if lease:
                self.leases.move(key, 0, lease)
        else:
            kv = KeyValue(key, value, prev.create_revision, revision, prev.version + 1, lease)
            if prev.lease or lease:
                self.leases.move(key, prev.lease, lease)
        history.append(kv)
        return Event("PUT", kv, prev)

    def _delete(self, key: bytes, end: bytes | None, revision: int) -> list[Event]:
        events = []
        for each in [key] if end is None else self._keys(key, end):
            prev = self.get(each)
            if prev is not None:
                gone = KeyValue(each, b"", 0, revision, 0)
                self._history[each].append(gone)
                events.append(Event("DELETE", gone, prev))
                if prev.lease:
                    self.leases.move(each, prev.lease, 0)
        return events

    def _commit(self, events: list[Event]) -> None:
        """Everything that changes keys ends here: the events become one revision, if there are any."""
        if events:
            self.revision += 1
            self._log.append(events)
            self._watchers.offer(self.revision, events)

    def batch(self) -> AbstractContextManager[None]:
        """Writes in here may become durable together, at its end.  In memory there is nothing to wait for."""
        return nullcontext()

    # Leases ---------------------------------------------------------------------------------------------------------

    def grant(self, ttl: int, id: int = 0) -> int:
        """A new lease of `ttl` seconds; returns its ID, chosen if not given.  Raises LeaseExists, LeaseTTLTooLarge."""
        return self.leases.grant(id or self.leases.new_id(), ttl).id

    def revoke(self, id: int) -> None:
        """End a lease: its keys are deleted, in one revision.  Raises LeaseNotFound."""
        events = self._revoked(id)
        self.leases.forget(id)
        self._commit(events)

    def keep_alive(self, id: int) -> int:
        """Start a lease's time again; returns its TTL.  Raises LeaseNotFound."""
        return self.leases.renew(id)

    def lease_state(self, id: int) -> LeaseState:
        """What is left of a lease, and its keys; a TTL of -1 if there is no such lease."""
        return self.leases.state(id)

    def _revoked(self, id: int) -> list[Event]:
        keys = sorted(self.leases.find(id).keys)
        return [event for key in keys for event in self._delete(key, None, self.revision + 1)]

    # Watching -------------------------------------------------------------------------------------------------------

    def watch(
        self,
        key: bytes,
        end: bytes | None,
        on_events: OnEvents,
        start_revision: int = 0,
        only: Literal["PUT", "DELETE"] | None = None,
    ) -> Watcher:
        """Call `on_events(revision, events)` for every revision from `start_revision` (0: the next) that touches
        `[key, end)`: first the past ones, at once, then each new one as it is committed, before the writer goes on.

        Raises Compacted if the start is older than what the store still has.
        """
        if start_revision and start_revision < self.compact_revision:
            raise Compacted(self.compact_revision)
        watcher = Watcher(key, end, on_events, only, self._watchers.remove)
        if start_revision:
            for revision in range(max(start_revision, self._log_start), self.revision + 1):
                watcher.offer(revision, self._log[revision - self._log_start])
        watcher.from_revision = max(start_revision, self.revision + 1)
        self._watchers.add(watcher)
        return watcher

    # Compaction -----------------------------------------------------------------------------------------------------

    def compact(self, revision: int) -> None:
        """Forget what is only needed to read revisions before `revision`.

        Raises Compacted if that was done already, FutureRevision if it has not happened yet.
        """
        self.check_compaction(revision)
        self.compact_revision = revision
        emptied = False
        freed = 0
        for key, history in list(self._history.items()):
            if len(history) == 1 and history[0].version:
                continue
            keep = max(bisect_right(history, revision, key=mod_revision) - 1, 0)
            if history and history[keep].version == 0 and history[keep].mod_revision <= revision:
                keep += 1
            freed += sum(bytes_of(kv) for kv in history[:keep])
            if keep == len(history):
                del self._history[key]
                emptied = True
            elif keep:
                self._history[key] = history[keep:]
        if emptied:
            self._sorted = sorted(self._history)
            self._unsorted.clear()
        self._allocated += freed
        drop = revision - self._log_start
        if drop >= 0:  # the events of `revision` itself can still be watched, but what was before it is not known
            del self._log[:drop]
            self._log_start = revision
            self._log[0] = [event._replace(prev=None) for event in self._log[0]]

    def check_compaction(self, revision: int) -> None:
        """Raises what `compact` would."""
        if revision <= self.compact_revision:
            raise Compacted(self.compact_revision)
        if revision > self.revision:
            raise FutureRevision

    def size(self) -> int:
        """Bytes in use, and those that compactions have freed since the last `defragment`."""
        return self.size_in_use() + self._allocated

    def defragment(self) -> None:
        """Give back what compactions have freed."""
        self._allocated = 0
