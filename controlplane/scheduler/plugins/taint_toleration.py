"""TaintToleration: keep off nodes whose taints the Pod does not tolerate (upstream: plugins/tainttoleration)."""

from __future__ import annotations

from controlplane.client.base import Obj
from controlplane.scheduler.events import NODE_ADD, NODE_TAINT, POD_TOLERATION, EventHint
from controlplane.scheduler.framework import CycleState, Plugin, default_normalize
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.tolerations import tolerated, untolerated
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import Status, unresolvable

REFUSED = unresolvable("node(s) had untolerated taint(s)", plugin="TaintToleration")


class TaintToleration(Plugin):
    """NoSchedule and NoExecute refuse; each PreferNoSchedule taint that is not tolerated costs points."""

    local = True

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (EventHint(NODE_ADD, self._tolerable), EventHint(NODE_TAINT, self._tolerable), EventHint(POD_TOLERATION))

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        if not node.taints or untolerated(pod.template.tolerations, node.taints) is None:
            return None
        return REFUSED

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        if not node.taints:
            return 0
        soft = [
            toleration
            for toleration in pod.template.tolerations
            if toleration.get("effect") in (None, "", "PreferNoSchedule")
        ]
        return sum(taint.get("effect") == "PreferNoSchedule" and not tolerated(soft, taint) for taint in node.taints)

    def normalize(self, state: CycleState, pod: PodInfo, scores: list[int]) -> list[int]:
        return default_normalize(scores, reverse=True)

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        taint = untolerated(pod.template.tolerations, node.taints) or {}
        value = f"={taint['value']}" if taint.get("value") else ""
        return f"tolerate the taint {taint.get('key', '')}{value}:{taint.get('effect', '')}, or remove it"

    @staticmethod
    def _tolerable(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        taints = ((new or {}).get("spec") or {}).get("taints") or ()
        return new is not None and untolerated(pod.template.tolerations, taints) is None
