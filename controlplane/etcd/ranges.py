"""The rarer options of a range: order, and lowest and highest revisions (etcd: server/etcdserver/apply.go, Range)."""

from __future__ import annotations

from controlplane.etcd.api import KeyValue, Range, RangeResult

_FIELD = {"key": 0, "value": 1, "create": 2, "mod": 3, "version": 4}


def select(op: Range, found: RangeResult) -> RangeResult:
    """What `op` returns of everything in its range.  The count is of all; the limit cuts what is left in order."""
    kvs, limit = found.kvs, op.limit
    if op.max_mod_revision:
        kvs = [kv for kv in kvs if kv.mod_revision <= op.max_mod_revision]
    if op.min_mod_revision:
        kvs = [kv for kv in kvs if kv.mod_revision >= op.min_mod_revision]
    if op.max_create_revision:
        kvs = [kv for kv in kvs if kv.create_revision <= op.max_create_revision]
    if op.min_create_revision:
        kvs = [kv for kv in kvs if kv.create_revision >= op.min_create_revision]
    filtered = op.min_mod_revision or op.max_mod_revision or op.min_create_revision or op.max_create_revision
    if limit > 0 and op.sort_order == "none" and not filtered:
        kvs = kvs[: limit + 1]  # without an order, etcd reads no further than that, and sorts what it has
    field = _FIELD[op.sort_target]

    def rank(kv: KeyValue) -> int | bytes:
        return kv[field]

    if op.sort_order == "descend":
        kvs = sorted(kvs, key=rank, reverse=True)
    elif op.sort_order == "ascend" or op.sort_target != "key":
        kvs = sorted(kvs, key=rank)
    more = 0 < limit < len(kvs)
    if more:
        kvs = kvs[:limit]
    if op.keys_only:
        kvs = [kv._replace(value=b"") for kv in kvs]
    return RangeResult(kvs, found.count, more, found.revision)
