"""Evicting Pods before the node runs out of memory or disk (upstream: pkg/kubelet/eviction).

Every 10 s the kubelet compares what is left with its thresholds.  Below one, the node says so in a condition, and
Pods go one at a time: first those that use more than they requested, then by priority, then by how much they exceed
it. *Note*: the soft thresholds, inodes and the separate image file system are left out here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from controlplane.node.pod_resources import amount, container_requests, qos_class
from controlplane.node.runtime import Obj, Usage

if TYPE_CHECKING:
    from controlplane.node.kubelet import Kubelet
    from controlplane.node.pod_worker import PodWorker

PERIOD = 10.0  # seconds between looks
CLEANUP = 30.0  # seconds that an evicted Pod has to be gone before the next one goes
TRANSITION = 300.0  # seconds without pressure before the node says that there is none
GRACE = 1.0  # seconds that an evicted Pod's containers have
CRITICAL = 2_000_000_000  # a Pod with at least this priority is never evicted
TOLERATIONS = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
}


class Signal(NamedTuple):
    """One resource that can run out."""

    condition: str
    resource: str  # how messages and requests call it
    threshold: float  # what must be left: bytes, or a share of the capacity if below 1

    def least(self, capacity: float) -> float:
        return self.threshold if self.threshold >= 1 else self.threshold * capacity

    def used(self, usage: Usage) -> int:
        return usage.memory if self.resource == "memory" else usage.storage


SIGNALS = (Signal("MemoryPressure", "memory", 100 * 1024**2), Signal("DiskPressure", "ephemeral-storage", 0.1))


class EvictionManager:
    """Watches over one node's memory and disk."""

    def __init__(self, kubelet: Kubelet) -> None:
        self.kubelet = kubelet
        self._last_seen: dict[str, float] = {}  # condition -> when there was pressure last
        self._leaving: tuple[PodWorker, float] | None = None  # the Pod evicted last, and until when to wait for it

    def start(self) -> None:
        self._leaving = None
        self._last_seen.clear()
        self.kubelet.later(PERIOD, self._look)

    def _look(self) -> None:
        kubelet = self.kubelet
        kubelet.later(PERIOD, self._look)
        if not kubelet.workers and not self._last_seen:
            return
        now, usage = kubelet.loop.now(), kubelet.runtime.node_usage()
        for signal in SIGNALS:
            capacity = amount(kubelet.node.capacity[signal.resource])
            available, least = capacity - signal.used(usage), signal.least(capacity)
            if available < least:
                self._last_seen[signal.condition] = now
                kubelet.node.set_pressure(signal.condition, True)
                self._reclaim(signal, available, least)
            elif now - self._last_seen.get(signal.condition, now) >= TRANSITION:
                del self._last_seen[signal.condition]
                kubelet.node.set_pressure(signal.condition, False)

    def _reclaim(self, signal: Signal, available: float, least: float) -> None:
        kubelet, now = self.kubelet, self.kubelet.loop.now()
        if self._leaving is not None and not self._leaving[0].finished and now < self._leaving[1]:
            return
        kubelet.recorder.event(
            kubelet.node.reference(), "Warning", "EvictionThresholdMet", f"Attempting to reclaim {signal.resource}"
        )
        ranked = self._ranked(signal)
        if not ranked:
            return
        worker = ranked[0]
        message = (
            f"The node was low on resource: {signal.resource}. Threshold quantity: {size(least)}, "
            f"available: {size(max(available, 0.0))}. {self._excess(worker, signal)}"
        )
        self._leaving = (worker, now + CLEANUP)
        worker.event("Warning", "Evicted", message)
        worker.fail("Evicted", message, GRACE, disruption=message)

    def _ranked(self, signal: Signal) -> list[PodWorker]:
        """Who may go, the first to go first."""
        workers = [
            w
            for w in self.kubelet.workers.values()
            if w.ending is None and not w.static and (w.pod["spec"].get("priority") or 0) < CRITICAL
        ]

        def rank(worker: PodWorker) -> tuple[bool, int, float]:
            excess = self._used(worker, signal) - worker.requests.get(signal.resource, 0.0)
            return excess <= 0, worker.pod["spec"].get("priority") or 0, -excess

        return sorted(workers, key=rank)

    def _used(self, worker: PodWorker, signal: Signal) -> int:
        runtime = self.kubelet.runtime
        return sum(signal.used(runtime.usage(slot.current.id)) for slot in worker.slots if slot.current is not None)

    def _excess(self, worker: PodWorker, signal: Signal) -> str:
        """A sentence about each container that uses more than it requested."""
        text = ""
        for slot in worker.slots:
            if slot.current is None:
                continue
            used = signal.used(self.kubelet.runtime.usage(slot.current.id))
            wants = container_requests(slot.spec).get(signal.resource, 0.0)
            if used > wants:
                text += (
                    f"Container {slot.name} was using {size(used)}, request is {size(wants)}, "
                    f"has larger consumption of {signal.resource}. "
                )
        return text

    def refuses(self, pod: Obj) -> str:
        """Why a Pod that comes now cannot be taken, or ""."""
        spec = pod["spec"]
        if (spec.get("priority") or 0) >= CRITICAL:
            return ""
        under = [c for c in TOLERATIONS if self.kubelet.node.pressure[c]]
        if under == ["MemoryPressure"] and (qos_class(pod) != "BestEffort" or _tolerates(spec, under[0])):
            return ""
        return f"The node had condition: [{' '.join(under)}]. " if under else ""


def _tolerates(spec: Obj, condition: str) -> bool:
    return any(
        t.get("key") in (None, "", TOLERATIONS[condition]) and t.get("effect") in (None, "", "NoSchedule")
        for t in spec.get("tolerations") or ()
    )


def size(value: float) -> str:
    """Bytes as upstream's messages show them: a binary quantity in its largest whole unit.

    >>> size(104857600), size(1500 * 1024), size(1500), size(0)
    ('100Mi', '1500Ki', '1500', '0')
    """
    number = int(value)
    for unit, suffix in ((1024**3, "Gi"), (1024**2, "Mi"), (1024, "Ki")):
        if number and number % unit == 0:
            return f"{number // unit}{suffix}"
    return str(number)
