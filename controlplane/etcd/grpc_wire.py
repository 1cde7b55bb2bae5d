"""The store's plain values as etcd's protobuf messages, and back (etcd: api/etcdserverpb/rpc.proto)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from aetcd.rpc import kv_pb2, rpc_pb2

from controlplane.etcd import api
from controlplane.etcd.api import (
    Compare,
    DeleteRange,
    EtcdError,
    Event,
    KeyValue,
    Op,
    Put,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)

ORDERS: list[api.SortOrder] = ["none", "ascend", "descend"]
TARGETS: list[api.SortTarget] = ["key", "version", "create", "mod", "value"]
OPERATORS: list[Literal["=", ">", "<", "!="]] = ["=", ">", "<", "!="]
FIELDS: list[tuple[Literal["version", "create", "mod", "value", "lease"], str]] = [
    ("version", "version"),
    ("create", "create_revision"),
    ("mod", "mod_revision"),
    ("value", "value"),
    ("lease", "lease"),
]
BY_TARGET = {name: i for i, (name, _) in enumerate(FIELDS)}

# gRPC's code for each error of etcd; what is not here is INVALID_ARGUMENT.
CODES = {
    api.Compacted: "OUT_OF_RANGE",
    api.FutureRevision: "OUT_OF_RANGE",
    api.LeaseNotFound: "NOT_FOUND",
    api.LeaseExists: "FAILED_PRECONDITION",
    api.LeaseTTLTooLarge: "OUT_OF_RANGE",
    api.NoSpace: "RESOURCE_EXHAUSTED",
    api.TimedOut: "UNAVAILABLE",
    api.StoreFailed: "UNAVAILABLE",
}
ERRORS: dict[str, type[EtcdError]] = {
    str(each()): each
    for each in (
        api.FutureRevision,
        api.DuplicateKey,
        api.EmptyKey,
        api.KeyNotFound,
        api.ValueProvided,
        api.LeaseProvided,
        api.TooManyOps,
        api.RequestTooLarge,
        api.LeaseNotFound,
        api.LeaseExists,
        api.LeaseTTLTooLarge,
        api.NoSpace,
        api.TimedOut,
    )
}


def error(message: str) -> EtcdError:
    """The error with these words."""
    if message == str(api.Compacted(0)):
        return api.Compacted(0)
    return ERRORS[message]() if message in ERRORS else EtcdError(message)


def kv_out(kv: KeyValue) -> Any:
    return kv_pb2.KeyValue(
        key=kv.key,
        value=kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        version=kv.version,
        lease=kv.lease,
    )


def kv_in(kv: Any) -> KeyValue:
    return KeyValue(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease)


def event_out(event: Event, with_prev: bool) -> Any:
    if event.type == "PUT":
        sent = kv_pb2.Event(kv=kv_out(event.kv))
    else:
        gone = kv_pb2.KeyValue(key=event.kv.key, mod_revision=event.kv.mod_revision)
        sent = kv_pb2.Event(type=kv_pb2.Event.DELETE, kv=gone)
    if with_prev and event.prev is not None:
        sent.prev_kv.CopyFrom(kv_out(event.prev))
    return sent


def event_in(event: Any) -> Event:
    prev = kv_in(event.prev_kv) if event.HasField("prev_kv") else None
    return Event("PUT" if event.type == kv_pb2.Event.PUT else "DELETE", kv_in(event.kv), prev)


# Requests -----------------------------------------------------------------------------------------------------------


def range_out(op: Range) -> Any:
    return rpc_pb2.RangeRequest(
        key=op.key,
        range_end=op.end or b"",
        limit=op.limit,
        revision=op.revision,
        sort_order=ORDERS.index(op.sort_order),
        sort_target=TARGETS.index(op.sort_target),
        keys_only=op.keys_only,
        count_only=op.count_only,
        min_mod_revision=op.min_mod_revision,
        max_mod_revision=op.max_mod_revision,
        min_create_revision=op.min_create_revision,
        max_create_revision=op.max_create_revision,
    )


def range_in(r: Any) -> Range:
    if not 0 <= r.sort_order < len(ORDERS) or not 0 <= r.sort_target < len(TARGETS):
        raise EtcdError("etcdserver: invalid sort option")
    return Range(
        r.key,
        r.range_end or None,
        r.limit,
        r.revision,
        r.count_only,
        r.keys_only,
        TARGETS[r.sort_target],
        ORDERS[r.sort_order],
        r.min_mod_revision,
        r.max_mod_revision,
        r.min_create_revision,
        r.max_create_revision,
    )


def put_out(op: Put) -> Any:
    return rpc_pb2.PutRequest(
        key=op.key,
        value=op.value,
        lease=op.lease,
        prev_kv=True,
        ignore_value=op.ignore_value,
        ignore_lease=op.ignore_lease,
    )


def put_in(r: Any) -> Put:
    return Put(r.key, r.value, r.lease, r.ignore_value, r.ignore_lease)


def delete_out(op: DeleteRange) -> Any:
    return rpc_pb2.DeleteRangeRequest(key=op.key, range_end=op.end or b"", prev_kv=True)


def delete_in(r: Any) -> DeleteRange:
    return DeleteRange(r.key, r.range_end or None)


def compare_out(c: Compare) -> Any:
    number = BY_TARGET[c.target]
    operand: Any = {FIELDS[number][1]: c.operand}
    return rpc_pb2.Compare(key=c.key, range_end=c.end or b"", target=number, result=OPERATORS.index(c.op), **operand)


def compare_in(c: Any) -> Compare:
    if not 0 <= c.target < len(FIELDS) or not 0 <= c.result < len(OPERATORS):
        raise EtcdError("etcdserver: invalid compare")
    target, field = FIELDS[c.target]
    return Compare(c.key, target, OPERATORS[c.result], getattr(c, field), c.range_end or None)


def op_out(op: Op) -> Any:
    if isinstance(op, Put):
        return rpc_pb2.RequestOp(request_put=put_out(op))
    if isinstance(op, DeleteRange):
        return rpc_pb2.RequestOp(request_delete_range=delete_out(op))
    if isinstance(op, Range):
        return rpc_pb2.RequestOp(request_range=range_out(op))
    return rpc_pb2.RequestOp(request_txn=txn_out(op))


def op_in(op: Any) -> Op:
    kind = op.WhichOneof("request")
    if kind == "request_put":
        return put_in(op.request_put)
    if kind == "request_delete_range":
        return delete_in(op.request_delete_range)
    if kind == "request_range":
        return range_in(op.request_range)
    if kind == "request_txn":
        return txn_in(op.request_txn)
    raise api.KeyNotFound  # etcd's answer to an operation that is none


def txn_out(txn: Txn) -> Any:
    return rpc_pb2.TxnRequest(
        compare=[compare_out(c) for c in txn.compare],
        success=[op_out(op) for op in txn.success],
        failure=[op_out(op) for op in txn.failure],
    )


def txn_in(r: Any) -> Txn:
    return Txn([compare_in(c) for c in r.compare], [op_in(op) for op in r.success], [op_in(op) for op in r.failure])


# Answers ------------------------------------------------------------------------------------------------------------


def range_answer(header: Any, result: RangeResult) -> Any:
    return rpc_pb2.RangeResponse(
        header=header, kvs=[kv_out(kv) for kv in result.kvs], more=result.more, count=result.count
    )


def range_answered(r: Any) -> RangeResult:
    return RangeResult([kv_in(kv) for kv in r.kvs], r.count, r.more, r.header.revision)


def txn_answer(header: Any, request: Any, result: TxnResult) -> Any:
    """`request` says which previous values are asked for."""
    answer = rpc_pb2.TxnResponse(header=header, succeeded=result.succeeded)
    _add_answers(answer, request, result, rpc_pb2.ResponseHeader(revision=result.revision))
    return answer


def _add_answers(answer: Any, request: Any, result: TxnResult, revision: Any) -> None:
    """The operations' own headers have the revision and nothing else; those of inner transactions not even that."""
    ops: Sequence[Any] = request.success if result.succeeded else request.failure
    for op, response in zip(ops, result.responses, strict=True):
        kind = op.WhichOneof("request")
        added = answer.responses.add()
        if kind == "request_put":
            added.response_put.header.CopyFrom(revision)
            if op.request_put.prev_kv and response is not None:
                added.response_put.prev_kv.CopyFrom(kv_out(response))  # type: ignore[arg-type]
        elif kind == "request_delete_range":
            assert isinstance(response, list)
            added.response_delete_range.header.CopyFrom(revision)
            added.response_delete_range.deleted = len(response)
            if op.request_delete_range.prev_kv:
                added.response_delete_range.prev_kvs.extend(kv_out(kv) for kv in response)
        elif kind == "request_range":
            assert isinstance(response, RangeResult)
            added.response_range.CopyFrom(range_answer(rpc_pb2.ResponseHeader(revision=response.revision), response))
        else:
            assert isinstance(response, TxnResult)
            inner = added.response_txn
            inner.header.SetInParent()
            inner.succeeded = response.succeeded
            _add_answers(inner, op.request_txn, response, revision)


def txn_answered(r: Any) -> TxnResult:
    responses: list[RangeResult | KeyValue | list[KeyValue] | TxnResult | None] = []
    for each in r.responses:
        kind = each.WhichOneof("response")
        if kind == "response_put":
            put = each.response_put
            responses.append(kv_in(put.prev_kv) if put.HasField("prev_kv") else None)
        elif kind == "response_delete_range":
            responses.append([kv_in(kv) for kv in each.response_delete_range.prev_kvs])
        elif kind == "response_range":
            responses.append(range_answered(each.response_range))
        else:
            responses.append(txn_answered(each.response_txn))
    return TxnResult(r.succeeded, responses, r.header.revision)
