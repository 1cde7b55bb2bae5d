"""Server-side apply: the fields that a manager wants, merged into what others have set.

(apimachinery: pkg/util/managedfields; structured-merge-diff: merge/update.go)  A manager owns what it applies.  What it
applied before and does not any more goes, unless someone else owns it too.  Setting a field that someone else owns to
another value is a conflict, until the manager takes it by force or leaves it alone.
"""

from __future__ import annotations

import json
from typing import Any

from controlplane.apiserver import managed_fields
from controlplane.apiserver.codec import DecodeError
from controlplane.apiserver.errors import StatusError, bad_request
from controlplane.apiserver.field_sets import (
    Path,
    Set,
    contains,
    difference,
    intersection,
    path_text,
    paths,
    recursive_difference,
    union,
)
from controlplane.apiserver.fields import go_json, go_quote
from controlplane.apiserver.managed_fields import STRIPPED, Entry, Manager, Managers
from controlplane.apiserver.shape_check import check
from controlplane.apiserver.shapes import Shape, empty_object, shape_of
from controlplane.apiserver.structured_merge import (
    Invalid,
    compare,
    field_set,
    merge,
    remove,
    with_declared,
    without_emptied,
)

Obj = dict[str, Any]

KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_BEFORE = "before-first-apply"

_Conflict = tuple[Manager, Path]


class _Conflicts(Exception):
    def __init__(self, found: list[_Conflict]) -> None:
        super().__init__()
        self.found = found


def apply_patch(
    live: Obj | None,
    patch: Obj,
    manager: str,
    force: bool = False,
    api_version: str = "v1",
    time: str = "",
    subresource: str = "",
    type: Any = None,
    kind: str = "",
) -> Obj:
    """The object that `live` (None: there is none yet) becomes, its managedFields among it.

    Raises StatusError: 409 with all conflicts, 400 for a configuration that cannot be applied.
    """
    _check_kind(patch, api_version, kind)
    meta = patch.get("metadata")
    if isinstance(meta, dict) and meta.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    shape = shape_of(type)
    try:
        check(patch, shape)
        applied = _Apply(live, patch, manager, api_version, time, subresource, type, shape)
        new, managers = applied.run(force)
    except Invalid as problem:
        raise bad_request(f"failed to create typed patch object ({_called(patch)}): {problem}") from None
    except _Conflicts as conflicts:
        raise _refusal(conflicts.found) from None
    if type is not None:
        try:
            new, _ = type.decode(new, "Ignore", live)
        except DecodeError as problem:
            raise bad_request(f"failed to convert new typed object ({_called(patch)}) to object: {problem}") from None
    new = {**new, "metadata": dict(new.get("metadata") or {})}
    if manager == KUBECTL and (new["metadata"].get("annotations") or {}).get(LAST_APPLIED):
        new["metadata"]["annotations"] = {**new["metadata"]["annotations"], LAST_APPLIED: _last_applied(patch)}
    if managers:
        new["metadata"]["managedFields"] = managed_fields.encode(managers)
    return new


def _check_kind(patch: Obj, api_version: str, kind: str) -> None:
    given = (patch.get("apiVersion") or "", patch.get("kind") or "")
    if given[0] != api_version or (kind and given[1] != kind):
        group, _, version = str(given[0]).rpartition("/")
        raise bad_request(f"invalid object type: {group}/{version}, Kind={given[1]}")


def _called(patch: Obj) -> str:
    """namespace/name; group/version, Kind=kind"""
    meta = patch.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    group, _, version = str(patch["apiVersion"]).rpartition("/")
    return f"{meta.get('namespace', '')}/{meta.get('name', '')}; {group}/{version}, Kind={patch.get('kind', '')}"


