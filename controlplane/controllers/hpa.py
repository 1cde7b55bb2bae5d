"""The horizontal Pod autoscaler (upstream: pkg/controller/podautoscaler)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.clock import rfc3339
from controlplane.controllers import hpa_behavior as behavior
from controlplane.controllers.base import Controller
from controlplane.controllers.discovery import name_of
from controlplane.controllers.hpa_metrics import MetricError, Proposal, evaluate
from controlplane.controllers.pod_owner import namespace_of
from controlplane.labels import parse_selector

PERIOD = 15.0  # seconds; --horizontal-pod-autoscaler-sync-period


class HorizontalPodAutoscalerController(Controller):
    """Every 15 s: looks at the use of a workload's Pods, and sets its scale."""

    name = "horizontal-pod-autoscaler"
    watches: ClassVar = {"horizontalpodautoscalers.autoscaling": "on_hpa"}

    def prepare(self) -> None:
        self.hpas = self.informer("horizontalpodautoscalers.autoscaling")
        self.pods = self.informer("pods")
        self.pods.add_index("namespace", namespace_of)
        self._memory: dict[str, behavior.Memory] = {}

    def on_hpa(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        if new is not None and old is not None and old["spec"] == new["spec"]:
            return []  # our own status
        if new is None and old is not None:
            self._memory.pop(key_of(old), None)
        return [key_of(new if new is not None else old or {})]

    def reconcile(self, key: str) -> float | None:
        hpa = self.hpas.get(key)
        if hpa is None:
            return None
        pass_ = _Pass(self, hpa, self._memory.setdefault(key, behavior.Memory()))
        pass_.run()
        if pass_.status != hpa.get("status", {}):
            self.client.update_status({**hpa, "status": pass_.status})
        return PERIOD


class _Pass:
    """One look at one autoscaler."""

    def __init__(self, controller: HorizontalPodAutoscalerController, hpa: Obj, memory: behavior.Memory) -> None:
        self.controller = controller
        self.hpa = hpa
        self.memory = memory
        self.now = controller.loop.now()
        self.status: Obj = {**hpa.get("status", {})}
        self.status["conditions"] = list(self.status.get("conditions") or ())

    def say(self, type: str, reason: str, message: str) -> None:
        self.controller.event(self.hpa, type, reason, message)

    def condition(self, type: str, state: bool, reason: str, message: str) -> None:
        stamp = rfc3339(self.now)
        new = {"type": type, "status": str(state), "lastTransitionTime": stamp, "reason": reason, "message": message}
        conditions: Objs = self.status["conditions"]
        for at, old in enumerate(conditions):
            if old["type"] == type:
                if old["status"] == new["status"]:
                    new["lastTransitionTime"] = old["lastTransitionTime"]
                conditions[at] = new
                return
        conditions.append(new)

    def run(self) -> None:
        meta, spec = self.hpa["metadata"], self.hpa["spec"]
        target, client = spec["scaleTargetRef"], self.controller.client
        try:
            kind = client.resource_for(target.get("apiVersion", ""), target["kind"])
            scale = client.get(name_of(kind), target["name"], meta["namespace"], subresource="scale")
        except ApiError as error:
            self.say("Warning", "FailedGetScale", error.message)
            self.condition(
                "AbleToScale",
                False,
                "FailedGetScale",
                f"the HPA controller was unable to get the target's current scale: {error.message}",
            )
            return
        self.condition(
            "AbleToScale", True, "SucceededGetScale", "the HPA controller was able to get the target's current scale"
        )
        current = int(scale["spec"].get("replicas", 0))
        if not self.memory.recommendations:  # the size that is found counts as recommended
            self.memory.recommendations.append((self.now, current))
        self.status["currentReplicas"] = int(scale.get("status", {}).get("replicas", 0))
        self.status.setdefault("desiredReplicas", 0)
        least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
        why = ""
        if current == 0 and least != 0:
            self.status["desiredReplicas"] = 0
            self.condition(
                "ScalingActive",
                False,
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
            return
        if current > most:
            desired, why = most, "Current number of replicas above Spec.MaxReplicas"
        elif current < least:
            desired, why = least, "Current number of replicas below Spec.MinReplicas"
        else:
            best = self._from_metrics(scale, current)
            if best is None:
                return
            if best.replicas > current:
                why = f"{best.name} above target"
            elif best.replicas < current:
                why = "All metrics below target"
            desired = self._normalize(current, best.replicas)
        self.status["desiredReplicas"] = desired
        if desired != current:
            self._rescale(name_of(kind), scale, current, desired, why)

    def _from_metrics(self, scale: Obj, current: int) -> Proposal | None:
        """The largest that a metric calls for; None if that cannot be known."""
        text = scale.get("status", {}).get("selector", "")
        namespace = self.hpa["metadata"]["namespace"]
        metrics: Objs = self.hpa["spec"].get("metrics") or []
        if not text:
            self.say("Warning", "SelectorRequired", "selector is required")
            self.condition("ScalingActive", False, "InvalidSelector", "the HPA target's scale is missing a selector")
            return None
        selector = parse_selector(text)
        pods = [
            pod
            for pod in self.controller.pods.by_index("namespace", namespace)
            if selector.matches(pod["metadata"].get("labels"))
        ]
        proposals: list[Proposal] = []
        failures: list[MetricError] = []
        for metric in metrics:
            try:
                proposals.append(evaluate(self.controller.client, metric, namespace, selector, pods, current, self.now))
            except MetricError as error:
                failures.append(error)
                self.say("Warning", error.reason, str(error))
        best = max(proposals, key=lambda p: p.replicas, default=None)
        if failures and (best is None or best.replicas < current):
            first = failures[0]
            source = metrics[0].get("resource") or metrics[0].get("containerResource") or {}
            what = source.get("name", "")
            message = (
                f"invalid metrics ({len(failures)} invalid out of {len(metrics)}), first error is: failed to get "
                f"{what} resource metric value: {first}"
            )
            self.condition(
                "ScalingActive", False, first.reason, f"the HPA was unable to compute the replica count: {first}"
            )
            self.say("Warning", "FailedComputeMetricsReplicas", message)
            return None
        if best is None:
            return None
        self.status["currentMetrics"] = [p.current for p in proposals]
        self.condition(
            "ScalingActive",
            True,
            "ValidMetricFound",
            f"the HPA was able to successfully calculate a replica count from {best.name}",
        )
        return best

    def _normalize(self, current: int, wanted: int) -> int:
        steady, reason, message = behavior.stabilized(self.memory, self.hpa, self.now, current, wanted)
        self.condition("AbleToScale", True, reason, message)
        desired, reason, message = behavior.limited(self.memory, self.hpa, self.now, current, steady)
        least, most = self.hpa["spec"].get("minReplicas", 1), self.hpa["spec"]["maxReplicas"]
        if steady < least or steady > most:  # the bounds hold also where the number does not change
            bounded = min(max(desired, least), most)
            if bounded == current and reason == "DesiredWithinRange":
                few = steady < least
                reason = "TooFewReplicas" if few else "TooManyReplicas"
                message = (
                    f"the desired replica count is {'less' if few else 'more'} than the "
                    f"{'minimum' if few else 'maximum'} replica count"
                )
            desired = bounded
        self.condition("ScalingLimited", desired != steady, reason, message)
        return desired

    def _rescale(self, resource: str, scale: Obj, current: int, desired: int, why: str) -> None:
        scale = {**scale, "spec": {**scale["spec"], "replicas": desired}}
        meta, client = scale["metadata"], self.controller.client
        path = client.resource(resource).path(meta["namespace"], meta["name"], "scale")
        try:
            client.request("PUT", path, body=scale)
        except ApiError as error:
            self.say("Warning", "FailedRescale", f"New size: {desired}; reason: {why}; error: {error.message}")
            self.condition(
                "AbleToScale",
                False,
                "FailedUpdateScale",
                f"the HPA controller was unable to update the target scale: {error.message}",
            )
            self.status["desiredReplicas"] = current
            raise
        self.condition(
            "AbleToScale",
            True,
            "SucceededRescale",
            f"the HPA controller was able to update the target scale to {desired}",
        )
        self.say("Normal", "SuccessfulRescale", f"New size: {desired}; reason: {why}")
        self.memory.scaled(self.now, current, desired)
        self.status["lastScaleTime"] = rfc3339(self.now)
