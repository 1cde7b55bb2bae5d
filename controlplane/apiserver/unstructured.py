"""Why a JSON value is no value of a Go type, where upstream converts without a text between.

(apimachinery: pkg/runtime/converter.go)  A strategic merge patch ends that way; its answers have these words and not
those of Go's JSON decoder.
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.schema import Type

_KINDS = {dict: "map", list: "slice", str: "string", bool: "bool", int: "int64", float: "float64"}
_INTEGERS = ("int32", "int64", "uint32")


def first_problem(value: Any, type_: Type) -> str:
    """The first thing that does not fit, in the order of the fields; "" for none that is known here."""
    if value is None:
        return ""
    kind = _KINDS.get(type(value), "map")
    if type_.kind == "struct":
        return _in_struct(value, type_) if kind == "map" else f"cannot restore struct from: {kind}"
    if type_.kind == "list" and type_.elem is not None:
        if kind != "slice":
            return f"cannot restore slice from {kind}"
        return next(filter(None, (first_problem(item, type_.elem) for item in value)), "")
    if type_.kind == "map" and type_.elem is not None:
        if kind != "map":
            return f"cannot restore map from {kind}"
        return next(filter(None, (first_problem(item, type_.elem) for item in value.values())), "")
    if type_.kind == "bytes":
        return "" if kind in ("string", "slice") else f"cannot restore slice from {kind}"
    return _in_scalar(value, kind, type_)


def _in_struct(value: dict[str, Any], type_: Type) -> str:
    for field in type_.rows:
        part = value.get(field.name) if field.name else value  # an embedded struct has its fields in the same map
        if problem := first_problem(part, field.type):
            return problem
    return ""


def _in_scalar(value: Any, kind: str, type_: Type) -> str:
    if type_.kind == "string":
        if kind == "int64":
            return f"cannot convert int64 to {type_.name}"
        return "" if kind == "string" else "unrecognized type: string"
    if type_.kind in _INTEGERS:
        if kind == "float64" and not value.is_integer():
            return f"cannot convert float64 to {type_.name}"
        return "" if kind in ("int64", "float64") else f"unrecognized type: {type_.kind}"
    return "unrecognized type: bool" if type_.kind == "bool" and kind != "bool" else ""
