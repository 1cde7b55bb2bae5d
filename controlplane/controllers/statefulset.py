"""The StatefulSet controller: Pods with names, in order (upstream: pkg/controller/statefulset).

Ordinals come up from the first and go down from the last, each only when those before it are running and ready
(unless podManagementPolicy is Parallel).  An update replaces them from the last to the partition, one at a time.

*Note*: maxUnavailable of the rolling update needs a feature gate that is off in 1.36, and is left out here.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.controllers import history
from controlplane.controllers import statefulset_pods as identity
from controlplane.controllers.pod_control import namespace_terminating
from controlplane.controllers.pod_owner import PodOwner, controller_uid, orphans
from controlplane.controllers.pods import is_available
from controlplane.controllers.statefulset_claims import Claims


class StatefulSetController(PodOwner):
    """Keeps Pods NAME-0, NAME-1, ... with stable names and storage."""

    name = "statefulset-controller"
    resource: ClassVar = "statefulsets"
    kind: ClassVar = "StatefulSet"
    watches: ClassVar = {"statefulsets": "on_owner", "pods": "on_pod_paced"}

    def prepare(self) -> None:
        super().prepare()
        self.pods.add_index("orphans", orphans)
        self.revisions = self.informer("controllerrevisions")
        self.revisions.add_index("controller", controller_uid)
        self.claims = Claims(self.client, self.informer("persistentvolumeclaims"), self.event)

    def may_adopt(self, owner: Obj, pod: Obj) -> bool:
        return identity.ordinal(pod, owner["metadata"]["name"]) >= 0

    # Reconciling ------------------------------------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        owner = self.owners.get(key)
        if owner is None:
            return None
        name = owner["metadata"]["name"]
        pods = [pod for pod in self.claimed(owner) if identity.ordinal(pod, name) >= 0]
        self.pace.done(key, len(pods))
        revisions = self.revisions.by_index("controller", owner["metadata"]["uid"])
        collisions = owner.get("status", {}).get("collisionCount", 0)
        try:
            update = history.current(self.client, owner, revisions, collisions, "controller.kubernetes.io/hash")
        except ApiError as error:
            if error.already_exists:
                status = {**owner.get("status", {"replicas": 0}), "collisionCount": collisions + 1}
                self.client.update_status({**owner, "status": status})
            raise
        was = owner.get("status", {}).get("currentRevision")
        old = next((r for r in revisions if r["metadata"]["name"] == was), update)
        sync = _Sync(self, owner, old, update, pods)
        try:
            if "deletionTimestamp" not in owner["metadata"]:
                sync.run()
        finally:
            status = self._write_status(owner, sync, collisions)
        live = {old["metadata"]["name"], update["metadata"]["name"], *map(identity.revision_name, pods)}
        limit = owner["spec"].get("revisionHistoryLimit", 10)
        history.truncate(self.client, [*revisions, update], live, limit)
        wait = owner["spec"].get("minReadySeconds", 0)
        return float(wait) if wait and status.get("readyReplicas", 0) != status["availableReplicas"] else None

    def _write_status(self, owner: Obj, sync: _Sync, collisions: int) -> Obj:
        status = sync.status()
        status["collisionCount"] = collisions
        total = status["replicas"]
        rolling = (owner["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
        if rolling and status.get("updatedReplicas", 0) == total == status.get("readyReplicas", 0):
            status["currentRevision"] = status["updateRevision"]
            status.pop("currentReplicas", None)
            if status.get("updatedReplicas"):
                status["currentReplicas"] = status["updatedReplicas"]
        old = owner.get("status", {})
        if {k: v for k, v in old.items() if k != "conditions"} != status:
            if old.get("conditions"):
                status["conditions"] = old["conditions"]
            self.client.update_status({**owner, "status": status})
        return status

    def say(self, owner: Obj, verb: str, pod: str, error: ApiError | None) -> None:
        name, reason = owner["metadata"]["name"], verb.title()
        if error is None:
            self.event(owner, "Normal", f"Successful{reason}", f"{verb} Pod {pod} in StatefulSet {name} successful")
        else:
            self.event(
                owner,
                "Warning",
                f"Failed{reason}",
                f"{verb} Pod {pod} in StatefulSet {name} failed error: {error.message}",
            )


class _Sync:
    """One pass over one StatefulSet."""

    def __init__(self, controller: StatefulSetController, owner: Obj, current: Obj, update: Obj, pods: Objs) -> None:
        self.controller = controller
        self.owner = owner
        self.current = current
        self.update = update
        self.now = controller.loop.now()
        self.min_ready = owner["spec"].get("minReadySeconds", 0)
        self.ordered = owner["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        name, start = owner["metadata"]["name"], identity.start_of(owner)
        self.numbers = range(start, start + owner["spec"].get("replicas", 1))
        self.pods: dict[int, Obj] = {}
        self.condemned: Objs = []
        for pod in sorted(pods, key=lambda pod: identity.ordinal(pod, name)):
            number = identity.ordinal(pod, name)
            if number in self.numbers:
                self.pods[number] = pod
            else:
                self.condemned.insert(0, pod)

    def run(self) -> None:
        if self._bring_up() and self._take_down():
            self._roll()

    def _healthy(self, pod: Obj | None) -> bool:
        return pod is not None and identity.is_healthy(pod, self.min_ready, self.now)

    def _bring_up(self) -> bool:
        """Create what is missing, from the first.  False if the rest must wait."""
        for number in self.numbers:
            pod = self.pods.get(number)
            if pod is not None and pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                if "deletionTimestamp" in pod["metadata"]:
                    if self.ordered:
                        return False
                    continue
                self._recreate(pod)
                del self.pods[number]
                if self.ordered:
                    return False
                continue
            if pod is None:
                self._create(number)
                if self.ordered:
                    return False
                continue
            if pod.get("status", {}).get("phase") == "Pending":
                self.controller.claims.ensure(self.owner, pod, number)
            if self.ordered and not self._healthy(pod):
                return False
            self.controller.claims.retain(self.owner, pod, number, condemned=False)
            if not identity.has_identity(self.owner, pod):
                self._repair(pod, number)
        return True

    def _recreate(self, pod: Obj) -> None:
        meta, failed = pod["metadata"], pod["status"]["phase"] == "Failed"
        what = "failed" if failed else "terminated"
        self.controller.event(
            self.owner,
            "Warning" if failed else "Normal",
            f"Recreating{what.title()}Pod",
            f"StatefulSet {self.owner['metadata']['namespace']}/{self.owner['metadata']['name']} is recreating {what} "
            f"Pod {meta['name']}",
        )
        self._delete(pod)

    def _create(self, number: int) -> None:
        """At the old revision below the partition, else at the new one."""
        strategy = self.owner["spec"].get("updateStrategy") or {}
        rolling = strategy.get("rollingUpdate")
        kept = rolling.get("partition") or 0 if rolling else self.owner.get("status", {}).get("currentReplicas", 0)
        old = strategy.get("type", "RollingUpdate") == "RollingUpdate" and number < self.numbers.start + kept
        revision = self.current if old else self.update
        pod = identity.make_pod(self.owner, revision, number)
        try:
            self.controller.claims.ensure(self.owner, pod, number)
            self.pods[number] = self.controller.client.create(pod)
        except ApiError as error:
            if error.already_exists or namespace_terminating(error):
                raise
            self.controller.say(self.owner, "create", pod["metadata"]["name"], error)
            raise
        self.controller.say(self.owner, "create", pod["metadata"]["name"], None)

    def _delete(self, pod: Obj) -> None:
        meta = pod["metadata"]
        try:
            self.controller.client.delete("pods", meta["name"], meta["namespace"])
        except ApiError as error:
            if not error.not_found:
                self.controller.say(self.owner, "delete", meta["name"], error)
                raise
            return
        self.controller.say(self.owner, "delete", meta["name"], None)

    def _repair(self, pod: Obj, number: int) -> None:
        meta = pod["metadata"]
        labels = {**(meta.get("labels") or {}), **identity.identity_labels(meta["name"], number)}
        self.controller.claims.ensure(self.owner, pod, number)
        self.controller.client.update({**pod, "metadata": {**meta, "labels": labels}})

    def _take_down(self) -> bool:
        """Delete what is too much, from the last.  False if the rest must wait."""
        sick = [pod for pod in [*self.pods.values(), *reversed(self.condemned)] if not self._healthy(pod)]
        name = self.owner["metadata"]["name"]
        for pod in self.condemned:
            self.controller.claims.retain(self.owner, pod, identity.ordinal(pod, name), condemned=True)
        for pod in self.condemned:
            if "deletionTimestamp" in pod["metadata"]:
                if self.ordered:
                    return False
                continue
            if self.ordered and not self._healthy(pod) and pod is not sick[0]:
                return False
            self._delete(pod)
            if self.ordered:
                return False
        return True

    def _roll(self) -> None:
        """Delete the last Pod that is not of the newest revision, if all after it are well."""
        strategy = self.owner["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
        for number in reversed(self.numbers[partition:]):
            pod = self.pods[number]
            stale = identity.revision_name(pod) != self.update["metadata"]["name"]
            if stale and "deletionTimestamp" not in pod["metadata"]:
                self._delete(pod)
                return
            if not self._healthy(pod):
                return

    def status(self) -> Obj:
        current, update = self.current["metadata"]["name"], self.update["metadata"]["name"]
        pods = [*self.pods.values(), *self.condemned]
        up = [pod for pod in pods if identity.is_running_and_ready(pod)]
        alive = [identity.revision_name(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        numbers = {
            "readyReplicas": len(up),
            "currentReplicas": alive.count(current),
            "updatedReplicas": alive.count(update),
        }
        return {
            "observedGeneration": self.owner["metadata"].get("generation", 0),
            "replicas": len(pods),
            **{field: value for field, value in numbers.items() if value},
            "currentRevision": current,
            "updateRevision": update,
            "availableReplicas": sum(is_available(pod, self.min_ready, self.now) for pod in up),
        }
