"""Ending a Pod gracefully (upstream: kuberuntime's killContainersWithSyncResult).

The regular containers are stopped together: preStop hook, SIGTERM, SIGKILL when the grace period is over.  Sidecars
follow one after another, the last of the list first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controlplane.node.container_slot import ContainerSlot
from controlplane.node.hooks import run_hook

if TYPE_CHECKING:
    from controlplane.node.pod_worker import PodWorker

MIN_GRACE = 2.0  # seconds that a container has after SIGTERM even if its preStop hook used up the grace period


class Termination:
    """The end of one Pod, from the first signal to the last container."""

    __slots__ = ("_deadline", "worker")

    def __init__(self, worker: PodWorker, grace: float) -> None:
        self.worker = worker
        self._deadline = worker.kubelet.loop.now() + grace
        for slot in worker.slots:
            slot.busy = False
            if slot.retry is not None:
                slot.retry.cancel()
                slot.retry = None
            if slot.prober is not None:
                slot.prober.stop(keep_readiness=True)
        worker.kubelet.later(0.0, self.proceed)

    def proceed(self) -> None:
        """Stop what is next in the order; when nothing is left, the Pod has ended."""
        worker = self.worker
        if worker.finished or worker.closed:
            return
        alive = [slot for slot in worker.slots if slot.current is not None and slot.current.state != "exited"]
        if not alive:
            worker.end()
            return
        first = [slot for slot in alive if slot.kind != "sidecar"] or alive[-1:]
        for slot in first:
            if not slot.stopping:
                self.stop(
                    worker,
                    slot,
                    max(self._deadline - worker.kubelet.loop.now(), 0.0),
                    f"Stopping container {slot.name}",
                )

    def hurry(self, grace: float) -> None:
        """Deleted again with a shorter grace period."""
        worker = self.worker
        deadline = worker.kubelet.loop.now() + grace
        if deadline >= self._deadline - 1e-6:
            return
        self._deadline = deadline
        for slot in worker.slots:
            if slot.stopping and slot.current is not None:
                slot.stop_by = deadline
                worker.kubelet.runtime.stop_container(slot.current.id, grace)

    @staticmethod
    def stop(worker: PodWorker, slot: ContainerSlot, grace: float, message: str) -> None:
        """preStop hook, then SIGTERM, then SIGKILL at the end of the grace period."""
        kubelet, container = worker.kubelet, slot.current
        assert container is not None
        slot.stopping = True
        slot.stop_by = kubelet.loop.now() + grace
        worker.event("Normal", "Killing", message, slot)
        hook = (slot.spec.get("lifecycle") or {}).get("preStop")
        if not hook or grace <= 0 or container.state != "running":
            kubelet.runtime.stop_container(container.id, grace)
            return
        ran = False

        def terminate() -> None:
            nonlocal ran
            if not ran and not worker.closed and container.state == "running":
                ran = True
                kubelet.runtime.stop_container(container.id, max(slot.stop_by - kubelet.loop.now(), MIN_GRACE))

        def hooked(error: str) -> None:
            if error:
                worker.event("Warning", "FailedPreStopHook", "PreStopHook failed", slot)
            terminate()

        kubelet.later(grace, terminate)
        run_hook(kubelet, container.id, slot.spec, hook, hooked)
