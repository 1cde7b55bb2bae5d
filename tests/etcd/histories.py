"""Random histories of operations on a store, and what came of each: a value, or an error's words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from controlplane.etcd.api import ALL_KEYS, Compare, DeleteRange, EtcdError, Event, Op, Put, Range, Txn

KEYS = [b"a", b"a/", b"a/b", b"a/c", b"b", b"b\x00", b"\xff", b"\xff\xff\x01"]
ENDS = [*KEYS, b"c", ALL_KEYS]
VALUES = [b"", b"1", b"2", b"\x00\xff", b"x" * 300]
TARGETS: list[Any] = ["key", "version", "create", "mod", "value"]


class History:
    """Draws operations that make sense at the store's present revision, and some that do not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.base = 0  # the revision at which the history started
        self.revision = 0
        self.leases: list[int] = []

    def key(self) -> bytes:
        return b"" if self.random.random() < 0.01 else self.random.choice(KEYS)

    def span(self) -> tuple[bytes, bytes | None]:
        return self.key(), self.random.choice([None, *ENDS])

    def at(self) -> int:
        """Mostly now; else a revision of this history, compacted or not, or one to come."""
        draw = self.random.random()
        if draw < 0.6:
            return 0
        if draw < 0.63:
            return self.revision + self.random.randint(1, 3)
        if draw < 0.65:
            return -self.random.randint(1, 3)
        return self.random.randint(max(self.base - 2, 1), self.revision)

    def lease(self) -> int:
        return self.random.choice([0, 0, 0, *self.leases, 12345])

    def put(self) -> Put:
        ignore_value, ignore_lease = self.random.random() < 0.1, self.random.random() < 0.1
        careless = self.random.random() < 0.1
        value = b"" if ignore_value and not careless else self.random.choice(VALUES)
        lease = 0 if ignore_lease and not careless else self.lease()
        return Put(self.key(), value, lease, ignore_value, ignore_lease)

    def range(self) -> Range:
        key, end = self.span()
        low_high = [self.random.choice([0] * 8 + [self.random.randint(self.base, self.revision + 1)]) for _ in range(4)]
        order: Any = self.random.choice(["none", "none", "none", "ascend", "descend"])
        target = self.random.choice(["key", "key", *TARGETS])
        few, count = self.random.choice([0, 0, 0, 1, 2, 3]), self.random.random() < 0.1
        return Range(key, end, few, self.at(), count, self.random.random() < 0.1, target, order, *low_high)

    def delete(self) -> DeleteRange:
        return DeleteRange(*self.span()) if self.random.random() < 0.5 else DeleteRange(self.key())

    def compare(self) -> Compare:
        target: Any = self.random.choice(["version", "create", "mod", "value", "lease"])
        operand: int | bytes = self.random.randint(0, 3)
        if target == "value":
            operand = self.random.choice(VALUES)
        elif target == "lease":
            operand = self.lease()
        elif target != "version":
            operand = self.random.choice([0, self.random.randint(self.base, self.revision + 1)])
        op: Any = self.random.choice(["=", "=", "!=", "<", ">"])
        key, end = self.span()
        return Compare(key, target, op, operand, end if self.random.random() < 0.3 else None)

    def op(self, depth: int) -> Op:
        draw = self.random.random()
        if draw < 0.45:
            return self.put()
        if draw < 0.6:
            delete = self.delete()  # etcd 3.5 lets a put follow a deletion "from key on", and may panic
            return delete if delete.end != ALL_KEYS else delete._replace(end=b"\xff")
        if draw < 0.9 or depth == 2:
            return self.range()
        return self.txn(depth + 1)

    def txn(self, depth: int = 0) -> Txn:
        some = self.random.randint
        return Txn(
            [self.compare() for _ in range(some(0, 2))],
            [self.op(depth) for _ in range(some(0, 3))],
            [self.op(depth) for _ in range(some(0, 2))],
        )

    def step(self) -> tuple[str, Any]:
        """What to do next."""
        draw = self.random.random()
        if draw < 0.3:
            op = self.put()
            return "put", op._replace(ignore_value=False, ignore_lease=False)
        if draw < 0.4:
            return "delete", self.delete()
        if draw < 0.65:
            return "range", self.range()
        if draw < 0.88:
            return "txn", self.txn()
        if draw < 0.91:
            return "grant", (self.random.choice([60, 100, 9_000_000_001]), self.random.choice([7, 8, 9, 10]))
        if draw < 0.94:
            return "revoke", self.random.choice([*self.leases, 12345])
        if draw < 0.96:
            return "lease", self.random.choice([*self.leases, 12345])
        return "compact", self.revision + self.random.choice([1, 0, -1, -2, -3, -5])


def perform(store: Any, kind: str, what: Any) -> Any:
    """Do it; the result, or the error's class and words."""
    try:
        if kind == "put":
            return store.put(what.key, what.value, what.lease)
        if kind == "delete":
            return store.delete_range(what.key, what.end)
        if kind == "range":
            return store.query(what)
        if kind == "txn":
            return store.txn(what.compare, what.success, what.failure)
        if kind == "grant":
            return store.grant(*what)
        if kind == "revoke":
            return store.revoke(what)
        if kind == "lease":
            return store.lease_state(what)[1:]  # not how many seconds are left: the clocks differ
        return store.compact(what)
    except EtcdError as error:
        return type(error).__name__, str(error)


class Recorder(list[tuple[int, Event]]):
    """A list that fills with the events of a watch."""

    def __init__(self, store: Any, key: bytes, end: bytes | None, start: int = 0, only: Any = None) -> None:
        super().__init__()
        self.watcher = store.watch(key, end, self._add, start, only)

    def _add(self, revision: int, events: Sequence[Event]) -> None:
        self.extend((revision, event) for event in events)
