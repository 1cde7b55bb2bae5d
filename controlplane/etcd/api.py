"""What a state store offers: etcd's v3 key-value model, as plain values (etcd: api/etcdserverpb/rpc.proto).

`mvcc.Store` is the one in this process; anything else with the same methods can stand in its place.
Keys and values are bytes.  A range is `[key, end)`: no end means one key, and `ALL_KEYS` as end means "from key on".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

ALL_KEYS = b"\0"
MAX_OPERATIONS = 128  # etcd's --max-txn-ops
MAX_REQUEST_BYTES = 3 * 512 * 1024  # etcd's --max-request-bytes


class KeyValue(NamedTuple):
    """One key at one revision.  `version` counts the writes since the key was created; 0 says it is deleted here."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


class Event(NamedTuple):
    """A change: `prev` is the key as it was before, None if it did not exist."""

    type: Literal["PUT", "DELETE"]
    kv: KeyValue
    prev: KeyValue | None


class RangeResult(NamedTuple):
    """`count` is how many keys the range holds, `more` whether the limit cut some off, `revision` the store's."""

    kvs: list[KeyValue]
    count: int  # type: ignore[assignment]  # hides tuple.count, which means nothing here
    more: bool
    revision: int


class Compare(NamedTuple):
    """A condition of a transaction on one key, or on every key of `[key, end)`.

    A key that does not exist has version, create and mod revision and lease 0, and no value to compare with.
    """

    key: bytes
    target: Literal["version", "create", "mod", "value", "lease"]
    op: Literal["=", "!=", "<", ">"]
    operand: int | bytes
    end: bytes | None = None


SortTarget = Literal["key", "version", "create", "mod", "value"]
SortOrder = Literal["none", "ascend", "descend"]


class Range(NamedTuple):
    """Read; the minima and maxima leave keys out of what is returned, but not out of its count."""

    key: bytes
    end: bytes | None = None
    limit: int = 0
    revision: int = 0
    count_only: bool = False
    keys_only: bool = False
    sort_target: SortTarget = "key"
    sort_order: SortOrder = "none"
    min_mod_revision: int = 0
    max_mod_revision: int = 0
    min_create_revision: int = 0
    max_create_revision: int = 0


class Put(NamedTuple):
    """Write one key; value or lease can stay as they are, if the key exists."""

    key: bytes
    value: bytes = b""
    lease: int = 0
    ignore_value: bool = False
    ignore_lease: bool = False


class DeleteRange(NamedTuple):
    """Delete one key, or a range of them."""

    key: bytes
    end: bytes | None = None


class Txn(NamedTuple):
    """A transaction inside another one.  All comparisons are made before the first write."""

    compare: Sequence[Compare] = ()
    success: Sequence[Op] = ()
    failure: Sequence[Op] = ()


Op = Range | Put | DeleteRange | Txn


class TxnResult(NamedTuple):
    """`responses` holds, op by op, a RangeResult, the key-value a put replaced (or None), the ones deleted, or what
    an inner transaction did."""

    succeeded: bool
    responses: list[RangeResult | KeyValue | list[KeyValue] | TxnResult | None]
    revision: int


class EtcdError(Exception):
    """An error with etcd's own words."""


class Compacted(EtcdError):
    """The revision asked for is compacted away.  `compact_revision` is the oldest that can still be read."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__("etcdserver: mvcc: required revision has been compacted")
        self.compact_revision = compact_revision


class FutureRevision(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: mvcc: required revision is a future revision")


class DuplicateKey(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: duplicate key given in txn request")


class EmptyKey(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: key is not provided")


class KeyNotFound(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: key not found")


class ValueProvided(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: value is provided")


class LeaseProvided(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: lease is provided")


class TooManyOps(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: too many operations in txn request")


class RequestTooLarge(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: request is too large")


class LeaseNotFound(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: requested lease not found")


class LeaseExists(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: lease already exists")


class LeaseTTLTooLarge(EtcdError):
    def __init__(self) -> None:
        super().__init__("etcdserver: too large lease TTL")


class TimedOut(EtcdError):
    """Too few members agree in time.  Whether the write is done is not known."""

    def __init__(self) -> None:
        super().__init__("etcdserver: request timed out")


class NoSpace(EtcdError):
    """The disk is full: the write is not done."""

    def __init__(self) -> None:
        super().__init__("etcdserver: no space")


class StoreFailed(EtcdError):
    """The disk or the connection failed: whether the write is done is known only after a restart."""


class Watcher(Protocol):
    """A running watch; `cancel()` ends it."""

    def cancel(self) -> None: ...


OnEvents = Callable[[int, Sequence[Event]], None]  # (revision, all its events in the watched range)


class EtcdStore(Protocol):
    """What the API server needs of its storage."""

    @property
    def revision(self) -> int: ...

    @property
    def compact_revision(self) -> int: ...

    def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        limit: int = 0,
        revision: int = 0,
        count_only: bool = False,
        keys_only: bool = False,
    ) -> RangeResult: ...

    def put(self, key: bytes, value: bytes, lease: int = 0) -> KeyValue: ...

    def txn(self, compare: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult: ...

    def watch(self, key: bytes, end: bytes | None, on_events: OnEvents, start_revision: int = 0) -> Watcher: ...

    def compact(self, revision: int) -> None: ...


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of all keys that start with `prefix` (clientv3.GetPrefixRangeEnd).

    >>> prefix_end(b"/registry/pods/")
    b'/registry/pods0'
    """
    for i in range(len(prefix) - 1, -1, -1):
        if prefix[i] < 0xFF:
            return prefix[:i] + bytes([prefix[i] + 1])
    return ALL_KEYS
