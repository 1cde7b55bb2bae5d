"""What a kubelet serves on its port: logs, commands in containers, and what its Pods use.

The API server passes `kubectl logs`, `kubectl exec` and `kubectl top` on to it.  Upstream: pkg/kubelet/server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controlplane.clock import rfc3339, rfc3339_micro
from controlplane.node.runtime import Container, ExecDone, Obj, Usage

if TYPE_CHECKING:
    from controlplane.node.container_slot import ContainerSlot
    from controlplane.node.kubelet import Kubelet
    from controlplane.node.pod_worker import PodWorker


class KubeletError(LookupError):
    """A Pod or container that cannot be looked into, in upstream's words."""


class KubeletApi:
    """The requests that one kubelet answers."""

    def __init__(self, kubelet: Kubelet) -> None:
        self.kubelet = kubelet

    # Logs -----------------------------------------------------------------------------------------------------------

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        previous: bool = False,
        tail: int | None = None,
        since: float = 0.0,
        timestamps: bool = False,
    ) -> str:
        """What a container wrote: its last `tail` lines, and only those after the time `since`."""
        slot = self._slot(self._worker(namespace, pod), container)
        target = self._previous(slot) if previous else slot.current
        if target is None:
            name = f'container "{slot.name}" in pod "{pod}"'
            if previous:
                raise KubeletError(f"previous terminated {name} not found")
            reason = slot.waiting[0] if slot.waiting else "ContainerCreating"
            raise KubeletError(f"{name} is waiting to start: {WAITING.get(reason, reason)}")
        lines = [(at, line) for at, line in self.kubelet.runtime.logs(target.id) if at >= since]
        if tail is not None:
            lines = lines[len(lines) - min(tail, len(lines)) :]
        return "".join(f"{rfc3339_micro(at)} {line}\n" if timestamps else f"{line}\n" for at, line in lines)

    def _previous(self, slot: ContainerSlot) -> Container | None:
        """The attempt before the present one, or the present one if it has ended and waits to run again."""
        current = slot.current
        if current is None:
            return None
        if slot.waiting is not None and current.state == "exited":
            return current
        runtime = self.kubelet.runtime
        ended = [c for c in runtime.containers(current.pod_uid) if c.name == slot.name and c is not current]
        return ended[-1] if ended else None

    # Commands -------------------------------------------------------------------------------------------------------

    def exec(
        self, namespace: str, pod: str, command: list[str], done: ExecDone, container: str = "", stdin: str = ""
    ) -> None:
        """Run a command in a container; `done` hears how it ended."""
        slot = self._slot(self._worker(namespace, pod), container)
        if not slot.running or slot.current is None:
            raise KubeletError(f'container not found ("{slot.name}")')
        self.kubelet.runtime.exec(slot.current.id, command, done, stdin)

    # Usage ----------------------------------------------------------------------------------------------------------

    def summary(self) -> Obj:
        """Usage of the node and of every container that runs, in the shape of the kubelet's /stats/summary."""
        kubelet = self.kubelet
        now = rfc3339(kubelet.loop.now())
        pods = []
        for worker in kubelet.workers.values():
            rows = [
                {
                    "name": slot.name,
                    "startTime": rfc3339(slot.current.started_at),
                    **_stats(kubelet.runtime.usage(slot.current.id), now),
                }
                for slot in worker.slots
                if slot.current is not None and slot.running
            ]
            if rows:
                meta = worker.pod["metadata"]
                pods.append(
                    {
                        "podRef": {"name": meta["name"], "namespace": meta["namespace"], "uid": worker.uid},
                        "startTime": rfc3339(worker.start_time),
                        "containers": rows,
                    }
                )
        return {"node": {"nodeName": kubelet.name, **_stats(kubelet.runtime.node_usage(), now)}, "pods": pods}

    # Finding --------------------------------------------------------------------------------------------------------

    def _worker(self, namespace: str, pod: str) -> PodWorker:
        key = f"{namespace}/{pod}"
        found = [worker for worker in self.kubelet.workers.values() if worker.key == key]
        if not found:
            raise KubeletError(f'pod "{pod}" not found')
        return found[-1]

    def _slot(self, worker: PodWorker, container: str) -> ContainerSlot:
        if not container:
            return next(slot for slot in worker.slots if slot.kind == "app")
        slot = worker.container(container)
        if slot is None:
            raise KubeletError(f"container {container} is not valid for pod {worker.pod['metadata']['name']}")
        return slot


WAITING = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}


def _stats(usage: Usage, now: str) -> Obj:
    return {
        "cpu": {"time": now, "usageNanoCores": round(usage.cpu * 1e9)},
        "memory": {"time": now, "workingSetBytes": usage.memory},
        "rootfs": {"time": now, "usedBytes": usage.storage},
    }
