"""JSON and YAML to and from plain values: what encoding/json and sigs.k8s.io/yaml are to the real API server.

orjson is used where it is installed, the standard library's json otherwise, with the same results: integers of any
size stay integers, NaN is refused, text that is no Unicode gets U+FFFD in its place, as Go reads it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from controlplane.apiserver.json_syntax import explain

try:
    import orjson as _orjson
except ImportError:  # in a browser, say
    _orjson = None  # type: ignore[assignment]

MAX_DEPTH = 200  # Go stops at 10,000, far beyond any object; Python's encoders stop earlier, so refuse at the door
MOST_NODES = 400_000  # values in a YAML document that refers to parts of itself
_SAME_DIGIT = bytes(
    ord("0") if chr(byte) in "0123456789" else ord("e") if byte == ord("E") else byte for byte in range(256)
)
_HUGE = re.compile(rb"e\+?000+\s*(?:[,\]}]|$)")
_INFINITE = float("inf")
_SURROGATE = re.compile("[\ud800-\udfff]")


class DecodeError(ValueError):
    """Bytes that are no JSON (or YAML), in the words in which Go says so."""


class YamlError(DecodeError):
    """A text that is no YAML: upstream puts other words around what is wrong with it."""


class DuplicateDict(dict[str, Any]):
    """An object that was sent with some key more than once: the last value counts, the others are told of here."""

    __slots__ = ("duplicates",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        seen: set[str] = set()
        self.duplicates = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]


def encode(obj: Any) -> bytes:
    """Compact JSON, the keys in the order in which they are."""
    if _orjson is not None:
        try:
            return bytes(memoryview(_orjson.dumps(obj)))  # a copy: the original holds three times the memory it needs
        except TypeError:  # an integer past 64 bits, or lone surrogates
            pass
    text = json.dumps(obj, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _SURROGATE.sub("\ufffd", text).encode()


def decode(raw: bytes) -> Any:
    """The value of a JSON text; DecodeError, and nothing else, if it is none."""
    if _orjson is not None and not _has_large_number(raw):
        try:
            return _checked(raw, _orjson.loads(raw))
        except ValueError:  # bad syntax, or text that is no Unicode, which Go forgives
            pass
    return _decode_slow(raw, None)


def decode_noting_duplicates(raw: bytes) -> Any:
    """As `decode`, but an object that has a key twice is a `DuplicateDict`: for fieldValidation Warn and Strict."""
    return _decode_slow(raw, _pairs)


def decode_yaml(raw: bytes) -> Any:
    """The value of a YAML document as JSON has it: keys are text, no value is a date, repeated keys are noted."""
    import yaml  # only those who write YAML wait for it

    from controlplane.apiserver.yaml_reader import JsonLoader, go_message

    try:
        value = yaml.load(raw.decode("utf-8"), JsonLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise YamlError(f"yaml: {go_message(problem)}") from None
    if b"*" in raw:
        _refuse_excessive_aliasing(value)
    return _checked(b"[" * (MAX_DEPTH + 1), value)


def copy_json(value: Any) -> Any:
    """A deep copy of a JSON value, of plain dicts and lists."""
    if isinstance(value, dict):
        return {k: copy_json(v) if isinstance(v, (dict, list)) else v for k, v in value.items()}
    if isinstance(value, list):
        return [copy_json(v) if isinstance(v, (dict, list)) else v for v in value]
    return value


def _decode_slow(raw: bytes, hook: Any) -> Any:
    try:
        text = raw.decode("utf-8", "replace")
        value = json.loads(text, object_pairs_hook=hook, parse_constant=_refuse_constant, parse_float=_float)
    except RecursionError:
        raise DecodeError("exceeded max depth") from None
    except ValueError as problem:
        raise DecodeError(explain(raw) or str(problem)) from None
    value = _checked(raw, value)
    return _without_surrogates(value) if "\\u" in text else value


def _checked(raw: bytes, value: Any) -> Any:
    """`value`, unless it is nested too deep.  Only a text with that many brackets can be."""
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        level, depth = [value], 0
        while level:
            depth += 1
            if depth > MAX_DEPTH + 1:
                raise DecodeError("exceeded max depth")
            level = [
                child
                for node in level
                if isinstance(node, (dict, list))
                for child in (node.values() if isinstance(node, dict) else node)
            ]
    return value


def _refuse_excessive_aliasing(value: Any) -> None:
    """A few lines of YAML can stand for more than fits in memory, or for a value that has itself inside."""
    todo, seen = [value], 0
    while todo:
        node = todo.pop()
        seen += 1
        if seen > MOST_NODES:
            raise YamlError("yaml: document contains excessive aliasing")
        if isinstance(node, (dict, list)):
            todo += node.values() if isinstance(node, dict) else node


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else DuplicateDict(pairs)


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _has_large_number(raw: bytes) -> bool:
    """Whether some number may be past 64 bits or infinite, which orjson lets pass as something else."""
    shape = raw.translate(_SAME_DIGIT)
    if b"0000000000000000000" in shape:
        return True
    return (b"0e000" in shape or b"0e+000" in shape) and _HUGE.search(shape) is not None


def _float(text: str) -> float:
    value = float(text)
    if value in (_INFINITE, -_INFINITE):
        raise ValueError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(v) for v in value]
    if isinstance(value, dict):
        for key in list(value):
            item = _without_surrogates(value[key])
            if _SURROGATE.search(key):
                del value[key]
                key = _without_surrogates(key)
            value[key] = item
    return value
