"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386), as upstream applies them (evanphx/json-patch v4).

Both give a new object that shares what the patch did not touch, and leave their inputs as they were.
"""

from __future__ import annotations

import json
from typing import Any

from controlplane.apiserver.codec import MAX_DEPTH
from controlplane.apiserver.errors import StatusError, bad_request, too_large

Obj = dict[str, Any]

MAX_OPERATIONS = 10_000
MAX_COPIED = 3 << 20  # bytes that all the copy operations of one patch may add up to

SHALLOW = 20  # parts of a path; what is added there is not nested much deeper than the request was

_STRINGS = ("op", "path", "from")
_KINDS = {bool: "bool", str: "string", int: "number", float: "number", dict: "object", list: "array"}


# Merge patch -------------------------------------------------------------------------------------------------------


def apply_merge_patch(obj: Obj, patch: Any) -> Obj:
    """Objects are merged, null removes, all else replaces."""
    if patch is None:
        raise bad_request("Invalid JSON Patch")
    if not isinstance(patch, dict):
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {_KINDS[type(patch)]} into Go value of type "
            "map[string]interface {}"
        )
    return _merge(obj, patch)


def _merge(target: Obj, patch: Obj) -> Obj:
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(old := merged.get(key), dict):
            merged[key] = _merge(old, value)
        else:
            merged[key] = _prune(value)
    return merged


def _prune(value: Any) -> Any:
    """What a patch adds, without the nulls: they say "remove", and nothing is there."""
    if isinstance(value, dict):
        return {key: _prune(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_prune(item) for item in value]
    return value


# JSON patch --------------------------------------------------------------------------------------------------------


class _Refused(Exception):
    """An operation that does not apply."""


class _Draft:
    """A document in the making: copies each container on the way to a change, once."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.copied = 0
        self._own: dict[int, Any] = {}  # by id; holding the copies keeps their ids from being used again

    def owned(self, value: Any) -> Any:
        if id(value) in self._own:
            return value
        copy = dict(value) if isinstance(value, dict) else list(value)
        self._own[id(copy)] = copy
        return copy

    def parent(self, path: str, write: bool) -> tuple[Any, str]:
        """The container that holds the last part of `path`, and that part."""
        if not path.startswith("/"):
            raise _Refused
        *parts, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
        if write:
            self.root = self.owned(self.root)
        here = self.root
        for part in parts:
            value = _get(here, part)
            if not isinstance(value, dict | list):
                raise _Refused
            if write and (copy := self.owned(value)) is not value:
                if isinstance(here, dict):
                    here[part] = copy
                else:
                    here[_index(part, len(here))] = copy
                value = copy
            here = value
        return here, last


def _index(key: str, length: int) -> int:
    """A place in a list of `length` from the text of a path; negative ones count from the end."""
    try:
        index = int(key) if key.isascii() and "_" not in key and key == key.strip() else length
    except ValueError:
        raise _Refused from None
    if index < 0:
        index += length
    if not 0 <= index < length:
        raise _Refused
    return index


def _get(container: Any, key: str) -> Any:
    if isinstance(container, dict):
        if key not in container:
            raise _Refused
        return container[key]
    return container[_index(key, len(container))]


def _add(container: Any, key: str, value: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        container.insert(_index(key, len(container) + 1), value)


def _remove(container: Any, key: str) -> Any:
    value = _get(container, key)
    if isinstance(container, dict):
        del container[key]
    else:
        del container[_index(key, len(container))]
    return value


def _same(a: Any, b: Any) -> bool:
    """JSON equality: 1, 1.0 and true are three values."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _operate(draft: _Draft, op: Obj) -> None:
    kind, path, value = op.get("op"), op.get("path"), op.get("value")
    if path is None or kind not in ("add", "remove", "replace", "move", "copy", "test"):
        raise _Refused
    if path == "" and kind == "replace":
        if not isinstance(value, dict | list):
            raise _Refused
        draft.root = value
        return
    if kind == "test":
        if path == "":
            found = draft.root
        else:
            container, key = draft.parent(path, write=False)
            found = container.get(key) if isinstance(container, dict) else _get(container, key)
        if not _same(found, value):
            raise _Refused
        return
    if kind in ("move", "copy"):
        source = op.get("from")
        if source is None:
            raise _Refused
        container, key = draft.parent(source, write=kind == "move")
        value = _remove(container, key) if kind == "move" else _get(container, key)
        if kind == "copy":
            value = json.loads(text := json.dumps(value))  # a later operation may change one of the two
            draft.copied += len(text)
            if draft.copied > MAX_COPIED:
                raise _Refused
    container, key = draft.parent(path, write=True)
    if kind == "remove":
        _remove(container, key)
    elif kind == "replace":
        _get(container, key)
        if isinstance(container, dict):
            container[key] = value
        else:
            container[_index(key, len(container))] = value
    else:
        _add(container, key, value)


def apply_json_patch(obj: Obj, ops: Any) -> Any:
    """The operations in turn.  One that does not apply, or a result nested too deep: 422, without saying more.

    The result can be any JSON value, as an operation can replace the whole document.
    """
    draft = _Draft(obj)
    operations = _operations(ops)
    try:
        for op in operations:
            _operate(draft, op)
        if any(_can_deepen(op) for op in operations) and _depth(draft.root) > MAX_DEPTH:
            raise _Refused
    except (_Refused, RecursionError):
        message = "the server rejected our request due to an error in our request"
        raise StatusError(422, "Invalid", message, {}) from None
    return draft.root


def _can_deepen(op: Obj) -> bool:
    """Whether an operation can nest a document deeper than a request can."""
    return op.get("op") in ("copy", "move") or str(op.get("path")).count("/") > SHALLOW


def _depth(value: Any) -> int:
    """How deep a value is nested, up to one more than MAX_DEPTH.  No recursion: it may be very deep."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        containers = (
            item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)
        )
        level = [child for container in containers for child in container]
    return depth


def _operations(ops: Any) -> list[Obj]:
    if ops is None:
        return []
    if not isinstance(ops, list):
        raise _undecodable(ops, "Go value of type []handlers.jsonPatchOp")
    for op in ops:
        if op is not None and not isinstance(op, dict):
            raise _undecodable(op, "Go value of type handlers.jsonPatchOp")
        for key in _STRINGS:
            if op and not isinstance(op.get(key, ""), str | None):
                raise _undecodable(op[key], f"Go struct field jsonPatchOp.{key} of type string")
    if len(ops) > MAX_OPERATIONS:
        raise too_large(f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(ops)}")
    return [op or {} for op in ops]


def _undecodable(value: Any, into: str) -> StatusError:
    return bad_request(f"error decoding patch: json: cannot unmarshal {_KINDS[type(value)]} into {into}")
