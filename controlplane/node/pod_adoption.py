"""Finding what already runs, or ran, of a Pod when the kubelet starts.

Containers outlive the kubelet: those that the runtime has are taken over as they are.  They do not outlive the machine:
one that the API calls running and the runtime does not know has ended, nobody saw how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controlplane.clock import parse_time
from controlplane.node.container_slot import ContainerSlot
from controlplane.node.runtime import Container, Obj

if TYPE_CHECKING:
    from controlplane.node.pod_worker import PodWorker

STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


def adopt(worker: PodWorker) -> None:
    """Fill the worker's sandbox and slots."""
    runtime = worker.kubelet.runtime
    worker.sandbox = runtime.sandbox(worker.uid)
    known = {status["name"]: status for key in STATUSES for status in worker.status.get(key) or ()}
    if not known and worker.sandbox is None:
        return
    attempts: dict[str, list[Container]] = {}
    for container in runtime.containers(worker.uid):
        attempts.setdefault(container.name, []).append(container)
    for slot in worker.slots:
        here, status = attempts.get(slot.name), known.get(slot.name)
        if status is not None:
            slot.restarts = status.get("restartCount") or 0
            slot.last = (status.get("lastState") or {}).get("terminated")
        if here:
            slot.current, slot.restarts = here[-1], here[-1].attempt
            if slot.current.state == "created":  # the kubelet stopped between creating and starting it
                runtime.stop_container(slot.current.id, 0.0)
        elif status is not None:
            slot.current = _remembered(worker.uid, slot, status, worker.kubelet.loop.now())
        if slot.running:
            _watch(worker, slot, status or {})
        elif slot.current is not None:
            slot.ready = slot.kind == "init" and slot.current.exit_code == 0
    if worker.sandbox is None and not worker.finished and any(slot.current is not None for slot in worker.slots):
        worker.event("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")


def _watch(worker: PodWorker, slot: ContainerSlot, status: Obj) -> None:
    """Probe a container that ran on without the kubelet.  It was ready, and is until a probe says that it is not."""
    assert slot.current is not None
    known = status if status.get("containerID") == f"containerd://{slot.current.id}" else {}
    started = "startupProbe" not in slot.spec or bool(known.get("started"))
    worker.probe(slot, started, "readinessProbe" not in slot.spec or bool(known.get("ready")))


def _remembered(uid: str, slot: ContainerSlot, status: Obj, now: float) -> Container | None:
    """The container as the API remembers it, or None if it never ran."""
    state: Obj = status.get("state") or {}
    ran: Obj | None = state.get("running")
    ended: Obj | None = state.get("terminated") or (status.get("lastState") or {}).get("terminated")
    id = str(status.get("containerID") or "").rpartition("/")[2]
    container = Container(id, uid, slot.name, slot.restarts, status["image"], status.get("imageID") or "", "exited")
    if ran is not None:
        container.exit_code, container.reason = 255, "Unknown"
        container.started_at, container.finished_at = parse_time(ran["startedAt"]), now
    elif ended is not None:
        container.exit_code, container.reason = ended["exitCode"], ended.get("reason") or ""
        container.message = ended.get("message") or ""
        container.started_at = parse_time(ended["startedAt"]) if ended.get("startedAt") else 0.0
        container.finished_at = parse_time(ended["finishedAt"]) if ended.get("finishedAt") else now
    else:
        return None
    return container
