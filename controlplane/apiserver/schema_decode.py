"""What Go's decoder makes of a JSON value, and its encoder of that: one function for each type, made when first needed.

They only note that something is wrong (an unknown field) or give up (`Mismatch`); schema_problems.py then says what.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from controlplane.apiserver.codec import DuplicateDict, copy_json
from controlplane.apiserver.schema_values import micro_time, time
from controlplane.quantity import canonical

if TYPE_CHECKING:
    from controlplane.apiserver.schema import Field, Type

Obj = dict[str, Any]
Decoder = Callable[[Any, Any, list[str]], Any]

KEEP, DROP, NULL = 0, 1, 2  # what becomes of an empty value: written, left out, written as null
_NOTHING: Obj = {}


class Mismatch(Exception):
    """A value of the wrong type somewhere."""


def compile_type(type: Type) -> Decoder:
    """The decoder of a type.  It is never called with None: a null is the zero value."""
    kind = type.kind
    if kind == "struct":
        return _struct(type)
    if kind == "list":
        return _list(type)
    if kind == "map":
        return _map(type)
    return _PLAIN[kind]


def zero(type: Type) -> Any:
    """What Go writes for a value of `type` that was never set."""
    if type.kind == "struct":
        return {name: make() for name, make in _always(type)}
    return {
        "string": "",
        "bool": False,
        "int32": 0,
        "int64": 0,
        "uint32": 0,
        "float64": 0,
        "quantity": "0",
        "int-or-string": 0,
    }.get(type.kind)


@cache
def _always(type: Type) -> list[tuple[str, Callable[[], Any]]]:
    """The fields that are written even if nobody set them, each with a maker of its zero."""
    return [(field.name, _maker(field)) for field in type.fields.values() if _written(field)]


def _written(field: Field) -> bool:
    if field.omit_zero:
        return False
    if field.omit_empty:  # Go never calls a struct empty, and these are structs
        return not field.pointer and field.type.kind in _STRUCTS
    return True


_STRUCTS = frozenset(("struct", "quantity", "int-or-string", "time", "micro-time", "raw"))


def _maker(field: Field) -> Callable[[], Any]:
    type = field.type
    if field.never_null:
        return list
    if field.pointer or type.kind in ("list", "map", "bytes"):
        return lambda: None
    return lambda: zero(type)


def _policy(field: Field) -> int:
    if field.pointer or field.never_null:
        return KEEP
    if field.type.kind in ("list", "map", "bytes"):
        return DROP if field.omit_empty else NULL
    if field.omit_empty and field.type.kind not in _STRUCTS:
        return DROP
    return DROP if field.omit_zero else KEEP


def _struct(type: Type) -> Decoder:
    fields = type.fields
    always = _always(type)
    known: dict[str, tuple[Decoder | None, int]] = {}  # filled as fields turn up; no decoder means plain text

    def learn(name: str) -> tuple[Decoder | None, int] | None:
        field = fields.get(name)
        if field is None:
            return None
        decoder = None if field.type.kind == "string" else field.type.decoder
        entry = known[name] = (decoder, _policy(field))
        return entry

    def decode(obj: Any, old: Any, noted: list[str]) -> Any:
        if obj is old:
            return obj
        if obj.__class__ is not dict:
            obj = _object(obj, noted)
        before = old if old.__class__ is dict else _NOTHING
        out = {}
        for name, value in obj.items():
            entry = known.get(name) or learn(name)
            if entry is None:
                noted.append(name)
                continue
            if value is None:
                continue
            decoder, policy = entry
            if decoder is None:
                if value.__class__ is not str:
                    raise Mismatch
                if value or policy == KEEP:
                    out[name] = value
            else:
                value = decoder(value, before.get(name), noted)
                if value or policy == KEEP:
                    out[name] = value
        for name, make in always:
            if name not in out:
                out[name] = make()
        return out

    return decode


def _list(type: Type) -> Decoder:
    elem = type.elem
    assert elem is not None
    item_decoder = elem.decoder
    keeps_text = elem.kind == "string"

    def decode(items: Any, old: Any, noted: list[str]) -> Any:
        if items is old:
            return items
        if items.__class__ is not list:
            raise Mismatch
        if keeps_text:
            return [item if item.__class__ is str else _text_or_empty(item) for item in items]
        before = old if old.__class__ is list else ()
        at_hand = len(before)
        return [
            elem.zero() if item is None else item_decoder(item, before[i] if i < at_hand else None, noted)
            for i, item in enumerate(items)
        ]

    return decode


def _map(type: Type) -> Decoder:
    elem = type.elem
    assert elem is not None
    keeps_text = elem.kind == "string"
    item_decoder = elem.decoder

    def decode(obj: Any, old: Any, noted: list[str]) -> Any:
        if obj is old:
            return obj
        if obj.__class__ is not dict:
            obj = _object(obj, noted)
        if keeps_text:
            return {key: value if value.__class__ is str else _text_or_empty(value) for key, value in obj.items()}
        before = old if old.__class__ is dict else _NOTHING
        return {
            key: _map_zero(elem) if value is None else item_decoder(value, before.get(key), noted)
            for key, value in obj.items()
        }

    return decode


def _map_zero(elem: Type) -> Any:
    return "" if elem.kind == "bytes" else [] if elem.kind == "list" else elem.zero()


def _object(obj: Any, noted: list[str]) -> Obj:
    if isinstance(obj, DuplicateDict):
        noted += obj.duplicates
        return obj
    if isinstance(obj, dict):
        return obj
    raise Mismatch


def _text_or_empty(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    raise Mismatch


def _text(value: Any, old: Any, noted: list[str]) -> str:
    if value.__class__ is not str:
        raise Mismatch
    return value


def _bool(value: Any, old: Any, noted: list[str]) -> bool:
    if value is True or value is False:
        return value
    raise Mismatch


def _int(low: int, high: int) -> Decoder:
    def decode(value: Any, old: Any, noted: list[str]) -> int:
        if value.__class__ is int and low <= value <= high:
            return value
        raise Mismatch

    return decode


def _float(value: Any, old: Any, noted: list[str]) -> float | int:
    if value.__class__ is int:
        return value
    if value.__class__ is float:
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    raise Mismatch


def _bytes(value: Any, old: Any, noted: list[str]) -> str:
    if value.__class__ is not str:
        raise Mismatch
    try:
        clean = value.replace("\n", "").replace("\r", "")
        base64.b64decode(clean, validate=True)
        return clean
    except (binascii.Error, ValueError):
        raise Mismatch from None


def _quantity(value: Any, old: Any, noted: list[str]) -> str:
    try:
        if value.__class__ is str:
            return canonical(value.strip())
        if value.__class__ is int or value.__class__ is float:
            return canonical(repr(value))
    except ValueError:
        pass
    raise Mismatch


def _int_or_string(value: Any, old: Any, noted: list[str]) -> int | str:
    if value.__class__ is str or (value.__class__ is int and -(2**31) <= value < 2**31):
        return value
    raise Mismatch


def _moment(canonical_time: Callable[[str], str]) -> Decoder:
    def decode(value: Any, old: Any, noted: list[str]) -> str:
        if value.__class__ is not str:
            raise Mismatch
        try:
            return canonical_time(value)
        except ValueError:
            raise Mismatch from None

    return decode


def _raw(value: Any, old: Any, noted: list[str]) -> Any:
    return value if value is old else copy_json(value)


def _schema_or(other: type) -> Decoder:
    """Of apiextensions' three unions: a schema, or else a list of them, a boolean, a list of strings."""

    def decode(value: Any, old: Any, noted: list[str]) -> Any:
        from controlplane.apiserver.schema import named

        schema = named("apiextensions/v1.JSONSchemaProps")
        if isinstance(value, dict):
            return schema.decoder(value, old, noted)
        if isinstance(value, list):
            return [schema.decoder(item, None, noted) if isinstance(item, dict) else item for item in value]
        if isinstance(value, other):
            return value
        raise Mismatch

    return decode


_PLAIN: dict[str, Decoder] = {
    "string": _text,
    "bool": _bool,
    "int32": _int(-(2**31), 2**31 - 1),
    "int64": _int(-(2**63), 2**63 - 1),
    "uint32": _int(0, 2**32 - 1),
    "float64": _float,
    "bytes": _bytes,
    "quantity": _quantity,
    "int-or-string": _int_or_string,
    "time": _moment(time),
    "micro-time": _moment(micro_time),
    "raw": _raw,
    "schema-or-list": _schema_or(list),
    "schema-or-bool": _schema_or(bool),
    "schema-or-strings": _schema_or(list),
}
