"""NodePorts: a host port can be used once on each address of a node (upstream: plugins/nodeports)."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.client.base import Obj
from controlplane.scheduler.events import ASSIGNED_DELETE, NODE_ADD, EventHint
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import SKIP, Status, unschedulable

REFUSED = unschedulable("node(s) didn't have free ports for the requested pod ports", plugin="NodePorts")


class NodePorts(Plugin):
    local = True

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (EventHint(ASSIGNED_DELETE, self._freed), EventHint(NODE_ADD))

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[Sequence[str] | None, Status | None]:
        return None, None if pod.template.host_ports else SKIP

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        return REFUSED if any(map(node.port_taken, pod.template.host_ports)) else None

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        taken = [
            f"{port}/{protocol}"
            for ip, protocol, port in pod.template.host_ports
            if node.port_taken((ip, protocol, port))
        ]
        return f"free host port {', '.join(taken)}"

    @staticmethod
    def _freed(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        if old is None:
            return False
        node = NodeInfo("")
        node.add_pod(PodInfo(old))
        return any(map(node.port_taken, pod.template.host_ports))
