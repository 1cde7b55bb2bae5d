"""NodeName: a Pod that names its node goes nowhere else (upstream: plugins/nodename)."""

from __future__ import annotations

from controlplane.scheduler.events import NODE_ADD, EventHint
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import Status, unresolvable

REFUSED = unresolvable("node(s) didn't match the requested node name", plugin="NodeName")


class NodeName(Plugin):
    local = True

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (EventHint(NODE_ADD),)

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        return REFUSED if pod.node_name and pod.node_name != node.name else None

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        return f"the Pod names node {pod.node_name}"
