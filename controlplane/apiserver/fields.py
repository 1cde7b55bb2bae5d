"""What is wrong with one field of an object (apimachinery: pkg/util/validation/field/errors.go).

A path is text: `spec.containers[0].name`.  Values are shown as Go shows them: text quoted, numbers plain, everything
else as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_TITLES = {
    "FieldValueNotFound": "Not found",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueTypeInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueTooLong": "Too long",
    "FieldValueTooShort": "Too short",
    "FieldValueTooMany": "Too many",
    "FieldValueTooFew": "Too few",
    "InternalError": "Internal error",
}
_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


class Raw(str):
    """A value that is formatted already: it is shown as it stands."""


class FieldError:
    """One entry of a Status' causes, and one line of its message."""

    __slots__ = ("message", "path", "reason")

    def __init__(self, reason: str, path: str, message: str) -> None:
        self.reason = reason
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"

    def __repr__(self) -> str:
        return f"FieldError({self.reason!r}, {self.path!r}, {self.message!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldError) and (self.reason, self.path, self.message) == (
            other.reason,
            other.path,
            other.message,
        )

    def __hash__(self) -> int:
        return hash((self.reason, self.path, self.message))


def go_quote(text: str) -> str:
    """Go's %q.

    >>> print(go_quote('a "b"'))
    "a \\"b\\""
    """
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        else:
            code = ord(char)
            out.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


def go_json(value: Any) -> str:
    """JSON as Go's encoding/json writes it: compact, keys of maps in order, <, > and & escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    for char in "<>&\u2028\u2029":
        if char in text:
            text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def go_list(items: Iterable[str]) -> str:
    """Go's %v of a list of strings: [a b]."""
    return "[" + " ".join(items) + "]"


def go_strings(items: Iterable[str]) -> str:
    """Go's %#v of a list of strings.

    >>> go_strings(["a"])
    '[]string{"a"}'
    """
    return "[]string{" + ", ".join(go_quote(i) for i in items) + "}"


def show(value: Any) -> str:
    """A bad value in a message."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, str):
        return go_quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return go_json(value)


def _error(reason: str, path: str, detail: str, *value: Any) -> FieldError:
    message = _TITLES[reason]
    if value:
        message += ": " + show(value[0])
    if detail:
        message += ": " + detail
    return FieldError(reason, path, message)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    return _error("FieldValueInvalid", path, detail, value)


def required(path: str, detail: str = "") -> FieldError:
    return _error("FieldValueRequired", path, detail)


def not_supported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    names = ", ".join(go_quote(s) for s in supported)
    return _error("FieldValueNotSupported", path, f"supported values: {names}" if names else "", value)


def forbidden(path: str, detail: str = "") -> FieldError:
    return _error("FieldValueForbidden", path, detail)


def duplicate(path: str, value: Any) -> FieldError:
    return _error("FieldValueDuplicate", path, "", value)


def not_found(path: str, value: Any) -> FieldError:
    return _error("FieldValueNotFound", path, "", value)


def too_long(path: str, limit: int, unit: str = "byte") -> FieldError:
    plural = "" if limit == 1 else "s"
    return _error("FieldValueTooLong", path, f"may not be more than {limit} {unit}{plural}")


def too_many(path: str, actual: int, limit: int) -> FieldError:
    plural = "" if limit == 1 else "s"
    return _error("FieldValueTooMany", path, f"must have at most {limit} item{plural}", actual)


def too_few(path: str, actual: int, least: int) -> FieldError:
    plural = "" if least == 1 else "s"
    return _error("FieldValueTooFew", path, f"must have at least {least} item{plural}", actual)


def type_invalid(path: str, value: Any, detail: str) -> FieldError:
    return _error("FieldValueTypeInvalid", path, detail, value)


def internal(path: str, detail: str) -> FieldError:
    return _error("InternalError", path, detail)
