"""The disruption controller: how many Pods may be evicted just now (upstream: pkg/controller/disruption).

The eviction API obeys `status.disruptionsAllowed` and notes in `status.disruptedPods` whom it sent away; this
controller keeps the numbers true.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.clock import parse_time, rfc3339
from controlplane.controllers.base import Controller, controller_of
from controlplane.controllers.deployment_scale import replicas, scaled
from controlplane.controllers.pod_owner import namespace_of
from controlplane.controllers.pods import is_finished, is_ready
from controlplane.labels import from_label_selector

EVICTION_TIMEOUT = 120.0  # seconds in which an evicted Pod must be seen to go


class DisruptionController(Controller):
    """Counts the Pods of each PodDisruptionBudget: expected, healthy, and how many may be missing."""

    name = "controllermanager"
    watches: ClassVar = {"poddisruptionbudgets": "self", "pods": "on_pod"}

    def prepare(self) -> None:
        self.budgets = self.informer("poddisruptionbudgets")
        self.pods = self.informer("pods")
        self.budgets.add_index("namespace", namespace_of)
        self.pods.add_index("namespace", namespace_of)
        self.replica_sets = self.informer("replicasets")

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        pod = new if new is not None else old or {}
        budgets = self.budgets.by_index("namespace", pod["metadata"]["namespace"]) if len(self.budgets) else []
        return [
            key_of(budget)
            for budget in budgets
            if any(self._selects(budget, one) for one in (old, new) if one is not None)
        ]

    def _selects(self, budget: Obj, pod: Obj) -> bool:
        return from_label_selector(budget["spec"].get("selector")).matches(pod["metadata"].get("labels"))

    def reconcile(self, key: str) -> float | None:
        budget = self.budgets.get(key)
        if budget is None or "deletionTimestamp" in budget["metadata"]:
            return None
        pods = [
            pod
            for pod in self.pods.by_index("namespace", budget["metadata"]["namespace"])
            if self._selects(budget, pod)
        ]
        if not pods:
            self.event(budget, "Normal", "NoPods", "No matching pods found")
        try:
            expected, desired, unmanaged = self._wanted(budget, pods)
        except (ApiError, ValueError) as error:
            message = getattr(error, "message", str(error))
            self.event(
                budget,
                "Warning",
                "CalculateExpectedPodCountFailed",
                f"Failed to calculate the number of expected pods: {message}",
            )
            self._fail(budget, message)
            raise
        if unmanaged:
            self.event(
                budget,
                "Warning",
                "UnmanagedPods",
                (
                    f"Pods selected by this PodDisruptionBudget (selector: "
                    f"{_describe(budget)}) were found to be unmanaged. As a result, the status of the PDB cannot be "
                    "calculated correctly, which may result in undefined behavior. To account for these pods please "
                    'set ".spec.minAvailable" field of the PDB to an integer value.'
                ),
            )
        evicted, again = self._evicted(budget, pods)
        healthy = sum(
            is_ready(pod)
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"] and pod["metadata"]["name"] not in evicted
        )
        self._write(budget, expected, desired, healthy, evicted)
        return again

    # How many there should be -----------------------------------------------------------------------------------------

    def _wanted(self, budget: Obj, pods: Objs) -> tuple[int, int, bool]:
        """(expected Pods, of which how many must be healthy, whether some have no controller)."""
        spec = budget["spec"]
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        if most is not None:
            expected, unmanaged = self._expected(pods)
            return expected, max(expected - scaled(most, expected, round_up=True), 0), unmanaged
        if isinstance(least, int):
            return len(pods), least, False
        if least is None:
            return len(pods), 0, False
        expected, unmanaged = self._expected(pods)
        return expected, scaled(least, expected, round_up=True), unmanaged

    def _expected(self, pods: Objs) -> tuple[int, bool]:
        """The sum of the scales of all that control the Pods."""
        scales: dict[str, int] = {}
        unmanaged = False
        for pod in pods:
            ref = controller_of(pod)
            if ref is None:
                unmanaged = True
                continue
            if ref["uid"] not in scales:
                found = self._scale(pod["metadata"]["namespace"], ref)
                scales[ref["uid"]] = 0
                if found is not None:
                    scales[ref["uid"]] = 0
                    scales[found[0]] = found[1]
        return sum(scales.values()), unmanaged

    def _scale(self, namespace: str, ref: Obj) -> tuple[str, int] | None:
        """(uid, replicas) of what controls: a Deployment, by way of its ReplicaSet, or anything with a scale."""
        if ref["kind"] == "ReplicaSet":
            parent = self.replica_sets.get(f"{namespace}/{ref['name']}")
            if parent is None or parent["metadata"]["uid"] != ref["uid"]:
                return None
            above = controller_of(parent)
            if above is None or above["kind"] != "Deployment":
                return ref["uid"], replicas(parent)
            ref = above
        kind = self.client.resource_for(ref["apiVersion"], ref["kind"])
        name = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
        try:
            owner = self.client.get(name, ref["name"], namespace)
            if owner["metadata"]["uid"] != ref["uid"]:
                return None
            if ref["kind"] in ("Deployment", "StatefulSet", "ReplicationController"):
                return ref["uid"], replicas(owner)
            scale = self.client.get(name, ref["name"], namespace, subresource="scale")
        except ApiError as error:
            if error.not_found:
                text = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
                raise ValueError(f"{text} does not implement the scale subresource") from error
            raise
        return ref["uid"], int(scale["spec"].get("replicas", 0))

    # How many there are -----------------------------------------------------------------------------------------------

    def _evicted(self, budget: Obj, pods: Objs) -> tuple[dict[str, str], float | None]:
        """Whom the eviction API sent away and who is still there; and when to look again."""
        noted, now = budget.get("status", {}).get("disruptedPods") or {}, self.loop.now()
        there = {pod["metadata"]["name"]: pod for pod in pods}
        left: dict[str, str] = {}
        again: float | None = None
        for name, stamp in noted.items():
            pod = there.get(name)
            if pod is None or "deletionTimestamp" in pod["metadata"] or is_finished(pod):
                continue
            due = parse_time(stamp) + EVICTION_TIMEOUT
            if due <= now:
                self.event(
                    pod,
                    "Warning",
                    "NotDeleted",
                    f"Pod was expected by PDB {key_of(budget)} to be deleted but it wasn't",
                )
                continue
            left[name] = stamp
            again = min(again or due - now, due - now)
        return left, again

    def _write(self, budget: Obj, expected: int, desired: int, healthy: int, evicted: dict[str, str]) -> None:
        allowed = max(healthy - desired, 0) if expected > 0 else 0
        old = budget.get("status", {})
        reason, state = ("SufficientPods", "True") if allowed else ("InsufficientPods", "False")
        status: Obj = {
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"].get("generation", 0),
            "conditions": self._conditions(budget, state, reason, ""),
        }
        if evicted:
            status["disruptedPods"] = evicted
        if status != old:
            self.client.update_status({**budget, "status": status})

    def _conditions(self, budget: Obj, state: str, reason: str, message: str) -> Objs:
        generation = budget["metadata"].get("generation", 0)
        new = {
            "type": "DisruptionAllowed",
            "status": state,
            "reason": reason,
            "message": message,
            "observedGeneration": generation,
            "lastTransitionTime": rfc3339(self.loop.now()),
        }
        others: Objs = []
        for old in budget.get("status", {}).get("conditions") or ():
            if old["type"] != "DisruptionAllowed":
                others.append(old)
            elif old["status"] == state:
                new["lastTransitionTime"] = old["lastTransitionTime"]
        return [*others, new]

    def _fail(self, budget: Obj, message: str) -> None:
        """When the numbers cannot be known, nothing may be evicted."""
        status = {**budget.get("status", {"currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0})}
        status["disruptionsAllowed"] = 0
        status["conditions"] = self._conditions(budget, "False", "SyncFailed", message)
        if status != budget.get("status"):
            self.client.update_status({**budget, "status": status})


def _describe(budget: Obj) -> str:
    exact = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(exact.items()))
