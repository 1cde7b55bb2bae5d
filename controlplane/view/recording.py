"""A recording of a cluster for the moving map: every write of a history, small enough to travel in a notebook.

Strings stand once in a table, and an object is told as what differs from how it was before; a new one as what differs
from the last of its kind.  A browser plays it forwards and backwards without asking Python again.

A difference is `[value]` (another value), `0` (gone), or an object of differences by member, or by place in a list.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from controlplane.view.causes import Causes
from controlplane.view.history import SERVER, History, component

if TYPE_CHECKING:
    from controlplane.apiserver.api import AuditEvent

Obj = dict[str, Any]
Json = Any

READERS = ("Ingress controller", "kube-proxy")
HEARD = ("services", "endpointslices", "ingresses")
READS = ("get", "list", "watch")


def difference(old: Json, new: Json) -> Json:
    """What turns `old` into `new`; None if they are equal."""
    if old == new and type(old) is type(new):
        return None
    if isinstance(old, dict) and isinstance(new, dict):
        changed: dict[str, Json] = {name: 0 for name in old if name not in new}
        for name, value in new.items():
            told = [value] if name not in old else difference(old[name], value)
            if told is not None:
                changed[name] = told
        return changed or None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and old:
        pairs = ((str(i), difference(a, b)) for i, (a, b) in enumerate(zip(old, new, strict=True)))
        return {place: told for place, told in pairs if told is not None} or None
    return [new]


def applied(old: Json, told: Json) -> Json:
    """`old` with a difference applied: what the browser does, for tests."""
    if told is None:
        return old
    if isinstance(told, list):
        return told[0]
    if isinstance(old, list):
        return [applied(item, told.get(str(i))) for i, item in enumerate(old)]
    kept = {name: applied(value, told.get(name)) for name, value in old.items() if told.get(name) != 0}
    return kept | {name: value[0] for name, value in told.items() if name not in old}


class _Names:
    """A table in which each string stands once."""

    def __init__(self) -> None:
        self.table: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self.table.setdefault(name, len(self.table))


def recording(history: History, first: int = 0, last: int = 0) -> Obj:
    """The writes of the revisions from `first` to `last` (all that are known), and the state before them."""
    first, last = max(first, history.first), last or history.last
    name = _Names()
    causes = Causes(history)
    told: dict[int, set[str]] = {}  # revision -> who reacted to it
    for revision, cause in causes.of.items():
        write = next(iter(history.between(revision, revision)))
        told.setdefault(cause.revision, set()).add(write.by)
    listeners: dict[str, set[str]] = {}
    for event in history.cluster.log:
        if event.verb == "watch" and event.resource in HEARD and component(event.user) in READERS:
            listeners.setdefault(event.resource, set()).add(component(event.user))

    before = {key: _shown(obj) for key, obj in history.at(first).items()}
    now, latest = dict(before), {_kind(key): obj for key, obj in before.items()}
    start = history.cluster.loop.start
    steps: list[Json] = []
    for write in history.between(first + 1, last):
        new = None if write.after is None else _shown(write.after)
        old = now.pop(write.key, None) or latest.get(_kind(write.key), {})
        if new is not None:
            now[write.key] = latest[_kind(write.key)] = new
        heard = told.get(write.revision, set()) | listeners.get(write.resource, set())
        led = causes.of.get(write.revision)
        steps.append([
            round(write.time - start, 3), write.revision, name(write.by), name(write.verb), name(write.resource),
            name(write.subresource), name(write.key), 0 if new is None else difference(old, new) or {},
            led.revision if led is not None else 0, [name(who) for who in sorted(heard - {SERVER})],
        ])  # fmt: skip
    refused = [_refusal(event, start, name) for event in history.cluster.log if _is_refusal(event, start, steps)]
    steps = sorted([*steps, *refused], key=lambda step: step[0])
    return {"first": first, "names": list(name.table), "before": before, "steps": steps}


def _is_refusal(event: AuditEvent, start: float, steps: list[Json]) -> bool:
    inside = bool(steps) and steps[0][0] <= event.time - start <= steps[-1][0]
    return inside and event.code >= 400 and event.verb not in READS


def _refusal(event: AuditEvent, start: float, name: _Names) -> Json:
    """A write that was refused: it has a code instead of a revision, and changes nothing."""
    what = f"{event.namespace}/{event.name}" if event.namespace else event.name
    return [
        round(event.time - start, 3), -event.code, name(component(event.user)), name(event.verb),
        name(event.resource), name(event.subresource), name(what), 0, 0, [],
    ]  # fmt: skip


def _shown(obj: Obj) -> Obj:
    """An object as `kubectl get -o yaml` shows it: without the field managers."""
    meta = obj["metadata"]
    if "managedFields" not in meta:
        return obj
    return {**obj, "metadata": {name: value for name, value in meta.items() if name != "managedFields"}}


def _kind(key: str) -> str:
    return key.split("/")[2]


def as_json(recorded: Obj) -> str:
    """For a script in a page: nothing in it can end the script."""
    return json.dumps(recorded, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
