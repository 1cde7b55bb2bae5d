"""Merging and comparing values by their shape (structured-merge-diff: typed).

Values are plain JSON; none is ever changed, and results share what stayed as it was.
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.field_sets import (
    LEAF,
    Set,
    below,
    is_member,
    key_element,
    node,
    value_element,
)
from controlplane.apiserver.shapes import ANY, Shape

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
EMPTIED: Any = type("Emptied", (), {"__repr__": lambda self: "EMPTIED"})()  # a map or list that lost all it had


class Invalid(ValueError):
    """A value that does not fit its shape, in upstream's words."""


def _granular(value: Any, shape: Shape) -> str:
    """ "map" or "list" if the value is merged part by part, "" if it is one."""
    if isinstance(value, dict):
        return "map" if shape.kind in ("map", "any") and not shape.atomic else ""
    if isinstance(value, list):
        return "list" if shape.kind == "list" and not shape.atomic else ""
    return ""


def _child(shape: Shape, key: str) -> Shape:
    return shape.field(key) or ANY


def list_element(item: Any, shape: Shape) -> str:
    """What tells an item of a list from the others.  Raises Invalid if nothing does."""
    if not shape.keys:
        if isinstance(item, dict):
            raise Invalid("associative list without keys has an element that's a map type")
        if isinstance(item, list):
            raise Invalid("not supported: associative list with lists as elements")
        if item is None:
            raise Invalid("associative list without keys has an element that's an explicit null")
        return value_element(item)
    if item is None:
        raise Invalid("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise Invalid("associative list with keys may not have non-map elements")
    found = {}
    for key in shape.keys:
        if key in item:
            found[key] = item[key]
        elif (default := shape.key_default(key)) is not None:
            found[key] = default
    if not found:
        names = " ".join(f'"{key}"' for key in shape.keys)
        raise Invalid(
            f"associative list with keys has an element that omits all key fields [{names}] (and doesn't have default "
            "values for any key fields)"
        )
    return key_element(found)


def _elements(items: list[Any], shape: Shape) -> list[str]:
    return [list_element(item, shape) for item in items]


def _by_element(items: list[Any] | None, shape: Shape) -> dict[str, list[Any]]:
    """The items under what tells them apart; more than one where there are duplicates."""
    found: dict[str, list[Any]] = {}
    for item in items or ():
        found.setdefault(list_element(item, shape), []).append(item)
    return found


# Which fields there are --------------------------------------------------------------------------------------------


def field_set(value: Any, shape: Shape) -> Set:
    """The fields that an applied configuration mentions: its leaves, and the items of its lists."""
    return below(_fields(value, shape))


def _fields(value: Any, shape: Shape) -> Set | None:
    if value is EMPTIED or (value is None and shape.kind in ("map", "list") and not shape.atomic):
        return None
    granular = _granular(value, shape)
    children: Set = {}
    if granular == "map":
        for key, item in value.items():
            found = _fields(item, _child(shape, key))
            own = item is None or item is EMPTIED or item == {} or not shape.declares(key)
            if (element := node(below(found), own or is_member(found))) is not None:
                children[f"f:{key}"] = element
        return children or None
    if granular == "list":
        for key, items in _by_element(value, shape).items():
            several = len(items) > 1
            children[key] = LEAF if several else node(below(_fields(items[0], shape.item)), True) or LEAF
        return children or None
    return LEAF


# Comparing ---------------------------------------------------------------------------------------------------------


class Comparison:
    """What changed from one value to another: three sets."""

    __slots__ = ("removed", "modified", "added")

    def __init__(self, removed: Set, modified: Set, added: Set) -> None:
        self.removed = removed
        self.modified = modified
        self.added = added


_Changes = tuple[Set | None, Set | None, Set | None]
_SAME: _Changes = (None, None, None)
_MODIFIED: _Changes = (None, LEAF, None)


def compare(old: Any, new: Any, shape: Shape) -> Comparison:
    removed, modified, added = _compare(old, new, shape)
    return Comparison(below(removed), below(modified), below(added))


def _compare(old: Any, new: Any, shape: Shape) -> _Changes:
    if old is new:
        return _SAME
    kinds = _granular(old, shape), _granular(new, shape)
    if "map" in kinds and (old or new):
        return _compare_maps(old if kinds[0] == "map" else {}, new if kinds[1] == "map" else {}, shape)
    if "list" in kinds and (old or new):
        return _compare_lists(old if kinds[0] == "list" else [], new if kinds[1] == "list" else [], shape)
    return _SAME if old == new and isinstance(old, bool) == isinstance(new, bool) else _MODIFIED


def _compare_maps(old: dict[str, Any], new: dict[str, Any], shape: Shape) -> _Changes:
    removed: Set = {}
    modified: Set = {}
    added: Set = {}
    for key, value in new.items():
        if key not in old:
            added[f"f:{key}"] = _whole(value, _child(shape, key))
        elif (before := old[key]) is not value:
            _note(f"f:{key}", _compare(before, value, _child(shape, key)), removed, modified, added)
    for key, value in old.items():
        if key not in new:
            removed[f"f:{key}"] = _whole(value, _child(shape, key))
    return removed or None, modified or None, added or None


def _compare_lists(old: list[Any], new: list[Any], shape: Shape) -> _Changes:
    removed: Set = {}
    modified: Set = {}
    added: Set = {}
    lefts, rights = _by_element(old, shape), _by_element(new, shape)
    for key in {**lefts, **rights}:
        left, right = lefts.get(key, []), rights.get(key, [])
        if len(left) <= 1 and len(right) <= 1:
            if not left:
                added[key] = _whole(right[0], shape.item)
            elif not right:
                removed[key] = _whole(left[0], shape.item)
            else:
                _note(key, _compare(left[0], right[0], shape.item), removed, modified, added)
        elif len(left) > 1 and len(right) > 1:
            if left != right:
                modified[key] = LEAF
        elif len(left) > 1:
            removed[key] = LEAF
            if right:
                added[key] = _whole(right[0], shape.item)
        else:
            added[key] = LEAF
            if left:
                removed[key] = _whole(left[0], shape.item)
    return removed or None, modified or None, added or None


def _note(key: str, changes: _Changes, removed: Set, modified: Set, added: Set) -> None:
    for found, into in zip(changes, (removed, modified, added), strict=True):
        if found is not None:
            into[key] = found


def _whole(value: Any, shape: Shape) -> Set:
    """All of a value that came or went: its leaves, and what holds them."""
    granular = _granular(value, shape)
    if granular == "map" and value:
        return {".": LEAF, **{f"f:{key}": _whole(item, _child(shape, key)) for key, item in value.items()}}
    if granular == "list" and value:
        found = _by_element(value, shape).items()
        return {
            ".": LEAF,
            **{key: LEAF if len(items) > 1 else _whole(items[0], shape.item) for key, items in found},
        }
    return LEAF


# Merging -----------------------------------------------------------------------------------------------------------


def merge(live: Any, applied: Any, shape: Shape) -> Any:
    """What `live` becomes with all that `applied` says.  Nothing goes away."""
    if applied is MISSING or live is applied:
        return live
    if live is MISSING:
        return applied
    granular = _granular(applied, shape) or (_granular(live, shape) if applied is None else "")
    if granular == "map" and (live or applied):
        return _merge_maps(live if isinstance(live, dict) else {}, applied or {}, shape)
    if granular == "list" and (live or applied):
        return _merge_lists(live if isinstance(live, list) else [], applied or [], shape)
    return live if live == applied and type(live) is type(applied) else applied


def _merge_maps(live: dict[str, Any], applied: dict[str, Any], shape: Shape) -> dict[str, Any]:
    merged = dict(live)
    changed = False
    for key, value in applied.items():
        before = live.get(key, MISSING)
        after = merge(before, value, _child(shape, key))
        if after is not before:
            merged[key] = after
            changed = True
    return merged if changed else live


def _merge_lists(live: list[Any], applied: list[Any], shape: Shape) -> list[Any]:
    """The items in the order of what is applied; what only the live list has stays before what follows it there."""
    lefts, rights = _elements(live, shape), _elements(applied, shape)
    left_items = {key: items[0] if len(items) == 1 else MISSING for key, items in _by_element(live, shape).items()}
    right_items = dict(zip(rights, applied, strict=True))
    shared = iter([key for key in rights if key in left_items])
    next_shared = next(shared, None)
    merged: list[Any] = []
    done: set[str] = set()
    left = right = 0
    while left < len(lefts) or right < len(rights):
        if left < len(lefts) and right < len(rights):
            key = lefts[left]
            if key == rights[right]:
                merged.append(merge(left_items[key], right_items[key], shape.item))
                done.add(key)
                left, right, next_shared = left + 1, right + 1, next(shared, None)
                continue
            if key in right_items and next_shared is not None and key != next_shared:
                left += 1  # another place is meant for it
                continue
        if left < len(lefts):
            key = lefts[left]
            if key not in right_items:
                merged.append(live[left])
                left += 1
                continue
            if key in done:
                left += 1
        if right < len(rights):
            key = rights[right]
            merged.append(merge(left_items.get(key, MISSING), right_items[key], shape.item))
            done.add(key)
            right += 1
            if key == next_shared:
                next_shared = next(shared, None)
    unchanged = len(merged) == len(live) and all(a is b for a, b in zip(merged, live, strict=True))
    return live if unchanged else merged


# Removing ----------------------------------------------------------------------------------------------------------


def remove(value: Any, fields: Set, shape: Shape) -> Any:
    """The value without these fields; EMPTIED where nothing is left of a map or list."""
    granular = _granular(value, shape)
    if not granular or not value or not fields:
        return value if not (shape.atomic and isinstance(value, dict | list)) or not fields else EMPTIED
    if granular == "map":
        kept = {}
        for key, item in value.items():
            element = fields.get(f"f:{key}")
            if element is None:
                kept[key] = item
            elif not is_member(element):
                kept[key] = remove(item, below(element), _child(shape, key))
        return kept or EMPTIED
    items = []
    for item in value:
        element = fields.get(list_element(item, shape))
        if element is None:
            items.append(item)
        elif not is_member(element):
            items.append(remove(item, below(element), shape.item))
    return items or EMPTIED


def without_emptied(value: Any) -> Any:
    """The value less the places where nothing is left."""
    if isinstance(value, dict):
        kept = {key: without_emptied(item) for key, item in value.items() if item is not EMPTIED}
        same = len(kept) == len(value) and all(kept[key] is item for key, item in value.items())
        return value if same else kept
    if isinstance(value, list):
        items = [without_emptied(item) for item in value if item is not EMPTIED]
        return value if len(items) == len(value) and all(map(_is, items, value)) else items
    return {} if value is EMPTIED else value


def _is(a: Any, b: Any) -> bool:
    return a is b


def with_declared(fields: Set, shape: Shape) -> Set:
    """The set with the declared fields that hold members as members themselves."""
    found: Set = {}
    for key, element in fields.items():
        if not element or key == ".":
            found[key] = element
            continue
        kind, _, name = key.partition(":")
        child = _child(shape, name) if kind == "f" else shape.item
        member = is_member(element) or (kind == "f" and shape.declares(name))
        found[key] = node(with_declared(below(element), child), member) or LEAF
    return found
