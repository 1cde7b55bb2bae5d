"""Starting one container: image, creation, start, postStart hook, and waiting longer after each failure.

Upstream: kuberuntime's startContainer and doBackOff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controlplane.node.container_slot import ContainerSlot
from controlplane.node.hooks import run_hook
from controlplane.node.image_puller import go_duration
from controlplane.node.pod_status import terminated
from controlplane.node.runtime import Container, Failure, Image

if TYPE_CHECKING:
    from controlplane.node.pod_worker import PodWorker

RELIST = 1.0  # seconds; how long the kubelet takes to act on a container that ended (the period of its relist)
RETRY = 10.0  # seconds until a start that failed is tried again


def start_or_wait(worker: PodWorker, slot: ContainerSlot) -> None:
    """Start a container, or wait if it has failed too often."""
    backoff, current = worker.kubelet.crashes, slot.current
    if current is not None:
        key = crash_key(worker.uid, slot)
        left = backoff.remaining(key, current.finished_at)
        if left > 1e-6:
            what = f"restarting failed container {slot.name} in pod {worker.full_name}"
            worker.event("Warning", "BackOff", f"Back-off {what}", slot)
            delay = go_duration(backoff.delay(key))
            message = f"back-off {delay} restarting failed container={slot.name} pod={worker.full_name}"
            slot.waiting, slot.last = ("CrashLoopBackOff", message), terminated(current)
            retry(worker, slot, left)
            worker.publish()
            return
        backoff.raise_delay(key, current.finished_at)
    ContainerStart(worker, slot)


def crash_key(uid: str, slot: ContainerSlot) -> str:
    """What a back-off belongs to: a container with another image starts afresh."""
    return f"{uid}/{slot.name}/{slot.spec['image']}"


def retry(worker: PodWorker, slot: ContainerSlot, delay: float) -> None:
    """Try to start the container again in `delay` seconds."""

    def again() -> None:
        slot.retry = None
        worker.sync()

    slot.retry = worker.kubelet.later(delay, again)


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
            self._forget_attempts()
        slot.current, slot.restarts = container, attempt
        worker.kubelet.runtime.start_container(container.id, lambda failure: self._started(container, failure))

    def _started(self, container: Container, failure: Failure | None) -> None:
        worker, slot = self.worker, self.slot
        if self._gone() or slot.current is not container:
            return
        if failure is not None:
            self._fail(failure, report=f"Error: {failure.message}")
            if container.state == "exited":  # the attempt counts as one that ran and ended at once
                slot.waiting = None if slot.done(worker.policy) else slot.waiting
                worker.container_exited(container)
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
        worker, slot = self.worker, self.slot
        slot.busy = False
        slot.waiting = (failure.reason, failure.message)
        self._event("Warning", "Failed", report)
        delay = RETRY
        if failure.reason == "ErrImagePull":
            delay = RELIST
        elif failure.reason == "ImagePullBackOff":
            delay = worker.kubelet.images.backoff.since_raised(worker.kubelet.images.key(worker.pod, slot))
        retry(worker, slot, max(delay, 0.001))
        worker.publish()

    def _forget_attempts(self) -> None:
        """Of the attempts that ended, keep the last one, for `kubectl logs --previous`."""
        runtime, slot = self.worker.kubelet.runtime, self.slot
        for container in runtime.containers(self.worker.uid):
            if container.name == slot.name and container is not slot.current and container.state == "exited":
                runtime.remove_container(container.id)

    def _event(self, type: str, reason: str, message: str) -> None:
        self.worker.kubelet.recorder.event(self.worker.pod, type, reason, message, self.slot.field_path)
