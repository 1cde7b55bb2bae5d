"""NodeUnschedulable: nothing new on a cordoned node, except what tolerates it (upstream: plugins/nodeunschedulable)."""

from __future__ import annotations

from controlplane.client.base import Obj
from controlplane.scheduler.events import NODE_ADD, NODE_TAINT, POD_TOLERATION, EventHint
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.tolerations import tolerated
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import Status, unresolvable

REFUSED = unresolvable("node(s) were unschedulable", plugin="NodeUnschedulable")
TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class NodeUnschedulable(Plugin):
    local = True

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (EventHint(NODE_ADD, self._opened), EventHint(NODE_TAINT, self._opened), EventHint(POD_TOLERATION))

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        if not node.unschedulable or tolerated(pod.template.tolerations, TAINT):
            return None
        return REFUSED

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        return "uncordon the node"

    @staticmethod
    def _opened(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        return bool(new) and not (new or {}).get("spec", {}).get("unschedulable")
