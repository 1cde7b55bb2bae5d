"""DefaultPreemption: make room for a Pod by deleting less important ones (upstream: plugins/defaultpreemption,
framework/preemption).

*Note*: upstream deletes the victims in the background and keeps the Pod out of the queue meanwhile; here the deletions
are sent within the cycle.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.clock import parse_time, rfc3339
from controlplane.labels import from_label_selector
from controlplane.scheduler.events import EventHint
from controlplane.scheduler.framework import CycleState, Nominated, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.runtime import Framework
from controlplane.scheduler.status import Code, FitError, Status, unresolvable, unschedulable

MAX_INT32 = (1 << 31) - 1
REASON = "PreemptionByScheduler"
NO_VICTIMS = unresolvable("No preemption victims found for incoming pod")
NOT_HELPFUL = unresolvable("Preemption is not helpful for scheduling")


class Candidate(NamedTuple):
    """A node, and the Pods that would have to go, the most important one first."""

    node: str
    victims: list[PodInfo]
    violations: int  # of disruption budgets


class DefaultPreemption(Plugin):
    """`args.minCandidateNodesPercentage` (10) and `minCandidateNodesAbsolute` (100) bound the nodes tried."""

    def __init__(self, args: Obj, handle: Handle) -> None:
        super().__init__(args, handle)
        self._percentage = _range(args, "minCandidateNodesPercentage", 10, 100)
        self._absolute = _range(args, "minCandidateNodesAbsolute", 100, MAX_INT32)
        self._budgets = handle.lister("poddisruptionbudgets.policy")
        self._rng = handle.loop.rng("scheduler/preemption")

    def events_to_register(self) -> tuple[EventHint, ...]:
        return ()

    def post_filter(self, state: CycleState, pod: PodInfo, error: FitError) -> tuple[Nominated | None, Status | None]:
        reason = self._ineligible(pod, error)
        if reason:
            return None, unschedulable(f"preemption: {reason}", plugin=self.name)
        candidates, statuses = self._candidates(state, pod, error)
        if not candidates:
            refusal = FitError(error.all_nodes, statuses, NOT_HELPFUL)
            return Nominated(""), unschedulable(f"preemption: {refusal.message}", plugin=self.name)
        best = self.select(candidates)
        failure = self._evict(best, pod)
        if failure:
            return None, Status(Code.ERROR, f"preemption: {failure}", plugin=self.name)
        return Nominated(best.node), None

    # Who may, and where ----------------------------------------------------------------------------------------------

    def _ineligible(self, pod: PodInfo, error: FitError) -> str:
        if pod["spec"].get("preemptionPolicy") == "Never":
            return "not eligible due to preemptionPolicy=Never."
        nominated = pod.nominated_node
        status = error.status_of(nominated) if nominated else None
        if nominated and not (status and status.code == Code.UNSCHEDULABLE_AND_UNRESOLVABLE):
            node = self.handle.cache.by_name.get(nominated)
            for other in node.pods.values() if node else ():
                if other.priority < pod.priority and _terminating_by_preemption(other):
                    return "not eligible due to a terminating pod on the nominated node."
        return ""

    def _candidates(
        self, state: CycleState, pod: PodInfo, error: FitError
    ) -> tuple[list[Candidate], dict[str, Status]]:
        """Nodes on which deleting Pods would help, and why it would not on the others that were tried."""
        status_of = error.status_of
        potential = [
            node
            for node in self.handle.cache.nodes
            if (status := status_of(node.name)) is not None and status.code is Code.UNSCHEDULABLE
        ]
        if not potential:
            return [], {}
        wanted = min(max(len(potential) * self._percentage // 100, self._absolute), len(potential))
        offset = self._rng.randrange(len(potential))
        budgets = self._budgets.list()
        violating: list[Candidate] = []
        peaceful: list[Candidate] = []
        statuses: dict[str, Status] = {}
        for i in range(len(potential)):
            node = potential[(offset + i) % len(potential)]
            result = self.victims_on(state, pod, node, budgets)
            if isinstance(result, Status):
                statuses[node.name] = result
                continue
            (violating if result.violations else peaceful).append(result)
            if peaceful and len(peaceful) + len(violating) >= wanted:
                break
        return peaceful + violating, statuses

    def victims_on(self, state: CycleState, pod: PodInfo, node: NodeInfo, budgets: Objs) -> Candidate | Status:
        """The fewest and least important Pods of a node that must go for `pod` to fit, or why nothing helps."""
        framework = self.handle.framework_of(pod)
        state, node = state.clone(), node.copy()
        lesser = [other for other in node.pods.values() if other.priority < pod.priority]
        if not lesser:
            return NO_VICTIMS
        for other in lesser:
            self._take(framework, state, pod, other, node)
        refusal = framework.run_filters_with_nominated(state, pod, node)
        if refusal is not None:
            return refusal
        lesser.sort(key=self._importance)
        breaking, others = split_by_budget(lesser, budgets)
        victims: list[PodInfo] = []
        violations = 0
        for group, counts in ((breaking, 1), (others, 0)):
            for other in group:  # spare them again, the most important ones first
                node.add_pod(other)
                framework.add_pod(state, pod, other, node)
                if framework.run_filters_with_nominated(state, pod, node) is not None:
                    self._take(framework, state, pod, other, node)
                    victims.append(other)
                    violations += counts
        if not victims:
            return Status(Code.ERROR, f'expected at least one victim pod on node "{node.name}"')
        victims.sort(key=self._importance)
        return Candidate(node.name, victims, violations)

    @staticmethod
    def _take(framework: Framework, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        node.remove_pod(other)
        framework.remove_pod(state, pod, other, node)

    # Choosing and acting ---------------------------------------------------------------------------------------------

    def _importance(self, pod: PodInfo) -> tuple[float, float]:
        """Sorts the most important Pod first: higher priority, then longer running."""
        return (-pod.priority, self._started(pod))

    def _started(self, pod: PodInfo) -> float:
        start = (pod.get("status") or {}).get("startTime")
        return parse_time(start) if start else self.handle.loop.now()

    def select(self, candidates: list[Candidate]) -> Candidate:
        """Upstream's order: fewest broken budgets, least important victim at the top, smallest sum of priorities,
        fewest victims, latest start of the most important ones, first found."""

        def cost(candidate: Candidate) -> tuple[float, ...]:
            top = candidate.victims[0].priority if candidate.victims else -MAX_INT32
            total = sum(victim.priority + MAX_INT32 + 1 for victim in candidate.victims)
            earliest = min((self._started(v) for v in candidate.victims if v.priority == top), default=0.0)
            return (candidate.violations, top, total, len(candidate.victims), -earliest)

        return min(candidates, key=cost)

    def _evict(self, best: Candidate, pod: PodInfo) -> str:
        """Delete the victims, and send away less important Pods that were nominated to the node."""
        for victim in best.victims:
            if victim.terminating:
                continue
            try:
                self._delete(victim, pod)
            except ApiError as error:
                if not error.not_found:
                    return str(error)
                continue
            self.handle.event(
                pod.scheduler_name, victim.pod, "Normal", "Preempted", f"Preempted by pod {pod.uid} on node {best.node}"
            )
        for other in list(self.handle.nominator.by_node.get(best.node, {}).values()):
            if other.priority < pod.priority:
                self.handle.nominator.set(other, "")
                self._clear_nomination(other)
                self.handle.activate(other.key)
        return ""

    def _delete(self, victim: PodInfo, pod: PodInfo) -> None:
        client = self.handle.client
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": REASON,
            "message": f"{pod.scheduler_name}: preempting to accommodate a higher priority pod",
            "lastTransitionTime": rfc3339(self.handle.loop.now()),
        }
        generation = victim["metadata"].get("generation")
        if generation:
            condition["observedGeneration"] = generation
        client.patch(
            "pods",
            victim.name,
            {"metadata": {"uid": victim.uid}, "status": {"conditions": [condition]}},
            victim.namespace,
            type="strategic",
            subresource="status",
        )
        client.delete("pods", victim.name, victim.namespace)

    def _clear_nomination(self, pod: PodInfo) -> None:
        try:
            self.handle.client.patch(
                "pods",
                pod.name,
                {"metadata": {"uid": pod.uid}, "status": {"nominatedNodeName": None}},
                pod.namespace,
                type="strategic",
                subresource="status",
            )
        except ApiError:
            return  # not critical: the nomination is gone here, and the Pod's next attempt writes its own


def split_by_budget(pods: Iterable[PodInfo], budgets: Objs) -> tuple[list[PodInfo], list[PodInfo]]:
    """(Pods whose deletion would break a disruption budget, the others), each in the order given."""
    left = [(budget.get("status") or {}).get("disruptionsAllowed", 0) for budget in budgets]
    breaking: list[PodInfo] = []
    others: list[PodInfo] = []
    for pod in pods:
        broken = False
        for i, budget in enumerate(budgets if pod.labels else ()):
            if budget["metadata"].get("namespace") != pod.namespace:
                continue
            try:
                selector = from_label_selector((budget.get("spec") or {}).get("selector"))
            except ValueError:
                continue  # an invalid selector matches nothing
            if selector.empty or not selector.matches(pod.labels):
                continue
            if pod.name in ((budget.get("status") or {}).get("disruptedPods") or {}):
                continue  # its disruption is counted already
            left[i] -= 1
            broken = broken or left[i] < 0
        (breaking if broken else others).append(pod)
    return breaking, others


def _terminating_by_preemption(pod: PodInfo) -> bool:
    if not pod.terminating:
        return False
    return any(
        condition["type"] == "DisruptionTarget"
        and condition.get("status") == "True"
        and condition.get("reason") == REASON
        for condition in (pod.get("status") or {}).get("conditions") or ()
    )


def _range(args: Obj, name: str, default: int, most: int) -> int:
    value = args.get(name, default)
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name}: Invalid value: {value}: must be in the range [0, {most}]")
    return value
