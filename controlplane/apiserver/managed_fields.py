"""Who set which field: `metadata.managedFields` (apimachinery: pkg/util/managedfields; structured-merge-diff: merge).

Every manager has one entry for each way in which it writes: what it applied, and what it changed otherwise in one
version of the API, each by subresource.

*Note*: upstream converts objects between the versions of a kind before it compares them; here every entry is taken to
speak of the version at hand, and entries are not adapted to a schema that changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from controlplane.apiserver.field_sets import (
    Set,
    canonical,
    difference,
    from_paths,
    in_order,
    intersection,
    recursive_difference,
    union,
)
from controlplane.apiserver.shapes import Shape, empty_object, shape_of
from controlplane.apiserver.structured_merge import Comparison, Invalid, compare

Obj = dict[str, Any]

MAX_UPDATERS = 10  # entries of updates; the oldest are merged into one beyond
_ANCIENT = "ancient-changes"
_META = ("name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields")
STRIPPED = from_paths(
    iter(
        [
            ("f:apiVersion",),
            ("f:kind",),
            ("f:metadata",),
            *(("f:metadata", f"f:{key}") for key in (*_META, "resourceVersion")),
        ]
    )
)


class Manager(NamedTuple):
    """What tells one entry from another; what is applied belongs together whatever the version."""

    name: str
    operation: str  # "Apply" or "Update"
    api_version: str
    subresource: str

    def sort_key(self) -> str:
        """As upstream orders managers: by their JSON."""
        return f"{self.name}/{self.operation}/{self.api_version}/{self.subresource}"


class Entry(NamedTuple):
    """What one manager has."""

    fields: Set
    api_version: str
    time: str | None


Managers = dict[Manager, Entry]


def decode(entries: Iterable[Obj] | None) -> Managers:
    """The managers of an object.  Raises ValueError for entries that make no sense."""
    found: Managers = {}
    for entry in entries or ():
        operation, version = entry.get("operation"), entry.get("apiVersion")
        if operation not in ("Apply", "Update") or not version or entry.get("fieldsType") != "FieldsV1":
            raise ValueError("not an entry of managedFields")
        fields = canonical(entry.get("fieldsV1") or {})
        manager = Manager(
            entry.get("manager", ""), operation, "" if operation == "Apply" else version, entry.get("subresource", "")
        )
        found[manager] = Entry(fields, version, entry.get("time"))
    return found


def encode(managers: Managers) -> list[Obj]:
    """The entries as they are written, in order."""
    entries = []
    for manager, entry in managers.items():
        one: Obj = {"manager": manager.name} if manager.name else {}
        one |= {"operation": manager.operation, "apiVersion": entry.api_version}
        if entry.time:
            one["time"] = entry.time
        one |= {"fieldsType": "FieldsV1", "fieldsV1": in_order(entry.fields)}
        if manager.subresource:
            one["subresource"] = manager.subresource
        entries.append(one)
    entries.sort(
        key=lambda e: (
            e["operation"],
            e.get("time", ""),
            e.get("manager", ""),
            e["apiVersion"],
            e.get("subresource", ""),
        )
    )
    return entries


def is_reset(entries: Any) -> bool:
    """What a client sends to have the entries forgotten: [] or [{}]."""
    return isinstance(entries, list) and entries in ([], [{}])


# What the subresources leave alone ---------------------------------------------------------------------------------


def reset_fields(shape: Shape, subresource: str, kind: str) -> Set:
    """The fields that a request's changes never reach, as another path than its own is there for them."""
    if subresource == "":
        return {"f:status": {}} if shape.declares("status") else {}
    if subresource != "status":
        return {}
    return {"f:spec": {}, "f:metadata": {"f:labels": {}}} if kind == "Deployment" else {"f:spec": {}}


# Updates -----------------------------------------------------------------------------------------------------------


def update_managed(
    old: Obj | None,
    new: Obj,
    manager: str,
    operation: str = "Update",
    api_version: str = "v1",
    time: str = "",
    subresource: str = "",
    type: Any = None,
) -> list[Obj]:
    """The entries of `new`, which `manager` made of `old` by a create, an update or a patch that is no apply.

    Call it before admission and before the strategy of the kind: what those set belongs to nobody.
    """
    given = new["metadata"].get("managedFields") if not subresource else None
    before = (old["metadata"].get("managedFields") or []) if old else []
    managers = {} if is_reset(given) else managers_of(before, given)
    if old and not managers:  # what was never tracked is so from the first apply on
        return []
    shape = shape_of(type)
    live = unmanaged(old) if old else empty_object(type)
    try:
        changes = compare(live, unmanaged(new), shape)
    except Invalid:  # the items of a list cannot be told apart; validation will say more of it
        return before
    ignored = reset_fields(shape, subresource, str(new.get("kind", "")))
    after = take(managers, changes, ignored, Manager(manager or "unknown", operation, api_version, subresource), time)
    return before if after == managers and given in (None, before) else encode(_capped(after))


def managers_of(before: list[Obj], given: Any = None) -> Managers:
    """From the request if it has entries that can be read, else from the stored object."""
    if given and given != before:
        try:
            return decode(given)
        except (ValueError, TypeError, AttributeError):
            pass
    try:
        return decode(before)
    except (ValueError, TypeError, AttributeError):
        return {}


def unmanaged(obj: Obj) -> Obj:
    """The object without the entries themselves."""
    meta = obj["metadata"]
    if "managedFields" not in meta:
        return obj
    return {**obj, "metadata": {key: value for key, value in meta.items() if key != "managedFields"}}


def filtered(changes: Comparison, ignored: Set) -> Comparison:
    if not ignored:
        return changes
    return Comparison(*(recursive_difference(s, ignored) for s in (changes.removed, changes.modified, changes.added)))


def lose(managers: Managers, changes: Comparison, but: Manager | None) -> Managers:
    """The managers without what others changed, or nobody has any more; `but` keeps its own."""
    written = union(changes.modified, changes.added)
    left: Managers = {}
    for manager, entry in managers.items():
        fields = entry.fields
        if manager != but:
            if overlap := intersection(fields, written):
                fields = difference(fields, overlap)
            fields = difference(fields, changes.removed)
        if fields:
            left[manager] = entry if fields is entry.fields else entry._replace(fields=fields)
    return left


def take(managers: Managers, changes: Comparison, ignored: Set, who: Manager, time: str) -> Managers:
    """`who` has all that it changed, and the others have it no more."""
    changes = filtered(changes, ignored)
    left = lose(managers, changes, None)
    taken = difference(union(changes.modified, changes.added), STRIPPED)
    if taken:
        mine = left.get(who)
        left[who] = Entry(union(taken, mine.fields) if mine else taken, who.api_version, time)
    return left


def _capped(managers: Managers) -> Managers:
    """At most MAX_UPDATERS entries of updates: the oldest are put together, by version of the API."""
    updaters = sorted(
        (m for m in managers if m.operation == "Update"), key=lambda m: (managers[m].time or "", m.sort_key())
    )
    surplus = len(updaters) - MAX_UPDATERS
    if surplus <= 0:
        return managers
    left = dict(managers)
    first: dict[str, Manager] = {}
    for manager in updaters:
        if surplus <= 0:
            break
        entry = left[manager]
        version = entry.api_version
        if version not in first:
            first[version] = manager
            continue
        bucket = Manager(_ANCIENT, "Update", version, "")
        if bucket not in left:
            left[bucket] = left.pop(first[version])
        if manager != bucket:
            left[bucket] = Entry(union(entry.fields, left[bucket].fields), version, entry.time)
            del left[manager]
        surplus -= 1
    return left
