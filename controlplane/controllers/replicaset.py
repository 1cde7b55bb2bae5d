"""The ReplicaSet controller: as many Pods of one template as asked for (upstream: pkg/controller/replicaset).

A ReplicaSet may own ten thousand Pods and hears of each of their changes.  So it does not list them each time: it keeps
a tally per owner, a function of what the Pod cache holds, and lists only when Pods must be chosen or claimed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.clock import rfc3339
from controlplane.controllers.base import Controller, controller_of, owner_reference
from controlplane.controllers.claim import Claimer
from controlplane.controllers.expectations import Expectations
from controlplane.controllers.pod_control import PodControl, namespace_terminating, pod_from, slow_start
from controlplane.controllers.pods import deletion_order, is_active, is_available, is_ready
from controlplane.controllers.tally import PodTally
from controlplane.labels import Selector, from_label_selector

BURST = 500  # Pods created or deleted in one go; upstream's BurstReplicas
Keys = Iterable[str]


class ReplicaSetController(Controller):
    """Creates, deletes, adopts and releases Pods until `spec.replicas` of them are there."""

    name = "replicaset-controller"
    resource: ClassVar[str] = "replicasets"
    kind: ClassVar[str] = "ReplicaSet"
    watches: ClassVar = {"replicasets": "on_owner", "pods": "on_pod"}

    def prepare(self) -> None:
        self.owners = self.informer(self.resource)
        self.pods = self.informer("pods")
        self.pods.add_index("controller", controller_uid)
        self.owners.add_index("controller", controller_uid)
        self.owners.add_index("namespace", namespace_of)
        self.control = PodControl(self.client, self.event)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.expectations = Expectations(self.loop)
        self.tally = PodTally()
        self._selectors: dict[str, Selector] = {}  # by the owner's uid: a selector never changes

    # Events -----------------------------------------------------------------------------------------------------------

    def on_owner(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        if new is None or (old is not None and old["metadata"]["uid"] != new["metadata"]["uid"]):
            assert old is not None
            self.expectations.forget(key_of(old))
            self._selectors.pop(old["metadata"]["uid"], None)
        elif old is None:
            self._selectors.pop(new["metadata"]["uid"], None)
        yield key_of(new if new is not None else old or {})

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        self.tally.change(old, new)
        if new is None:
            return self._pod_gone(old or {})
        if old is None:
            if "deletionTimestamp" in new["metadata"]:
                return self._pod_gone(new)
            owner = self._owner_key(new)
            if owner is not None:
                self.expectations.creation_observed(owner)
                return (owner,)
            return self._adopters(new) if controller_of(new) is None else ()
        return self._pod_changed(old, new)

    def _pod_changed(self, old: Obj, new: Obj) -> Keys:
        keys: list[str] = []
        if "deletionTimestamp" in new["metadata"] and "deletionTimestamp" not in old["metadata"]:
            keys += self._pod_gone(new)
        was, owner = self._owner_key(old), self._owner_key(new)
        if was is not None and was != owner:
            keys.append(was)
        if owner is not None:
            keys.append(owner)
            wait = self.owners.get(owner)["spec"].get("minReadySeconds")  # type: ignore[index]
            if wait and is_ready(new) and not is_ready(old):
                self.enqueue(owner, wait + 1)  # a second more: times are in whole seconds
        elif controller_of(new) is None and (
            old["metadata"].get("labels") != new["metadata"].get("labels") or controller_of(old) is not None
        ):
            keys += self._adopters(new)
        return keys

    def _pod_gone(self, pod: Obj) -> Keys:
        owner = self._owner_key(pod)
        if owner is None:
            return ()
        self.expectations.deletion_observed(owner, key_of(pod))
        return (owner,)

    def _owner_key(self, pod: Obj) -> str | None:
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
        return [key_of(owner) for owner in owners if self._selector(owner).matches(labels)]

    def _selector(self, owner: Obj) -> Selector:
        uid = owner["metadata"]["uid"]
        selector = self._selectors.get(uid)
        if selector is None:
            selector = self._selectors[uid] = self.selector_of(owner)
        return selector

    def selector_of(self, owner: Obj) -> Selector:
        return from_label_selector(owner["spec"].get("selector"))

    # Reconciling ------------------------------------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        owner = self.owners.get(key)
        if owner is None:
            self.expectations.forget(key)
            return None
        self._claim(owner)
        waiting = self.expectations.remaining(key)
        failure: Exception | None = None
        diff = 0
        if not waiting and "deletionTimestamp" not in owner["metadata"]:
            diff = self.tally.of(owner["metadata"]["uid"]).active - owner["spec"].get("replicas", 1)
            if diff:
                failure = self._manage(key, owner, diff)
        status = self._write_status(owner, diff, failure)
        if failure is not None:
            raise failure
        seconds, replicas = owner["spec"].get("minReadySeconds"), owner["spec"].get("replicas", 1)
        if seconds and status.get("readyReplicas", 0) == replicas != status.get("availableReplicas", 0):
            return float(seconds)
        return waiting or None

    def _claim(self, owner: Obj) -> None:
        """Adopt and release, if there is anything to adopt or release."""
        meta, selector = owner["metadata"], self._selector(owner)
        strays = [key for key, labels in self.tally.orphans(meta["namespace"]) if selector.matches(labels)]
        losing = not all(selector.matches(dict(labels)) for labels in self.tally.of(meta["uid"]).by_labels)
        if not strays and not losing:
            return
        pods = self.pods.by_index("controller", meta["uid"]) if losing else []
        pods += [pod for key in strays if (pod := self.pods.get(key)) is not None]
        Claimer(self.client, owner, self.resource, selector, "pods").claim([pod for pod in pods if is_active(pod)])

    def _manage(self, key: str, owner: Obj, diff: int) -> Exception | None:
        if diff < 0:
            count = min(-diff, BURST)
            self.expectations.expect_creations(key, count)
            pod = pod_from(owner["spec"]["template"], owner, owner_reference(owner))
            made, failure = slow_start(count, lambda index: self._create(pod, owner))
            for _ in range(count - made):
                self.expectations.creation_observed(key)
            return failure
        mine = [pod for pod in self.pods.by_index("controller", owner["metadata"]["uid"]) if is_active(pod)]
        victims = deletion_order(mine, self._related(owner), self.loop.now())[: min(diff, BURST)]
        self.expectations.expect_deletions(key, [key_of(pod) for pod in victims])
        failure = None
        for pod in victims:
            try:
                there = self.control.delete(pod, owner)
            except ApiError as error:
                there, failure = False, failure or error
            if not there:
                self.expectations.deletion_observed(key, key_of(pod))
        return failure

    def _create(self, pod: Obj, owner: Obj) -> None:
        try:
            self.control.create(pod, owner)
        except ApiError as error:
            if not namespace_terminating(error):
                raise

    def _related(self, owner: Obj) -> Objs:
        """The Pods of all owners that have the same controller as this one: a Deployment's, old and new."""
        ref = controller_of(owner)
        family = self.owners.by_index("controller", ref["uid"]) if ref is not None else [owner]
        return [pod for one in family for pod in self.pods.by_index("controller", one["metadata"]["uid"])]

    # Status -----------------------------------------------------------------------------------------------------------

    def _status(self, owner: Obj, diff: int, failure: Exception | None) -> Obj:
        meta, spec = owner["metadata"], owner["spec"]
        tally = self.tally.of(meta["uid"])
        available = tally.ready
        if spec.get("minReadySeconds"):
            now, pods = self.loop.now(), self.pods.by_index("controller", meta["uid"])
            available = sum(is_available(p, spec["minReadySeconds"], now) for p in pods if is_active(p))
        wanted = (spec["template"].get("metadata") or {}).get("labels") or {}
        labelled = sum(n for labels, n in tally.by_labels.items() if wanted.items() <= dict(labels).items())
        status: Obj = {"replicas": tally.active}
        for field, number in (
            ("fullyLabeledReplicas", labelled), ("readyReplicas", tally.ready), ("availableReplicas", available)
        ):
            if number:
                status[field] = number
        status.update(self.extra_status(tally.terminating))
        status["observedGeneration"] = meta.get("generation", 0)
        conditions = self._conditions(owner, diff, failure)
        if conditions:
            status["conditions"] = conditions
        return status

    def extra_status(self, terminating: int) -> Obj:
        return {"terminatingReplicas": terminating}

    def _conditions(self, owner: Obj, diff: int, failure: Exception | None) -> Objs:
        """ReplicaFailure holds while creating or deleting fails, with the first failure's time and words."""
        conditions: Objs = owner.get("status", {}).get("conditions") or []
        failed = any(c["type"] == "ReplicaFailure" for c in conditions)
        if failure is not None and not failed:
            return [*conditions, {
                "type": "ReplicaFailure", "status": "True", "lastTransitionTime": rfc3339(self.loop.now()),
                "reason": "FailedCreate" if diff < 0 else "FailedDelete" if diff > 0 else "",
                "message": getattr(failure, "message", str(failure)),
            }]
        if failure is None and failed:
            return [c for c in conditions if c["type"] != "ReplicaFailure"]
        return conditions

    def _write_status(self, owner: Obj, diff: int, failure: Exception | None) -> Obj:
        """Write the status if it changed; once more with a fresh object if somebody wrote in between."""
        status = self._status(owner, diff, failure)
        if status == owner.get("status"):
            return status
        try:
            self.client.update_status({**owner, "status": status})
        except ApiError as error:
            if not error.conflict:
                raise
            name, namespace = owner["metadata"]["name"], owner["metadata"]["namespace"]
            fresh = self.client.get(self.resource, name, namespace)
            self.client.update_status({**fresh, "status": status})
        return status


def controller_uid(obj: Obj) -> list[str]:
    ref = controller_of(obj)
    return [ref["uid"]] if ref is not None else []


def namespace_of(obj: Obj) -> list[str]:
    return [obj["metadata"]["namespace"]]


