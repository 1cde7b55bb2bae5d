"""Deletion is a wish, then a fact: grace periods, finalizers, and what happens to dependents.

An object that somebody still has to take care of is only marked: it gets a deletionTimestamp and stays until its grace
period is over or its last finalizer is gone (apiserver: registry/rest/delete.go, registry/generic/registry/store.go).
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import errors
from controlplane.apiserver.options import DeleteOptions
from controlplane.apiserver.registry import Call, Registry, Written
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.watch_cache import Entry
from controlplane.clock import parse_time, rfc3339

Obj = dict[str, Any]

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
UNCOLLECTED = frozenset({("", "Event"), ("events.k8s.io", "Event")})  # kinds without garbage collection
ORPHANS_BY_DEFAULT = frozenset({("batch", "Job"), ("", "ReplicationController")})
PURGING = (
    "The system is ensuring all content is removed from this namespace.  Upon completion, this namespace will "
    "automatically be purged by the system."
)


def delete(registry: Registry, call: Call, options: DeleteOptions) -> Written:
    """Mark the object as going, or remove it.  `Written.entry` is what is left of it, None if it is gone."""
    while True:
        entry = registry.entry(call.namespace, call.name)
        registry.server.admission.admit(attributes := registry.attributes(call, "DELETE", call.name, None, entry.obj))
        registry.server.admission.validate(attributes)
        _check_preconditions(registry, entry, options)
        marked, immediately = _mark(registry, entry.obj, options)
        if marked is entry.obj and not immediately:  # going already, and not sooner for being asked again
            return Written(entry.obj, entry)
        if options.dry_run:
            return Written(marked, None if immediately else entry)
        if marked is not entry.obj:
            updated = registry.storage.replace(entry, marked)
            if updated is None:
                continue
            entry = updated
            call.revision = str(entry.revision)
            registry.server.stored(registry.info, entry)
            if not immediately:
                return Written(entry.obj, entry)
        revision = registry.storage.remove(entry)
        if revision:
            call.revision = str(revision)
            registry.server.removed(registry.info, entry)
            return Written(entry.obj, None)


def _check_preconditions(registry: Registry, entry: Entry, options: DeleteOptions) -> None:
    meta = entry.obj["metadata"]
    for what, wanted, there, meaning in (
        ("UID", options.uid, meta["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, meta["resourceVersion"], "modified"),
    ):
        if wanted and wanted != there:
            raise errors.precondition_failed(
                registry.info,
                meta["name"],
                f"the {what} in the precondition ({wanted}) does not match the {what} in "
                f"record ({there}). The object might have been {meaning}",
            )


def _mark(registry: Registry, obj: Obj, options: DeleteOptions) -> tuple[Obj, bool]:
    """(the object as it is to be stored, is it to be removed at once?).  The same object means: store nothing."""
    now = registry.server.loop.now()
    if (registry.info.group, registry.info.plural) == ("", "namespaces"):
        return _mark_namespace(registry.info, obj, options, now)
    graceful, changes = _grace(registry, obj, options, now)
    if graceful and not changes:
        return obj, False
    finalizers = _finalizers(registry, obj["metadata"], options)
    if not graceful and not finalizers:
        return obj, True
    meta = {**obj["metadata"], **changes}
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    if not graceful:
        _stamp(meta, now)
    marked = {**obj, "metadata": meta}
    return (obj if marked == obj else marked), not finalizers and meta["deletionGracePeriodSeconds"] == 0


def _stamp(meta: Obj, now: float) -> None:
    """Mark as going, without a grace period: only finalizers hold it now."""
    if "deletionTimestamp" not in meta and meta.get("generation"):
        meta["generation"] += 1
    if "deletionTimestamp" not in meta or parse_time(meta["deletionTimestamp"]) > now:
        meta["deletionTimestamp"] = rfc3339(now)
    meta["deletionGracePeriodSeconds"] = 0


def _grace(registry: Registry, obj: Obj, options: DeleteOptions, now: float) -> tuple[bool, Obj]:
    """(is the deletion graceful?, changes to the metadata; none if a grace period runs that is not to be cut)."""
    meta = obj["metadata"]
    asked = options.grace if options.grace is None or options.grace >= 0 else 1  # a negative grace counts as 1 s
    if "deletionTimestamp" in meta:
        running = meta.get("deletionGracePeriodSeconds") or 0
        if not running:
            return False, {}
        if asked is None or asked >= running:
            return True, {}
        began = parse_time(meta["deletionTimestamp"]) - running
        until, period = began + asked, asked
        if until < now:  # the shorter period is over: the end is now, but somebody still has to see it
            until, period = now, 1 if asked else 0
        return True, {"deletionTimestamp": rfc3339(until), "deletionGracePeriodSeconds": period}
    grace = registry.strategy.check_graceful_delete(obj, {} if asked is None else {"gracePeriodSeconds": asked})
    if grace is None:
        return False, {}
    changes: Obj = {"deletionTimestamp": rfc3339(now + grace), "deletionGracePeriodSeconds": grace}
    if meta.get("generation"):
        changes["generation"] = meta["generation"] + 1
    return True, changes


def _finalizers(registry: Registry, meta: Obj, options: DeleteOptions) -> list[str]:
    """The finalizers after the request has said what is to become of the dependents."""
    there = meta.get("finalizers") or []
    kind = (registry.info.group, registry.info.kind)
    if kind in UNCOLLECTED:
        return list(there)
    if options.orphan is not None:
        orphan, foreground = options.orphan, False
    elif options.policy:
        orphan, foreground = options.policy == "Orphan", options.policy == "Foreground"
    elif ORPHAN in there or FOREGROUND in there:
        return list(there)
    else:
        orphan, foreground = kind in ORPHANS_BY_DEFAULT, False
    kept = [f for f in there if f not in (ORPHAN, FOREGROUND)]
    return kept + [ORPHAN] * orphan + [FOREGROUND] * foreground


def _mark_namespace(info: ResourceInfo, obj: Obj, options: DeleteOptions, now: float) -> tuple[Obj, bool]:
    """A namespace is emptied first: its finalizer in `spec` holds it (pkg/registry/core/namespace/storage)."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    if "deletionTimestamp" not in meta:
        meta = {**meta, "deletionTimestamp": rfc3339(now)}
        if options.policy or options.orphan is not None:
            orphan = options.orphan if options.orphan is not None else options.policy == "Orphan"
            kept = [f for f in meta.get("finalizers", ()) if f not in (ORPHAN, FOREGROUND)]
            kept += [ORPHAN] * bool(orphan) + [FOREGROUND] * (options.policy == "Foreground")
            if kept:
                meta["finalizers"] = kept
            else:
                meta.pop("finalizers", None)
        going = {**obj, "metadata": meta, "status": {**(obj.get("status") or {}), "phase": "Terminating"}}
        return going, not spec.get("finalizers") and not meta.get("finalizers")
    if spec.get("finalizers"):
        raise errors.conflict(info, meta["name"], PURGING)
    return obj, not meta.get("finalizers")
