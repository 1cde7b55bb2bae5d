"""Whether a CustomResourceDefinition's names are free, and what its status says of it.

(apiextensions-apiserver: pkg/controller/status/naming_controller.go, pkg/controller/establish)

*Note*: upstream's controllers do this a moment after the write, and its API server waits five seconds more when there
may be others like it; here a definition is established with its write.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane.clock import rfc3339

Obj = dict[str, Any]


def status_of(crd: Obj, others: Iterable[Obj], now: float) -> Obj:
    """The status that a definition should have, given all other definitions."""
    spec, before = crd["spec"], crd.get("status") or {}
    group = [other for other in others if other["spec"]["group"] == spec["group"] and other is not crd]
    accepted, reason, message = _accept(spec["names"], before.get("acceptedNames") or {}, group)
    conditions = before.get("conditions") or []
    free = reason == "NoConflicts"
    names_accepted = ("NamesAccepted", "True" if free else "False", reason, message)
    conditions = _with(conditions, *names_accepted, now)
    if free:
        established = ("Established", "True", "InitialNamesAccepted", "the initial names have been accepted")
    elif any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
        established = None  # it was served before: it goes on under its old names
    else:
        established = ("Established", "False", "NotAccepted", "not all names are accepted")
    if established is not None:
        conditions = _with(conditions, *established, now)
    storage = next(version["name"] for version in spec["versions"] if version.get("storage"))
    versions = before.get("storedVersions") or []
    return {
        "acceptedNames": accepted,
        "conditions": conditions,
        "storedVersions": versions if storage in versions else [*versions, storage],
    }


def _accept(names: Obj, before: Obj, others: list[Obj]) -> tuple[Obj, str, str]:
    """(the names accepted, reason, message): names that others have are refused, and the last refusal is told."""
    taken: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        theirs = (other.get("status") or {}).get("acceptedNames") or {}
        taken.update(filter(None, (theirs.get("plural"), theirs.get("singular"))), theirs.get("shortNames") or ())
        kinds.update(filter(None, (theirs.get("kind"), theirs.get("listKind"))))
    accepted: Obj = dict(before)
    reason, message = "NoConflicts", "no conflicts found"
    for field, used, why in (
        ("plural", taken, "PluralConflict"),
        ("singular", taken, "SingularConflict"),
        ("shortNames", taken, "ShortNamesConflict"),
        ("kind", kinds, "KindConflict"),
        ("listKind", kinds, "ListKindConflict"),
    ):
        wanted = names.get(field)
        clash = [name for name in (wanted if isinstance(wanted, list) else [wanted or ""]) if name in used]
        if clash:
            reason, message = why, ", ".join(f'"{name}" is already in use' for name in clash)
        elif wanted:
            accepted[field] = wanted
        else:
            accepted.pop(field, None)
    if names.get("categories"):
        accepted["categories"] = names["categories"]
    else:
        accepted.pop("categories", None)
    for field in ("plural", "kind"):  # these two are shown even if there is none
        accepted.setdefault(field, "")
    return accepted, reason, message


def _with(conditions: list[Obj], type: str, status: str, reason: str, message: str, now: float) -> list[Obj]:
    """The conditions with one of them as given; its time is that of its last change of status."""
    new = {"lastTransitionTime": rfc3339(now), "message": message, "reason": reason, "status": status, "type": type}
    for i, old in enumerate(conditions):
        if old["type"] == type:
            if old["status"] == status:
                new["lastTransitionTime"] = old.get("lastTransitionTime", new["lastTransitionTime"])
            return [*conditions[:i], new, *conditions[i + 1 :]]
    return [*conditions, new]
