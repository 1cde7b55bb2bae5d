"""Lab 04 at work: a scheduler of the package that decides by a learner's functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controlplane.client.base import Client, Obj
from controlplane.clock import Loop
from controlplane.scheduler.custom import NodeView, from_function, from_plugins
from controlplane.scheduler.framework import CycleState
from controlplane.scheduler.plugins.default_preemption import Candidate
from controlplane.scheduler.plugins.default_preemption import DefaultPreemption as Preemption
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.scheduler import Scheduler
from controlplane.scheduler.status import FitError, Status

Reasons = Callable[[Obj, NodeView], Sequence[str]]
Score = Callable[[Obj, NodeView], int]
Allows = Callable[[Obj, Obj, NodeView, Sequence[NodeView]], bool]
Repels = Callable[[Obj, NodeView], object]
Victims = Callable[[Obj, Sequence[NodeView]], tuple[str, Sequence[str]] | None]
MakeScheduler = Callable[[Loop, Client], Scheduler]


def scheduler(
    reasons: Reasons | None = None,
    score: Score | None = None,
    allows: Allows | None = None,
    repels: Repels | None = None,
) -> MakeScheduler:
    """A scheduler of the learner's parts; a filter that is not given passes every node with room."""

    def fits(pod: Obj, node: NodeView, nodes: Sequence[NodeView]) -> bool:
        constraints = pod["spec"].get("topologySpreadConstraints") or ()
        return (
            (not reasons(pod, node) if reasons else node.fits(pod))
            and not (repels and repels(pod, node))
            and all(allows is None or allows(pod, constraint, node, nodes) for constraint in constraints)
        )

    def mine(pod: Obj, nodes: Sequence[NodeView]) -> str | None:
        fitting = [node for node in nodes if fits(pod, node, nodes)]
        if not fitting:
            return None
        return max(fitting, key=lambda node: score(pod, node)).name if score else fitting[0].name

    return from_function(mine)


def preempting(victims: Victims) -> MakeScheduler:
    """The package's scheduler, in which the learner's `victims` says who makes room, and where."""

    class DefaultPreemption(Preemption):
        def _candidates(
            self, state: CycleState, pod: PodInfo, error: FitError
        ) -> tuple[list[Candidate], dict[str, Status]]:
            nodes = self.handle.cache.by_name
            choice = victims(pod.pod, [NodeView(info) for info in self.handle.cache.nodes])
            if choice is None:
                return [], {}
            node, names = choice
            going = [other for other in nodes[node].pods.values() if other.name in names]
            return ([Candidate(node, going, 0)] if going else []), {}

    return from_plugins(DefaultPreemption)
