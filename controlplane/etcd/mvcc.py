"""The state store: every write makes a new revision of the whole keyspace, and old revisions stay readable.

One logical clock, `revision`, counts the writes.  Reads, watches and transactions all speak of it, and that is what the
rest of Kubernetes stands on: a `resourceVersion` is this number.  (etcd: server/storage/mvcc)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from controlplane.etcd.api import (
    ALL_KEYS,
    Compacted,
    Compare,
    DeleteRange,
    DuplicateKey,
    EmptyKey,
    Event,
    FutureRevision,
    KeyValue,
    OnEvents,
    Op,
    Put,
    Range,
    RangeResult,
    TxnResult,
    prefix_end,
)


class Store:
    """An in-memory etcd: `revision` starts at 1, as an empty etcd's does.

    *Note*: leases, the log on disk and the members that agree on it live in modules of their own.
    """

    def __init__(self) -> None:
        self.revision = 1
        self.compact_revision = 0
        self._history: dict[bytes, list[KeyValue]] = {}  # per key, by revision; version 0 marks a deletion
        self._sorted: list[bytes] = []  # the keys of _history, in order ...
        self._unsorted: list[bytes] = []  # ... but for those created since the last range read
        self._log: list[list[Event]] = []  # the events of revision `_log_start + i`
        self._log_start = 2
        self._watchers: list[_Watcher] = []
        self._near: dict[bytes, list[_Watcher]] = {}  # folder -> the watchers whose range touches it, found once

    # Reading --------------------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> KeyValue | None:
        """The key as it is now, or None."""
        history = self._history.get(key)
        return history[-1] if history and history[-1].version else None

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
        """The keys of `[key, end)` in order, as they were at `revision` (0 for now).

        Raises Compacted or FutureRevision if that revision can't be read.
        """
        if not key:
            raise EmptyKey
        at = revision or self.revision
        if at > self.revision:
            raise FutureRevision
        if at < self.compact_revision:
            raise Compacted(self.compact_revision)
        kvs: list[KeyValue] = []
        count = 0
        for each in [key] if end is None else self._keys(key, end):
            kv = self._at(each, at)
            if kv is None:
                continue
            count += 1
            if not count_only and (not limit or count <= limit):
                kvs.append(kv._replace(value=b"") if keys_only else kv)
        return RangeResult(kvs, count, bool(limit) and count > limit and not count_only, self.revision)

    def _at(self, key: bytes, revision: int) -> KeyValue | None:
        history = self._history.get(key)
        if not history:
            return None
        kv = history[-1]
        if kv.mod_revision > revision:
            i = bisect_right(history, revision, key=_mod_revision) - 1
            if i < 0:
                return None
            kv = history[i]
        return kv if kv.version else None

    def _keys(self, start: bytes, end: bytes) -> list[bytes]:
        if self._unsorted:  # sorting an almost sorted list is nearly linear, and cheaper than inserting one by one
            self._sorted += self._unsorted
            self._sorted.sort()
            self._unsorted.clear()
        keys = self._sorted
        last = len(keys) if end == ALL_KEYS else bisect_left(keys, end)
        return keys[bisect_left(keys, start) : last]

    # Writing --------------------------------------------------------------------------------------------------------

    def put(self, key: bytes, value: bytes, lease: int = 0) -> KeyValue:
        """Write one key; returns it with its new revisions."""
        event = self._put(key, value, lease, self.revision + 1)
        self._commit([event])
        return event.kv

    def delete_range(self, key: bytes, end: bytes | None = None) -> list[KeyValue]:
        """Delete the keys of `[key, end)`; returns them as they were.  Deleting nothing makes no revision."""
        events = self._delete(key, end, self.revision + 1)
        self._commit(events)
        return [event.prev for event in events if event.prev]

    def txn(self, compare: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        """If every comparison holds, do `success`, else `failure`: all of it in one revision, or none.

        Raises EmptyKey if an operation names none and DuplicateKey if one branch writes a key twice, before anything
        is changed.
        """
        for branch in (success, failure):
            if not all(op.key for op in branch):
                raise EmptyKey
            _check_unique(branch)
        succeeded = all(self._holds(c) for c in compare)
        ops = success if succeeded else failure
        for op in ops:  # whatever can fail fails before the first write
            if isinstance(op, Range) and op.revision:
                self.range(op.key, op.end, revision=op.revision, count_only=True)
        revision = self.revision + 1
        events: list[Event] = []
        responses: list[RangeResult | KeyValue | list[KeyValue] | None] = []
        for op in ops:
            if isinstance(op, Put):
                events.append(self._put(op.key, op.value, op.lease, revision))
                responses.append(events[-1].prev)
            elif isinstance(op, DeleteRange):
                deleted = self._delete(op.key, op.end, revision)
                events += deleted
                responses.append([event.prev for event in deleted if event.prev])
            else:
                responses.append(self._range_in_txn(op, revision if events else self.revision))
        self._commit(events)
        return TxnResult(succeeded, responses, self.revision)

    def _range_in_txn(self, op: Range, present: int) -> RangeResult:
        """A range inside a transaction sees the writes that came before it."""
        before, self.revision = self.revision, present
        try:
            return self.range(
                op.key, op.end, limit=op.limit, revision=op.revision, count_only=op.count_only, keys_only=op.keys_only
            )
        finally:
            self.revision = before

    def _holds(self, compare: Compare) -> bool:
        kv = self.get(compare.key)
        if compare.target == "value":
            if kv is None:  # etcd: a comparison with the value of a missing key is false
                return False
            left: int | bytes = kv.value
        elif kv is None:
            left = 0
        else:
            left = {"version": kv.version, "create": kv.create_revision, "mod": kv.mod_revision, "lease": kv.lease}[
                compare.target
            ]
        right = compare.operand
        if compare.op == "=":
            return left == right
        if compare.op == "!=":
            return left != right
        return left < right if compare.op == "<" else left > right  # type: ignore[operator]

    def _put(self, key: bytes, value: bytes, lease: int, revision: int) -> Event:
        if not key:
            raise EmptyKey
        history = self._history.get(key)
        if history is None:
            history = self._history[key] = []
            self._unsorted.append(key)
        prev = history[-1] if history and history[-1].version else None
        if prev is None:
            kv = KeyValue(key, value, revision, revision, 1, lease)
        else:
            kv = KeyValue(key, value, prev.create_revision, revision, prev.version + 1, lease)
        history.append(kv)
        return Event("PUT", kv, prev)

    def _delete(self, key: bytes, end: bytes | None, revision: int) -> list[Event]:
        if not key:
            raise EmptyKey
        events = []
        for each in [key] if end is None else self._keys(key, end):
            prev = self.get(each)
            if prev is not None:
                gone = KeyValue(each, b"", 0, revision, 0)
                self._history[each].append(gone)
                events.append(Event("DELETE", gone, prev))
        return events

    def _commit(self, events: list[Event]) -> None:
        if not events:
            return
        self.revision += 1
        self._log.append(events)
        if len(events) == 1:
            key = events[0].kv.key
            folder = key[: key.rfind(b"/") + 1]
            watchers = self._near.get(folder)
            if watchers is None:
                last = prefix_end(folder) if folder else ALL_KEYS
                watchers = self._near[folder] = [w for w in self._watchers if w.touches(folder, last)]
        else:
            watchers = self._watchers
        for watcher in watchers:
            watcher.offer(self.revision, events)

    # Watching -------------------------------------------------------------------------------------------------------

    def watch(self, key: bytes, end: bytes | None, on_events: OnEvents, start_revision: int = 0) -> _Watcher:
        """Call `on_events(revision, events)` for every revision from `start_revision` (0: the next) that touches
        `[key, end)`: first the past ones, at once, then each new one as it is committed, before the writer goes on.

        Raises Compacted if the start is older than what the store still has.
        """
        if start_revision and start_revision <= self.compact_revision:
            raise Compacted(self.compact_revision)
        watcher = _Watcher(self, key, end, on_events)
        if start_revision:
            for revision in range(max(start_revision, self._log_start), self.revision + 1):
                watcher.offer(revision, self._log[revision - self._log_start])
        watcher.from_revision = max(start_revision, self.revision + 1)
        self._watchers = [*self._watchers, watcher]  # a new list: a commit may be walking through the old one
        self._near.clear()
        return watcher

    def _unwatch(self, watcher: _Watcher) -> None:
        self._watchers = [w for w in self._watchers if w is not watcher]
        self._near.clear()

    # Compaction -----------------------------------------------------------------------------------------------------

    def compact(self, revision: int) -> None:
        """Forget what is only needed to read revisions before `revision`.

        Raises Compacted if that was done already, FutureRevision if it has not happened yet.
        """
        if revision <= self.compact_revision:
            raise Compacted(self.compact_revision)
        if revision > self.revision:
            raise FutureRevision
        self.compact_revision = revision
        emptied = False
        for key, history in list(self._history.items()):
            if len(history) == 1 and history[0].version:
                continue
            keep = max(bisect_right(history, revision, key=_mod_revision) - 1, 0)
            if history[keep].version == 0 and history[keep].mod_revision <= revision:
                keep += 1
            if keep == len(history):
                del self._history[key]
                emptied = True
            elif keep:
                self._history[key] = history[keep:]
        if emptied:
            self._sorted = sorted(self._history)
            self._unsorted.clear()
        drop = revision + 1 - self._log_start
        if drop > 0:
            del self._log[:drop]
            self._log_start = revision + 1


class _Watcher:
    """One watch.  `cancel()` may be called at any time, also from its own callback."""

    __slots__ = ("store", "key", "end", "on_events", "from_revision", "active")

    def __init__(self, store: Store, key: bytes, end: bytes | None, on_events: OnEvents) -> None:
        self.store = store
        self.key = key
        self.end = end
        self.on_events = on_events
        self.from_revision = 0
        self.active = True

    def offer(self, revision: int, events: list[Event]) -> None:
        """Pass on those of one revision's events that lie in the watched range."""
        if not self.active or revision < self.from_revision:
            return
        key, end = self.key, self.end
        if len(events) == 1:
            changed = events[0].kv.key
            mine = (
                events
                if changed == key or (end is not None and changed >= key and (end == ALL_KEYS or changed < end))
                else ()
            )
        else:
            mine = [
                e
                for e in events
                if e.kv.key == key or (end is not None and e.kv.key >= key and (end == ALL_KEYS or e.kv.key < end))
            ]
        if mine:
            self.on_events(revision, mine)

    def touches(self, start: bytes, end: bytes) -> bool:
        """Can a key of `[start, end)` lie in the watched range?"""
        if self.end is None:
            return start <= self.key and (end == ALL_KEYS or self.key < end)
        return (end == ALL_KEYS or self.key < end) and (self.end == ALL_KEYS or start < self.end)

    def cancel(self) -> None:
        self.active = False
        self.store._unwatch(self)


def _mod_revision(kv: KeyValue) -> int:
    return kv.mod_revision


def _check_unique(ops: Sequence[Op]) -> None:
    """No key may be written twice in one transaction (etcd: checkPuts, checkIntervals)."""
    puts: set[bytes] = set()
    for op in ops:
        if isinstance(op, Put):
            if op.key in puts:
                raise DuplicateKey
            puts.add(op.key)
    for op in ops:
        if isinstance(op, DeleteRange):
            for key in puts:
                if key == op.key or (op.end is not None and key >= op.key and (op.end == ALL_KEYS or key < op.end)):
                    raise DuplicateKey
