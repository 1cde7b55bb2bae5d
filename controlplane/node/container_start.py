"""Starting one container: image, creation, start, postStart hook (upstream: kuberuntime's startContainer)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controlplane.node.container_slot import ContainerSlot
from controlplane.node.hooks import run_hook
from controlplane.node.pod_status import terminated
from controlplane.node.runtime import Container, Failure, Image

if TYPE_CHECKING:
    from controlplane.node.pod_worker import PodWorker


class ContainerStart:
    """One attempt, which gives up silently when its Pod starts to end in the meantime."""

    __slots__ = ("slot", "worker")

    def __init__(self, worker: PodWorker, slot: ContainerSlot) -> None:
        self.worker = worker
        self.slot = slot
        slot.busy = True
        worker.kubelet.images.ensure(worker.pod, slot, self._image)

    def _gone(self) -> bool:
        return self.worker.ending is not None or self.worker.closed

    def _image(self, image: Image | Failure) -> None:
        worker, slot = self.worker, self.slot
        if self._gone():
            return
        if isinstance(image, Failure):
            self._fail(image, report=f"Error: {image.reason}")
            return
        attempt = 0 if slot.current is None else slot.restarts + 1
        environment = worker.kubelet.environment(worker.pod, slot.spec, worker.pod_ip)
        if isinstance(environment, Failure):
            self._fail(environment, report=f"Error: {environment.message}")
            return
        container = worker.kubelet.runtime.create_container(worker.pod, slot.spec, attempt, environment)
        if isinstance(container, Failure):
            self._fail(container, report=f"Error: {container.message}")
            return
        self._event("Normal", "Created", "Container created")
        if slot.current is not None:
            slot.last = terminated(slot.current)
            worker.forget_attempts(slot)
        slot.current, slot.restarts = container, attempt
        worker.kubelet.runtime.start_container(container.id, lambda failure: self._started(container, failure))

    def _started(self, container: Container, failure: Failure | None) -> None:
        worker, slot = self.worker, self.slot
        if self._gone() or slot.current is not container:
            return
        if failure is not None:
            self._fail(failure, report=f"Error: {failure.message}")
            return
        self._event("Normal", "Started", "Container started")
        hook = (slot.spec.get("lifecycle") or {}).get("postStart")
        if hook:
            run_hook(worker.kubelet, container.id, slot.spec, hook, lambda error: self._hooked(container, error))
        else:
            self._hooked(container, "")

    def _hooked(self, container: Container, error: str) -> None:
        worker, slot = self.worker, self.slot
        slot.busy = False
        if self._gone() or slot.current is not container:
            return
        if error:
            self._event("Warning", "FailedPostStartHook", "PostStartHook failed")
            worker.stop_slot(slot, "FailedPostStartHook")
        else:
            slot.waiting = None
            worker.container_started(slot)

    def _fail(self, failure: Failure, report: str) -> None:
        """The container waits, says why, and is tried again."""
        self.slot.busy = False
        self.slot.waiting = (failure.reason, failure.message)
        self._event("Warning", "Failed", report)
        self.worker.start_failed(self.slot, failure.reason)

    def _event(self, type: str, reason: str, message: str) -> None:
        self.worker.kubelet.recorder.event(self.worker.pod, type, reason, message, self.slot.field_path)
