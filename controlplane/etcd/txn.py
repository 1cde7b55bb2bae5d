"""What is checked of a transaction before it runs (etcd: api/v3rpc/key.go, server/etcdserver/apply.go).

`check` looks at the request alone; `compare_all` takes every decision, those of inner transactions too, before the
first write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from controlplane.etcd.api import (
    MAX_OPERATIONS,
    MAX_REQUEST_BYTES,
    Compare,
    DeleteRange,
    DuplicateKey,
    EmptyKey,
    KeyValue,
    LeaseProvided,
    Op,
    Put,
    Range,
    RequestTooLarge,
    TooManyOps,
    Txn,
    ValueProvided,
)

Find = Callable[[bytes, bytes | None], list[KeyValue]]
Interval = tuple[bytes, bytes | None]


def check(txn: Txn) -> None:
    """Raises EmptyKey, TooManyOps, ValueProvided, LeaseProvided, DuplicateKey or RequestTooLarge."""
    _check_shape(txn, MAX_OPERATIONS)
    for ops in (txn.success, txn.failure):
        if len(ops) > 1 or (ops and isinstance(ops[0], Txn)):
            _check_written(ops)
    if _size(txn) > MAX_REQUEST_BYTES:
        raise RequestTooLarge


def as_swap(compare: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> Put | None:
    """The put of a transaction that is a plain compare-and-swap of one key, or reads it on failure; else None."""
    if len(compare) != 1 or len(success) != 1 or len(failure) > 1:
        return None
    condition, put = compare[0], success[0]
    if put.__class__ is not Put or not isinstance(put, Put):
        return None
    plain = not (put.lease or put.ignore_value or put.ignore_lease) and len(put.value) < MAX_REQUEST_BYTES // 2
    same = condition.key == put.key and condition.target == "mod" and condition.op == "=" and condition.end is None
    reads = not failure or (isinstance(failure[0], Range) and failure[0] == Range(put.key))
    return put if plain and same and reads and put.key and len(put.key) < MAX_REQUEST_BYTES // 8 else None


def check_put(op: Put) -> None:
    if not op.key:
        raise EmptyKey
    if op.ignore_value and op.value:
        raise ValueProvided
    if op.ignore_lease and op.lease:
        raise LeaseProvided


def _check_shape(txn: Txn, allowed: int) -> None:
    """Each level of nesting has as many operations less as the level above has used."""
    most = max(len(txn.compare), len(txn.success), len(txn.failure))
    if most > allowed:
        raise TooManyOps
    if not all(c.key for c in txn.compare):
        raise EmptyKey
    for ops in (txn.success, txn.failure):
        for op in ops:
            if isinstance(op, Put):
                check_put(op)
            elif isinstance(op, Txn):
                _check_shape(op, allowed - most)
            elif not op.key:
                raise EmptyKey


def _check_written(ops: Sequence[Op]) -> tuple[set[bytes], list[Interval]]:
    """No key may be written twice; the two branches of an inner transaction may each write it, as only one runs."""
    deleted: list[Interval] = [(op.key, op.end) for op in ops if isinstance(op, DeleteRange)]
    puts: set[bytes] = set()
    for inner_txn in ops:
        if isinstance(inner_txn, Txn):
            then_puts, then_deleted = _check_written(inner_txn.success)
            else_puts, else_deleted = _check_written(inner_txn.failure)
            inner = then_puts | else_puts
            if puts & inner or any(_inside(key, deleted) for key in inner):
                raise DuplicateKey
            puts |= inner
            deleted += then_deleted + else_deleted
    for op in ops:
        if isinstance(op, Put):
            if op.key in puts or _inside(op.key, deleted):
                raise DuplicateKey
            puts.add(op.key)
    return puts, deleted


def _inside(key: bytes, intervals: list[Interval]) -> bool:
    """As in etcd, a deletion "from key on" counts as empty here: its end is below its start."""
    return any(key == start if end is None else start <= key < end for start, end in intervals)


def _size(txn: Txn) -> int:
    """Bytes of keys and values, which is nearly what the request has on the wire."""
    size = 0
    for c in txn.compare:
        size += len(c.key) + (len(c.operand) if isinstance(c.operand, bytes) else 8)
    for ops in (txn.success, txn.failure):
        for op in ops:
            if isinstance(op, Txn):
                size += _size(op)
            else:
                size += len(op.key) + (len(op.value) if isinstance(op, Put) else len(op.end or b""))
    return size


Step = Range | Put | DeleteRange


class Path(NamedTuple):
    """Which branch a transaction takes: its operations, an inner transaction replaced by its own path."""

    succeeded: bool
    steps: list[Step | Path]


def compare_all(txn: Txn, find: Find) -> Path:
    """Decide every branch, by what `find` says of the keys before the transaction."""
    succeeded = True
    for c in txn.compare:
        if not holds(c, find):
            succeeded = False
            break
    ops = txn.success if succeeded else txn.failure
    return Path(succeeded, [compare_all(op, find) if isinstance(op, Txn) else op for op in ops])


def flatten(path: Path) -> list[Step]:
    """All operations that run, in order."""
    ops: list[Step] = []
    for step in path.steps:
        if isinstance(step, Path):
            ops += flatten(step)
        else:
            ops.append(step)
    return ops


_ABSENT = KeyValue(b"", b"", 0, 0, 0)
_FIELD = {"version": 4, "create": 2, "mod": 3, "lease": 5, "value": 1}


def holds(compare: Compare, find: Find) -> bool:
    kvs = find(compare.key, compare.end)
    if not kvs:
        return compare.target != "value" and _one_holds(compare, _ABSENT)
    return all(_one_holds(compare, kv) for kv in kvs)


def _one_holds(compare: Compare, kv: KeyValue) -> bool:
    left = kv[_FIELD[compare.target]]
    right = compare.operand
    if compare.op == "=":
        return left == right
    if compare.op == "!=":
        return left != right
    return left < right if compare.op == "<" else left > right  # type: ignore[operator]
