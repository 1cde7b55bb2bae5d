"""What exactly is wrong with a JSON value, in the words of encoding/json and sigs.k8s.io/json.

Slow and thorough: only for values of which schema_decode.py found that something is wrong.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from controlplane.apiserver.codec import DuplicateDict
from controlplane.apiserver.fields import go_quote
from controlplane.apiserver.schema_values import micro_time, time
from controlplane.quantity import WRONG_FORMAT, canonical

if TYPE_CHECKING:
    from controlplane.apiserver.schema import Type

MOST_PROBLEMS = 100  # upstream stops noting after so many

_ACCEPTED: dict[str, tuple[str, ...]] = {
    "struct": ("object",),
    "map": ("object",),
    "list": ("array",),
    "string": ("string",),
    "bytes": ("string",),
    "bool": ("bool",),
    "int32": ("number",),
    "int64": ("number",),
    "uint32": ("number",),
    "float64": ("number",),
    "time": ("string",),
    "micro-time": ("string",),
    "int-or-string": ("string", "number"),
    "schema-or-list": ("object", "array"),
    "schema-or-bool": ("object", "bool"),
    "schema-or-strings": ("object", "array"),
}
_BITS = {"int32": 32, "int64": 64, "int-or-string": 32}


def first_mismatch(type: Type, value: Any) -> str:
    """The message for the first value, in the order of the document, that its field cannot hold."""
    return _mismatch(type, value, "", "") or "exceeded max depth"


def strict_problems(type: Type, value: Any) -> list[str]:
    """Unknown and repeated fields, each with its path, in the order of the document."""
    found: dict[str, None] = {}
    _strict(type, value, "", found)
    return list(found)[:MOST_PROBLEMS]


def _mismatch(type: Type, value: Any, struct: str, path: str) -> str:
    if value is None:
        return ""
    word = json_word(value)
    accepted = _ACCEPTED.get(type.kind)
    if accepted and word not in accepted:
        return _cannot(type, word, struct, path)
    if type.kind == "struct":
        return _in_struct(type, value, path)
    if type.kind in ("list", "map"):
        assert type.elem is not None
        for item in value.values() if word == "object" else value:
            if problem := _mismatch(type.elem, item, struct, path):
                return problem
        return ""
    if type.kind.startswith("schema-or") and word == "object":
        from controlplane.apiserver.schema import named

        return _in_struct(named("apiextensions/v1.JSONSchemaProps"), value, path)
    return _in_plain(type, value, word, struct, path)


def _in_struct(type: Type, value: Any, path: str) -> str:
    for name, item in value.items():
        field = type.fields.get(name)
        if field is not None:
            inner = f"{path}.{name}" if path else name
            if problem := _mismatch(field.type, item, type.name.rpartition(".")[2], inner):
                return problem
    return ""


def _in_plain(type: Type, value: Any, word: str, struct: str, path: str) -> str:
    if type.kind in _BITS or type.kind == "uint32":
        if word == "string":
            return ""
        bits = _BITS.get(type.kind, 33)
        low = 0 if type.kind == "uint32" else -(2 ** (bits - 1))
        if value.__class__ is int and low <= value < 2 ** (bits - 1):
            return ""
        return _cannot(type, f"number {number_text(value)}", struct, path)
    try:
        if type.kind == "quantity":
            if word not in ("string", "number"):
                return WRONG_FORMAT
            canonical(value.strip() if word == "string" else number_text(value))
        elif type.kind == "bytes":
            return base64_problem(value)
        elif type.kind == "time":
            time(value)
        elif type.kind == "micro-time":
            micro_time(value)
    except ValueError as problem:
        return str(problem)
    return ""


def _cannot(type: Type, what: str, struct: str, path: str) -> str:
    # Three types read a plainer one first, and that is what the message names.
    name = {"int-or-string": "int32", "time": "string", "micro-time": "string"}.get(type.kind, type.name)
    where = f"struct field {struct}.{path}" if path else "value"
    return f"json: cannot unmarshal {what} into Go {where} of type {name}"


def _strict(type: Type, value: Any, path: str, found: dict[str, None]) -> None:
    if isinstance(value, dict) and type.kind in ("struct", "map"):
        repeated = value.duplicates if isinstance(value, DuplicateDict) else ()
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            if type.elem is not None:
                below: Type | None = type.elem
            else:
                field = type.fields.get(name)
                below = field.type if field else None
            if below is None:
                found[f"unknown field {go_quote(inner)}"] = None
                continue
            if name in repeated:
                found[f"duplicate field {go_quote(inner)}"] = None
            _strict(below, item, inner, found)
    elif isinstance(value, list) and type.elem is not None:
        for i, item in enumerate(value):
            _strict(type.elem, item, f"{path}[{i}]", found)
    elif isinstance(value, dict) and type.kind.startswith("schema-or"):
        from controlplane.apiserver.schema import named

        _strict(named("apiextensions/v1.JSONSchemaProps"), value, path, found)


def json_word(value: Any) -> str:
    """What Go's messages call a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def number_text(value: float) -> str:
    """A number as it stood in the JSON.  *Note*: how a fraction was spelled is lost, so it is as Go would print it."""
    return repr(value)


def base64_problem(text: str) -> str:
    """ "" for valid base64, else Go's message, with the place of the first bad byte."""
    clean = text.replace("\n", "").replace("\r", "")
    try:
        base64.b64decode(clean, validate=True)
        return ""
    except (binascii.Error, ValueError):
        alphabet = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        at = next((i for i, char in enumerate(text) if char not in alphabet and char not in "\r\n"), len(text))
        if at < len(text) and text[at] == "=" and len(text[:at]) % 4 >= 2:
            at += 1 if len(text[:at]) % 4 == 3 or text[at + 1 : at + 2] == "=" else 0
        elif at == len(text):
            at -= len(clean) % 4
        return f"illegal base64 data at input byte {at}"
