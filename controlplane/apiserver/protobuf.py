"""Objects in protobuf, as kubectl and Go programs send built-in kinds: to plain values, and only in this direction.

The body is the four bytes `k8s\\0` and a runtime.Unknown, which names the kind and has the object's own message inside
(apimachinery: pkg/runtime/serializer/protobuf).  The field numbers are in the schema.
*Note*: answers are JSON, which every such client accepts, so there is no encoder here.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from controlplane.apiserver.codec import MAX_DEPTH, DecodeError
from controlplane.apiserver.codec import decode as decode_json
from controlplane.apiserver.schema import Field, Type, named, type_of

Obj = dict[str, Any]
Wire = int | bytes | memoryview  # a varint or fixed number, or what a length stands before

PREFIX = b"k8s\x00"
CUT = "unexpected EOF"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decode(raw: bytes) -> Obj:
    """The object, with its apiVersion and kind; DecodeError for anything else.

    Zero values are in it as they were sent: `Type.decode` knows which of them are left out.
    """
    if not raw.startswith(PREFIX):
        raise DecodeError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    kind: Obj = {}
    message: Wire = b""
    for number, value in fields(memoryview(raw)[len(PREFIX) :]):
        if number == 1:
            for part, text in fields(_bytes(value)):
                if part in (1, 2):
                    kind["apiVersion" if part == 1 else "kind"] = _text(text)
        elif number == 2:
            message = value
    type = type_of(kind.get("apiVersion", ""), kind.get("kind", ""))
    if type is None:  # whoever asked for another kind says so
        return kind
    obj = _struct(type, _bytes(message), 0)
    return {**kind, **obj}


def fields(data: memoryview) -> Iterator[tuple[int, Wire]]:
    """(field number, value) of a message, in the order in which they were sent."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise DecodeError(f"proto: illegal tag {number} (wire type {wire})")
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise DecodeError(f"proto: illegal wireType {wire}")
        if at + size > end:
            raise DecodeError(CUT)
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if at >= len(data):
            raise DecodeError(CUT)
        byte = data[at]
        result |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift >= 64:
            raise DecodeError("proto: integer overflow")


@cache
def _numbered(type: Type) -> dict[int, Field]:
    return {field.number: field for field in type.rows if field.number}


def _struct(type: Type, data: memoryview, depth: int) -> Obj:
    if depth > MAX_DEPTH:
        raise DecodeError("exceeded max depth")
    numbered = _numbered(type)
    out: Obj = {}
    for number, value in fields(data):
        field = numbered.get(number)
        if field is None:  # of a newer version
            continue
        inner = field.type
        if not field.name:  # an embedded struct: a message of its own here, but not in JSON
            out.update(_struct(inner, _bytes(value), depth + 1))
        elif inner.kind == "list" and not _is_message(inner):
            assert inner.elem is not None
            out.setdefault(field.name, []).append(_value(inner.elem, value, depth + 1))
        elif inner.kind == "map":
            assert inner.elem is not None
            key, item = _entry(inner.elem, _bytes(value), depth + 1)
            out.setdefault(field.name, {})[key] = item
        else:
            out[field.name] = _value(inner, value, depth + 1)
    return out


def _entry(elem: Type, data: memoryview, depth: int) -> tuple[str, Any]:
    key, item = "", elem.zero() if elem.kind != "bytes" else ""
    for number, value in fields(data):
        if number == 1:
            key = _text(value)
        elif number == 2:
            item = _value(elem, value, depth)
    return key, item


def _is_message(type: Type) -> bool:
    """Two named list types, Verbs and ExtraValue, are messages with the list inside."""
    return type.spelled.endswith((".Verbs", ".ExtraValue"))


def _value(type: Type, value: Wire, depth: int) -> Any:
    if type.kind == "struct":
        return _struct(type, _bytes(value), depth)
    if _is_message(type):
        return [_text(item) for number, item in fields(_bytes(value)) if number == 1]
    read = _READERS.get(type.kind)
    if read is None:
        raise DecodeError(f"proto: cannot read a {type.name}")
    return read(value, depth)


