"""Counting Pods by their controller as they change, so that nobody has to list them to count them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane.client.base import Obj
from controlplane.client.informer import key_of
from controlplane.controllers.base import controller_of
from controlplane.controllers.pods import is_finished, is_ready

Labels = tuple[tuple[str, str], ...]


class Count:
    """The Pods of one controller: `active` ones, by their labels too, the `ready` of them, and `terminating` ones."""

    __slots__ = ("active", "ready", "terminating", "by_labels")

    def __init__(self) -> None:
        self.active = 0
        self.ready = 0
        self.terminating = 0
        self.by_labels: dict[Labels, int] = {}


NONE = Count()


class PodTally:
    """A function of the Pod cache: feed it every difference that the informer tells of, and nothing else.

    It counts what is controlled by owners of one kind.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._counts: dict[str, Count] = {}  # by the controller's uid
        self._orphans: dict[str, dict[str, Obj]] = {}  # by namespace, then key: active Pods that nobody controls

    def of(self, uid: str) -> Count:
        return self._counts.get(uid, NONE)

    def orphans(self, namespace: str) -> Iterable[tuple[str, dict[str, str]]]:
        """(key, labels) of the namespace's active Pods that nobody controls."""
        found = self._orphans.get(namespace)
        return [(key, pod["metadata"].get("labels") or {}) for key, pod in found.items()] if found else ()

    def change(self, old: Obj | None, new: Obj | None) -> None:
        before = self._facts(old) if old is not None else None
        after = self._facts(new) if new is not None else None
        if before == after:
            if new is not None and after is not None and after[0] is None:
                self._orphan(new, after[1])
            return
        if old is not None and before is not None:
            self._count(before, -1)
            if before[0] is None:
                self._orphan(old, "")
        if new is not None and after is not None:
            self._count(after, +1)
            if after[0] is None:
                self._orphan(new, after[1])

    def _orphan(self, pod: Obj, state: str) -> None:
        namespace = pod["metadata"]["namespace"]
        if state in ("ready", "active"):
            self._orphans.setdefault(namespace, {})[key_of(pod)] = pod
        elif namespace in self._orphans:
            self._orphans[namespace].pop(key_of(pod), None)
            if not self._orphans[namespace]:
                del self._orphans[namespace]

    def _count(self, facts: tuple[str | None, str, Labels], by: int) -> None:
        uid, state, labels = facts
        if uid is None or not state:
            return
        count = self._counts.get(uid)
        if count is None:
            count = self._counts[uid] = Count()
        if state == "terminating":
            count.terminating += by
        else:
            count.active += by
            count.by_labels[labels] = count.by_labels.get(labels, 0) + by
            if not count.by_labels[labels]:
                del count.by_labels[labels]
            if state == "ready":
                count.ready += by
        if not (count.active or count.terminating):
            del self._counts[uid]

    def _facts(self, pod: Obj) -> tuple[str | None, str, Labels]:
        """(the controller's uid, "ready" | "active" | "terminating" | "" for finished or none of ours, labels)."""
        meta: Any = pod["metadata"]
        ref = controller_of(pod)
        if ref is not None and ref["kind"] != self.kind:
            return "", "", ()
        if is_finished(pod):
            state = ""
        elif "deletionTimestamp" in meta:
            state = "terminating"
        else:
            state = "ready" if is_ready(pod) else "active"
        labels = meta.get("labels")
        return ref["uid"] if ref is not None else None, state, tuple(labels.items()) if labels else ()