class _Apply:
    """One request to apply."""

    def __init__(
        self,
        live: Obj | None,
        patch: Obj,
        manager: str,
        api_version: str,
        time: str,
        subresource: str,
        type: Any,
        shape: Shape,
    ) -> None:
        empty = empty_object(type)
        self.live = managed_fields.unmanaged(live) if live else empty
        self.patch = patch
        self.shape = shape
        self.time = time
        self.me = Manager(manager, "Apply", "", subresource)
        self.api_version = api_version
        self.ignored = managed_fields.reset_fields(shape, subresource, str(patch.get("kind", "")))
        self.managers = managed_fields.managers_of(live["metadata"].get("managedFields") or []) if live else {}
        if live and not self.managers:  # all that there is belongs to someone we know nothing of
            changes = compare(empty, self.live, shape)
            before = Manager(_BEFORE, "Update", api_version, subresource)
            self.managers = managed_fields.take({}, changes, self.ignored, before, time)

    def run(self, force: bool) -> tuple[Obj, Managers]:
        """The new object and its managers.  kubectl may take from itself what it once applied on the client's side."""
        try:
            return self._merged(force)
        except _Conflicts as conflicts:
            if self.me.name != KUBECTL or (allowed := self._applied_by_the_client()) is None:
                raise
            left = [found for found in conflicts.found if not contains(allowed, found[1])]
            if left:
                raise _Conflicts(left) from None
            return self._merged(True)

    def _merged(self, force: bool) -> tuple[Obj, Managers]:
        wanted = recursive_difference(field_set(self.patch, self.shape), self.ignored)
        last = self.managers.get(self.me)
        managers = {**self.managers, self.me: Entry(wanted, self.api_version, last.time if last else None)}
        merged = merge(self.live, self.patch, self.shape)
        if last is not None and last.fields:
            merged = self._pruned(merged, last.fields, managers)
        changes = managed_fields.filtered(compare(self.live, merged, self.shape), self.ignored)
        if not force:
            self._look_for_conflicts(managers, union(changes.modified, changes.added))
        managers = managed_fields.lose(managers, changes, self.me)
        changed = bool(changes.modified or changes.added or changes.removed)
        mine = difference(wanted, STRIPPED)
        if mine:
            managers[self.me] = managers[self.me]._replace(
                fields=mine, time=self.time if changed else managers[self.me].time
            )
        else:
            managers.pop(self.me, None)
        return without_emptied(merged), managers

    def _look_for_conflicts(self, managers: Managers, written: Set) -> None:
        found = []
        for manager in sorted(managers, key=Manager.sort_key):
            if manager != self.me:
                found += [(manager, path) for path in paths(intersection(managers[manager].fields, written))]
        if found:
            raise _Conflicts(found)

    def _pruned(self, merged: Any, last: Set, managers: Managers) -> Any:
        """Without what this manager applied last time and does not now, unless another one has it too."""
        shape = self.shape
        pruned = remove(merged, with_declared(last, shape), shape)
        owned: Set = {}
        for entry in managers.values():
            owned = union(owned, entry.fields)
        everything = with_declared(field_set(merged, shape), shape)
        kept = union(with_declared(field_set(pruned, shape), shape), with_declared(owned, shape))
        pruned = remove(merged, difference(everything, kept), shape)
        gone = difference(everything, with_declared(field_set(pruned, shape), shape))
        return remove(merged, intersection(gone, with_declared(last, shape)), shape)

    def _applied_by_the_client(self) -> Set | None:
        """What `kubectl apply` said of this object, so far as it still holds."""
        text = (self.live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
        try:
            last = json.loads(text) if text else None
            if not isinstance(last, dict) or last.get("apiVersion") != self.api_version:
                return None
            check(last, self.shape)
            found = field_set(last, self.shape)
            changes = compare(last, self.live, self.shape)
        except (ValueError, RecursionError):
            return None
        for changed in (changes.modified, changes.added, changes.removed):
            found = difference(found, changed)
        return found


def _last_applied(patch: Obj) -> str:
    """The annotation that `kubectl apply` on the client's side goes by."""
    meta = dict(patch.get("metadata") or {})
    if "annotations" in meta:
        meta["annotations"] = {k: v for k, v in (meta["annotations"] or {}).items() if k != LAST_APPLIED}
        if not meta["annotations"]:
            del meta["annotations"]
    return go_json({**patch, "metadata": meta}) + "\n"


# Conflicts ---------------------------------------------------------------------------------------------------------


def _owner(manager: Manager) -> str:
    text = go_quote(manager.name)
    if manager.subresource:
        text += f" with subresource {go_quote(manager.subresource)}"
    return f"{text} using {manager.api_version}" if manager.operation == "Update" else text


def _refusal(found: list[_Conflict]) -> StatusError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_owner(manager)}",
            "field": path_text(path),
        }
        for manager, path in found
    ]
    if len(found) == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        lines: list[str] = []
        for manager in dict.fromkeys(manager for manager, _ in found):
            lines.append(f"conflicts with {_owner(manager)}:")
            lines += [f"- {path_text(path)}" for other, path in found if other == manager]
        message = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return StatusError(409, "Conflict", message, {"causes": causes})
