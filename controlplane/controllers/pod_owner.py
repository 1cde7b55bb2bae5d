"""What all controllers that own Pods share: hearing of them, expecting them, claiming them.

Upstream has this once in each of pkg/controller/{replicaset,daemon,job,statefulset}.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from controlplane.client.base import Obj, Objs
from controlplane.client.informer import key_of
from controlplane.controllers.base import Controller, controller_of
from controlplane.controllers.claim import Claimer
from controlplane.controllers.expectations import Expectations
from controlplane.controllers.pace import Pace
from controlplane.controllers.pod_control import PodControl
from controlplane.controllers.pods import is_ready
from controlplane.labels import Selector, from_label_selector

Keys = Iterable[str]


def controller_uid(obj: Obj) -> list[str]:
    """Index by the uid of the controller."""
    ref = controller_of(obj)
    return [ref["uid"]] if ref is not None else []


def orphans(obj: Obj) -> list[str]:
    """Index by namespace, of what nobody controls."""
    return [] if controller_of(obj) is not None else [obj["metadata"]["namespace"]]


def namespace_of(obj: Obj) -> list[str]:
    return [obj["metadata"]["namespace"]]


class PodOwner(Controller):
    """A controller whose objects (of `resource` and `kind`) own Pods."""

    resource: ClassVar[str]
    kind: ClassVar[str]
    finalizer: ClassVar[str] = ""  # that its Pods carry

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.expectations = Expectations(self.loop)
        self.control = PodControl(self.client, self.event)
        self.pace = Pace(self.loop)
        self._selectors: dict[str, Selector] = {}  # by the owner's uid: a selector never changes

    def prepare(self) -> None:
        self.owners = self.informer(self.resource)
        self.pods = self.informer("pods")
        self.owners.add_index("controller", controller_uid)
        self.owners.add_index("namespace", namespace_of)
        self.pods.add_index("controller", controller_uid)

    # Events -----------------------------------------------------------------------------------------------------------

    def on_owner(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        if old is not None and (new is None or old["metadata"]["uid"] != new["metadata"]["uid"]):
            self.expectations.forget(key_of(old))
            self._selectors.pop(old["metadata"]["uid"], None)
        yield key_of(new if new is not None else old or {})

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        """Note what was expected and is seen now; lead to the owner, or to who might adopt."""
        if not (self._concerns(new) or self._concerns(old)):
            return ()
        if new is None:
            return self._pod_gone(old or {})
        if old is not None:
            return self._pod_changed(old, new)
        if "deletionTimestamp" in new["metadata"]:
            return self._pod_gone(new)
        owner = self.owner_key(new)
        if owner is not None:
            self.expectations.creation_observed(owner)
            return (owner,)
        return self._adopters(new) if controller_of(new) is None else ()

    def _concerns(self, pod: Obj | None) -> bool:
        """Is it controlled by one of our kind, or by nobody?"""
        if pod is None:
            return False
        ref = controller_of(pod)
        return ref is None or ref["kind"] == self.kind

    def _pod_changed(self, old: Obj, new: Obj) -> Keys:
        keys: list[str] = []
        if "deletionTimestamp" in new["metadata"] and "deletionTimestamp" not in old["metadata"]:
            keys += self._pod_gone(new)
        was, owner = self.owner_key(old), self.owner_key(new)
        if was is not None and was != owner:
            keys.append(was)
        if owner is not None:
            keys.append(owner)
            wait = (self.owners.get(owner) or {})["spec"].get("minReadySeconds")
            if wait and is_ready(new) and not is_ready(old):
                self.enqueue(owner, wait + 1)  # a second more: times are in whole seconds
        elif controller_of(new) is None and (
            old["metadata"].get("labels") != new["metadata"].get("labels") or controller_of(old) is not None
        ):
            keys += self._adopters(new)
        return keys

    def _pod_gone(self, pod: Obj) -> Keys:
        owner = self.owner_key(pod)
        if owner is None:
            return ()
        self.expectations.deletion_observed(owner, key_of(pod))
        return (owner,)

    def owner_key(self, pod: Obj) -> str | None:
        """The key of the owner of our kind that controls the Pod, if we know it."""
        ref = controller_of(pod)
        if ref is None or ref["kind"] != self.kind:
            return None
        key = f"{pod['metadata']['namespace']}/{ref['name']}"
        owner = self.owners.get(key)
        return key if owner is not None and owner["metadata"]["uid"] == ref["uid"] else None

    def _adopters(self, pod: Obj) -> list[str]:
        """The owners whose selector matches an orphan."""
        meta = pod["metadata"]
        labels = meta.get("labels")
        owners = self.owners.by_index("namespace", meta["namespace"]) if labels else ()
        return [key_of(owner) for owner in owners if self.selector(owner).matches(labels)]

    def on_pod_paced(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        """The same, for controllers that go through all Pods of an owner each time."""
        for key in self.on_pod(type, old, new):
            self.enqueue(key, self.pace.wait(key))
        return ()

    # Claiming ---------------------------------------------------------------------------------------------------------

    def selector(self, owner: Obj) -> Selector:
        uid = owner["metadata"]["uid"]
        selector = self._selectors.get(uid)
        if selector is None:
            selector = self._selectors[uid] = self.selector_of(owner)
        return selector

    def selector_of(self, owner: Obj) -> Selector:
        return from_label_selector(owner["spec"].get("selector"))

    def claimed(self, owner: Obj) -> Objs:
        """The owner's Pods, after adopting and releasing where needed.  Needs the index `orphans`."""
        meta, selector = owner["metadata"], self.selector(owner)
        pods = self.pods.by_index("controller", meta["uid"])
        loose = [pod for pod in self.pods.by_index("orphans", meta["namespace"]) if self.may_adopt(owner, pod)]
        if all(selector.matches(pod["metadata"].get("labels")) for pod in pods) and not any(
            selector.matches(pod["metadata"].get("labels")) for pod in loose
        ):
            return pods
        claimer = Claimer(self.client, owner, self.resource, selector, "pods", self.finalizer)
        return claimer.claim(pods + loose)

    def may_adopt(self, owner: Obj, pod: Obj) -> bool:
        """Is an orphan that the selector matches worth adopting?"""
        return True
