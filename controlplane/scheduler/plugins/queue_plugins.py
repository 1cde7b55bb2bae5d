"""PrioritySort and SchedulingGates: who enters the queue, and in which order (upstream: plugins/queuesort,
plugins/schedulinggates)."""

from __future__ import annotations

from typing import Any

from controlplane.scheduler.events import POD_GATES, EventHint
from controlplane.scheduler.framework import Plugin
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import Status, unresolvable


class PrioritySort(Plugin):
    """Higher priority first, then whoever waits longer."""

    def less(self, pod: PodInfo, since: float) -> tuple[Any, ...]:
        return (-pod.priority, since)


class SchedulingGates(Plugin):
    """A Pod with scheduling gates is not tried until the last one is gone."""

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (EventHint(POD_GATES),)

    def pre_enqueue(self, pod: PodInfo) -> Status | None:
        gates = [gate["name"] for gate in pod["spec"].get("schedulingGates") or ()]
        if not gates:
            return None
        return unresolvable(f"waiting for scheduling gates: [{' '.join(gates)}]", plugin="SchedulingGates")