def _bytes(value: Wire) -> memoryview:
    if isinstance(value, int):
        raise DecodeError("proto: wrong wireType = 0")
    return memoryview(value)


def _text(value: Wire, depth: int = 0) -> str:
    return bytes(_bytes(value)).decode("utf-8", "replace")


def _number(bits: int) -> Callable[[Wire, int], int]:
    def read(value: Wire, depth: int) -> int:
        if not isinstance(value, int):
            raise DecodeError("proto: wrong wireType = 2")
        value &= (1 << bits) - 1
        return value - (1 << bits) if value >> (bits - 1) else value

    return read


def _bool(value: Wire, depth: int) -> bool:
    return bool(value) if isinstance(value, int) else False


def _float(value: Wire, depth: int) -> float:
    data = bytes(_bytes(value))
    if len(data) != 8:
        raise DecodeError(CUT)
    number = float(struct.unpack("<d", data)[0])
    if number != number or number in (float("inf"), float("-inf")):
        raise DecodeError(f"json: unsupported value: {number}")
    return number


def _base64(value: Wire, depth: int) -> str:
    return base64.b64encode(_bytes(value)).decode()


def _quantity(value: Wire, depth: int) -> str:
    return next((_text(text) for number, text in fields(_bytes(value)) if number == 1), "0")


def _int_or_string(value: Wire, depth: int) -> int | str:
    found = dict(fields(_bytes(value)))
    return _text(found.get(3, b"")) if found.get(1) == 1 else _number(32)(found.get(2, 0), depth)


def _time(value: Wire, depth: int) -> str | None:
    moment = _moment(value)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0") if moment else None


def _micro_time(value: Wire, depth: int) -> str | None:
    moment = _moment(value)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0") if moment else None


def _moment(value: Wire) -> datetime | None:
    """The zero time is sent as an empty message."""
    data = _bytes(value)
    if not data:
        return None
    found = dict(fields(data))
    try:
        seconds, nanos = _number(64)(found.get(1, 0), 0), _number(32)(found.get(2, 0), 0)
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise DecodeError("Time.MarshalJSON: year outside of range [0,9999]") from None


def _raw(value: Wire, depth: int) -> Any:
    """JSON inside: RawExtension, FieldsV1, apiextensions' JSON."""
    data = next((bytes(_bytes(raw)) for number, raw in fields(_bytes(value)) if number == 1), b"")
    return decode_json(data) if data else None


def _schema(value: Wire, depth: int) -> Obj:
    return _struct(named("apiextensions/v1.JSONSchemaProps"), _bytes(value), depth)


def _schema_or_list(value: Wire, depth: int) -> Any:
    items: list[Any] = []
    for number, item in fields(_bytes(value)):
        if number == 1:
            return _schema(item, depth + 1)
        items.append(_schema(item, depth + 1))
    return items


def _schema_or_bool(value: Wire, depth: int) -> Any:
    found = dict(fields(_bytes(value)))
    return _schema(found[2], depth + 1) if 2 in found else bool(found.get(1, 0))


def _schema_or_strings(value: Wire, depth: int) -> Any:
    texts: list[str] = []
    for number, item in fields(_bytes(value)):
        if number == 1:
            return _schema(item, depth + 1)
        texts.append(_text(item))
    return texts


_READERS: dict[str, Callable[[Wire, int], Any]] = {
    "string": _text,
    "bool": _bool,
    "int32": _number(32),
    "int64": _number(64),
    "float64": _float,
    "bytes": _base64,
    "quantity": _quantity,
    "int-or-string": _int_or_string,
    "time": _time,
    "micro-time": _micro_time,
    "raw": _raw,
    "schema-or-list": _schema_or_list,
    "schema-or-bool": _schema_or_bool,
    "schema-or-strings": _schema_or_strings,
}
