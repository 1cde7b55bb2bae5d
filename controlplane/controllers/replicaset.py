"""The ReplicaSet controller: as many Pods of one template as asked for (upstream: pkg/controller/replicaset).

A ReplicaSet may own ten thousand Pods and hears of each of their changes.  So it does not list them each time: it keeps
a tally per owner, a function of what the Pod cache holds, and lists only when Pods must be chosen or claimed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.clock import rfc3339
from controlplane.controllers.base import controller_of, owner_reference
from controlplane.controllers.claim import Claimer
from controlplane.controllers.pod_control import namespace_terminating, pod_from, slow_start
from controlplane.controllers.pod_owner import Keys, PodOwner
from controlplane.controllers.pods import deletion_order, is_active, is_available
from controlplane.controllers.tally import PodTally

BURST = 500  # Pods created or deleted in one go; upstream's BurstReplicas


class ReplicaSetController(PodOwner):
    """Creates, deletes, adopts and releases Pods until `spec.replicas` of them are there."""

    name = "replicaset-controller"
    resource: ClassVar = "replicasets"
    kind: ClassVar = "ReplicaSet"
    watches: ClassVar = {"replicasets": "on_owner", "pods": "on_pod_paced"}

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.tally = PodTally(self.kind)

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        self.tally.change(old, new)
        return super().on_pod(type, old, new)

    # Reconciling ------------------------------------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        owner = self.owners.get(key)
        if owner is None:
            self.expectations.forget(key)
            return None
        mine = self._claim(owner)
        waiting = self.expectations.remaining(key)
        failure: Exception | None = None
        diff = 0
        if not waiting and "deletionTimestamp" not in owner["metadata"]:
            diff = mine - owner["spec"].get("replicas", 1)
            if diff:
                failure = self._manage(key, owner, diff)
        status = self._write_status(owner, diff, failure)
        self.pace.done(key, mine)
        if failure is not None:
            raise failure
        seconds, replicas = owner["spec"].get("minReadySeconds"), owner["spec"].get("replicas", 1)
        if seconds and status.get("readyReplicas", 0) == replicas != status.get("availableReplicas", 0):
            return float(seconds)
        return waiting or None

    def _claim(self, owner: Obj) -> int:
        """Adopt and release, if there is anything to adopt or release.  Returns how many active Pods are ours."""
        meta, selector = owner["metadata"], self.selector(owner)
        strays = [key for key, labels in self.tally.orphans(meta["namespace"]) if selector.matches(labels)]
        tally = self.tally.of(meta["uid"])
        if not strays and all(selector.matches(dict(labels)) for labels in tally.by_labels):
            return tally.active
        pods = self.pods.by_index("controller", meta["uid"])
        pods += [pod for key in strays if (pod := self.pods.get(key)) is not None]
        claimer = Claimer(self.client, owner, self.resource, selector, "pods")
        return len(claimer.claim([pod for pod in pods if is_active(pod)]))

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
            ("fullyLabeledReplicas", labelled),
            ("readyReplicas", tally.ready),
            ("availableReplicas", available),
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
            return [
                *conditions,
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "lastTransitionTime": rfc3339(self.loop.now()),
                    "reason": "FailedCreate" if diff < 0 else "FailedDelete" if diff > 0 else "",
                    "message": getattr(failure, "message", str(failure)),
                },
            ]
        if failure is None and failed:
            return [c for c in conditions if c["type"] != "ReplicaFailure"]
        return conditions

    def _write_status(self, owner: Obj, diff: int, failure: Exception | None) -> Obj:
        """Write the status if it changed; once more with a fresh object if somebody wrote in between."""
        status = self._status(owner, diff, failure)
        if status == owner.get("status"):
            return status
        try:
            self.client.write_status({**owner, "status": status})
        except ApiError as error:
            if not error.conflict:
                raise
            name, namespace = owner["metadata"]["name"], owner["metadata"]["namespace"]
            fresh = self.client.get(self.resource, name, namespace)
            self.client.update_status({**fresh, "status": status})
        return status
