"""The keys at every revision since the last compaction, and how they are read (etcd: server/storage/mvcc/index.go)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from controlplane.etcd.api import (
    ALL_KEYS,
    Compacted,
    EmptyKey,
    Event,
    FutureRevision,
    KeyValue,
    Range,
    RangeResult,
)
from controlplane.etcd.ranges import select


class Keyspace:
    """What a store remembers: each key's history, and each revision's events.  `mvcc.Store` writes it."""

    def __init__(self) -> None:
        self.revision = 1
        self.compact_revision = 0
        self._history: dict[bytes, list[KeyValue]] = {}  # per key, by revision; version 0 marks a deletion
        self._sorted: list[bytes] = []  # the keys of _history, in order ...
        self._unsorted: list[bytes] = []  # ... but for those created since the last range read
        self._log: list[list[Event]] = []  # the events of revision `_log_start + i`
        self._log_start = 2

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
        now = self.revision
        if revision > 0:
            if revision > now:
                raise FutureRevision
            if revision < self.compact_revision:
                raise Compacted(self.compact_revision)
        else:
            revision = now
        kvs: list[KeyValue] = []
        count = 0
        for each in [key] if end is None else self._keys(key, end):
            kv = self._at(each, revision)
            if kv is None:
                continue
            count += 1
            if not count_only and (limit <= 0 or count <= limit):
                kvs.append(kv._replace(value=b"") if keys_only else kv)
        return RangeResult(kvs, count, 0 < limit < count and not count_only, now)

    def query(self, op: Range) -> RangeResult:
        """A range with all options that etcd has: order, and lowest and highest revisions."""
        if op.count_only:
            return self.range(op.key, op.end, revision=op.revision, count_only=True)
        if (op.sort_order == "none" and op.sort_target == "key") and not (
            op.min_mod_revision or op.max_mod_revision or op.min_create_revision or op.max_create_revision
        ):
            return self.range(op.key, op.end, limit=op.limit, revision=op.revision, keys_only=op.keys_only)
        return select(op, self.range(op.key, op.end, revision=op.revision))

    def _at(self, key: bytes, revision: int) -> KeyValue | None:
        history = self._history.get(key)
        if not history:
            return None
        kv = history[-1]
        if kv.mod_revision > revision:
            i = bisect_right(history, revision, key=mod_revision) - 1
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

    # The whole of it --------------------------------------------------------------------------------------------------

    def parts(self) -> tuple[list[KeyValue], list[tuple[int, list[Event]]]]:
        """All that there is to keep: what was alive at the last compaction, and the events of every revision since."""
        base = []
        for key in sorted(self._history):
            history = self._history[key]
            if history and history[0].mod_revision <= self.compact_revision:
                base.append(history[0])
        return base, list(enumerate(self._log, self._log_start))

    def load(self, base: Sequence[KeyValue], compacted: int, last: list[Event]) -> None:
        """Take over what was alive at a compaction, and the events of its revision; the store must be empty."""
        for kv in base:
            self._history[kv.key] = [kv]
            self._unsorted.append(kv.key)
        if compacted:
            self.revision = self.compact_revision = compacted
            self._log, self._log_start = [last], compacted

    def size_in_use(self) -> int:
        """Bytes of all keys and values, of old revisions too."""
        return sum(bytes_of(kv) for history in self._history.values() for kv in history)


def mod_revision(kv: KeyValue) -> int:
    return kv.mod_revision


def bytes_of(kv: KeyValue) -> int:
    return len(kv.key) + len(kv.value) + 40  # etcd keeps revisions, version and lease beside them
