"""Sets of fields, in the form that managedFields has on the wire (structured-merge-diff: fieldpath; FieldsV1).

A set is a dict from path elements to what is below them:

    f:replicas          the field "replicas"
    k:{"name":"app"}    the item of a list that has this key
    v:"a"               this item of a list that is a set
    .                   the element itself: only said where there are others below it, so {} is an element alone

The set itself is the dict of the top level's elements.  Sets share parts with one another: never change one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from controlplane.apiserver.fields import go_json, go_quote

Set = dict[str, Any]
Path = tuple[str, ...]

LEAF: Set = {}
_SELF: Set = {".": LEAF}


def node(children: Set, member: bool) -> Set | None:
    """An element with what is below it; None if there is nothing to say of either."""
    if member:
        return {".": LEAF, **children} if children else LEAF
    return children or None


def is_member(element: Set | None) -> bool:
    return element is not None and (not element or "." in element)


def below(element: Set | None) -> Set:
    """The elements below one."""
    if not element:
        return LEAF
    return {key: value for key, value in element.items() if key != "."} if "." in element else element


def union(a: Set, b: Set) -> Set:
    if not a or not b:
        return a or b
    merged = dict(a)
    for key, value in b.items():
        merged[key] = _union(merged[key], value) if key in merged else value
    return merged


def _union(a: Set, b: Set) -> Set:
    """Of two elements, each of which may be a member alone ({})."""
    return a if a is b else union(a or _SELF, b or _SELF) if a or b else LEAF


def difference(a: Set, b: Set) -> Set:
    """What is a member in `a` and none in `b`; that a parent is one in `b` says nothing of what is below it."""
    if not b:
        return a
    kept = {}
    for key, value in a.items():
        other = b.get(key)
        rest: Set | None = value
        if other is not None:
            rest = node(difference(below(value), below(other)), is_member(value) and not is_member(other))
        if rest is not None:
            kept[key] = rest
    return kept


def recursive_difference(a: Set, b: Set) -> Set:
    """The same, but a member of `b` takes all that is below it along."""
    if not b:
        return a
    kept = {}
    for key, value in a.items():
        other = b.get(key)
        rest: Set | None = value
        if is_member(other):
            rest = None
        elif other is not None:
            rest = node(recursive_difference(below(value), below(other)), is_member(value))
        if rest is not None:
            kept[key] = rest
    return kept


def intersection(a: Set, b: Set) -> Set:
    kept = {}
    for key, value in a.items():
        if (other := b.get(key)) is not None:
            both = node(intersection(below(value), below(other)), is_member(value) and is_member(other))
            if both is not None:
                kept[key] = both
    return kept


def contains(fields: Set, path: Path) -> bool:
    element: Set | None = fields
    for step in path:
        element = below(element).get(step)
        if element is None:
            return False
    return is_member(element)


def from_paths(paths: Iterator[Path]) -> Set:
    found: Set = {}
    for path in paths:
        element: Set = LEAF
        for step in reversed(path):
            element = {step: element}
        found = union(found, element)
    return found


def paths(fields: Set, prefix: Path = ()) -> Iterator[Path]:
    """The path of each member, those of a level before those below it, in order."""
    order = sorted(fields)
    for key in order:
        if is_member(fields[key]):
            yield (*prefix, key)
    for key in order:
        yield from paths(below(fields[key]), (*prefix, key))


def in_order(fields: Set) -> Set:
    """The set as it is written: elements sorted at every level."""
    return {key: in_order(fields[key]) for key in sorted(fields)}


def canonical(fields: Any) -> Set:
    """A set that came over the wire.  Raises ValueError for what is none."""
    if not isinstance(fields, dict):
        raise ValueError("fields are an object")
    return {_canonical_element(key): canonical(value) for key, value in fields.items()}


def _canonical_element(text: str) -> str:
    kind, colon, rest = text.partition(":")
    if text == "." or kind == "f":
        return text
    if not colon or kind not in ("k", "v", "i"):
        raise ValueError(f"unknown path element {text!r}")
    value = json.loads(rest)
    if kind == "k" and not isinstance(value, dict):
        raise ValueError(f"the key of a list's item is an object: {text!r}")
    return f"{kind}:{go_json(value)}"


# Elements ----------------------------------------------------------------------------------------------------------


@lru_cache(4096)
def _one_key(name: str, value: str) -> str:
    return "k:" + go_json({name: value})


def key_element(keys: dict[str, Any]) -> str:
    """The item of a list that has these keys."""
    if len(keys) == 1:
        (name, value), *_ = keys.items()
        if isinstance(value, str):
            return _one_key(name, value)
    return "k:" + go_json({name: _number(value) for name, value in keys.items()})


def value_element(value: Any) -> str:
    """This item of a set."""
    return "v:" + go_json(_number(value))


def _number(value: Any) -> Any:
    """Go writes 2.0 as 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def path_text(path: Path) -> str:
    """A path as messages have it: .spec.containers[name="app"].image"""
    return "".join(map(element_text, path))


def element_text(element: str) -> str:
    kind, _, rest = element.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "k":
        return "[" + ",".join(f"{name}={_text(value)}" for name, value in sorted(json.loads(rest).items())) + "]"
    return f"[={_text(json.loads(rest))}]" if kind == "v" else f"[{rest}]"


def _text(value: Any) -> str:
    return go_quote(value) if isinstance(value, str) else go_json(value)
