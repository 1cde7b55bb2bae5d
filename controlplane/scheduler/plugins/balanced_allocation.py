"""NodeResourcesBalancedAllocation: prefer nodes on which the Pod evens out the use of CPU and memory (upstream:
plugins/noderesources/balanced_allocation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.client.base import Obj
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.allocation import balanced, specs
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import SKIP, Status


class NodeResourcesBalancedAllocation(Plugin):
    local = True

    def __init__(self, args: Obj, handle: Handle) -> None:
        super().__init__(args, handle)
        self._resources = specs(args.get("resources"))
        self._score = balanced(self._resources)

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Status | None:
        """A Pod that asks for nothing would always leave the balance as it is."""
        return None if any(pod.requests.get(name) for name, _ in self._resources) else SKIP

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return self._score(pod, node)
