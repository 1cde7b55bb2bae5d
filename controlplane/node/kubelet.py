"""The kubelet: the agent that runs on every node and makes its Pods real (upstream: pkg/kubelet).

It registers its Node, renews a Lease, watches the Pods that are bound to it, and gives each a `PodWorker`.  It talks to
the API server through its client and to the machine through its runtime, and to nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.client.base import Client
from controlplane.client.events import EventRecorder
from controlplane.client.informer import Informer
from controlplane.clock import Loop, Timer
from controlplane.node.backoff import Backoff
from controlplane.node.environment import environment
from controlplane.node.eviction import EvictionManager
from controlplane.node.image_puller import ImagePuller
from controlplane.node.kubelet_api import KubeletApi
from controlplane.node.node_status import NodeStatus
from controlplane.node.pod_resources import amount
from controlplane.node.pod_status import TERMINAL
from controlplane.node.pod_worker import PodWorker
from controlplane.node.runtime import Container, Failure, Obj, Runtime, Volumes
from controlplane.node.static_pods import StaticPods
from controlplane.node.status_manager import StatusManager
from controlplane.node.volumes import fill

REACTION = 0.01  # seconds until a new Pod is looked at; without them, one that is replaced at once would stop the clock
MOUNT_RETRY = 0.5  # seconds, doubling to 122: until volumes that cannot be set up are tried again
MOUNT_RETRY_MOST = 122.0
HOUSEKEEPING = 2.0  # seconds from the start of the kubelet until it looks for what Pods left behind


class Kubelet:
    """The agent of the node `name`.

    `capacity` ({"cpu": "4", "memory": "8Gi", "pods": "110"}) and `labels` add to the defaults; `pod_cidr`
    ("10.244.1.0/24") is the range of its Pods' addresses, left to the network if not given; `address` is the node's
    own.
    """

    def __init__(
        self,
        loop: Loop,
        client: Client,
        name: str,
        *,
        runtime: Runtime,
        capacity: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        pod_cidr: str | None = None,
        address: str | None = None,
    ) -> None:
        self.loop = loop
        self.client = client
        self.name = name
        self.runtime = runtime
        self.pod_cidr = pod_cidr or ""
        self.address = address or "127.0.0.1"
        self.recorder = EventRecorder(loop, client, "kubelet", name)
        self.node = NodeStatus(self, capacity, labels)
        self.statuses = StatusManager(self)
        self.images = ImagePuller(loop, runtime, self.recorder, self.node.changed)
        self.crashes = Backoff(loop)
        self.evictions = EvictionManager(self)
        self.api = KubeletApi(self)
        self.static = StaticPods(self)
        self.workers: dict[str, PodWorker] = {}  # by uid
        self.running = False
        self.has_network = False
        self._epoch = 0  # counts starts and stops: what an earlier life had planned does not happen
        self._informer: Informer | None = None
        self.clock_skew = 0.0  # seconds by which this machine's clock is ahead: shows in the times of its heartbeats
        self._reserved: dict[str, float] = {}  # what the Pods here have requested together
        self._allocatable = {name: amount(value) for name, value in self.node.allocatable.items()}

    # Life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start: for the first time, after `stop` (the containers still run), or after `kill` (a reboot)."""
        if self.running:
            return
        self.running = True
        self._epoch += 1
        self.runtime.attach(self.pod_cidr, self._exited)
        self.node.start()
        self.evictions.start()
        self.static.start()

    def registered(self) -> None:
        """The Node is in the API: take on its Pods."""
        if self._informer is None:
            self._informer = Informer(self.loop, self.client, "pods", field_selector=f"spec.nodeName={self.name}")
            self._informer.add_handler(self._on_pod)
            self._informer.start()
            self.later(HOUSEKEEPING, self._clean_up)

    def network_ready(self) -> None:
        """Told by the node's status: Pods may have addresses from now on."""
        self.runtime.attach(self.pod_cidr, self._exited)
        self.has_network = True
        for worker in list(self.workers.values()):
            worker.sync()

    def stop(self) -> None:
        """The kubelet process ends in good order.  The containers go on without it."""
        self._end()
        self.runtime.detach()

    def kill(self) -> None:
        """The machine loses power: the containers vanish, and nobody tells the API server."""
        self._end()
        self.runtime.power_off()
        self.node.boots += 1

    def _end(self) -> None:
        self.running = self.has_network = False
        self._epoch += 1
        if self._informer is not None:
            self._informer.stop()
            self._informer = None
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()
        self.statuses.clear()
        self._reserved.clear()

    def later(self, delay: float, fn: Callable[..., Any], *args: Any) -> Timer:
        """Run `fn(*args)` in `delay` seconds, unless this kubelet has been stopped by then."""
        return self.loop.call_later(delay, self._if_alive, self._epoch, fn, args)

    def _if_alive(self, epoch: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if epoch == self._epoch:
            fn(*args)

    # Pods -----------------------------------------------------------------------------------------------------------

    def _on_pod(self, type: str, old: Obj | None, new: Obj | None) -> None:
        pod = new if new is not None else old
        if pod is not None and self.static.is_mirror(pod):
            self.static.mirror_changed(type, pod)
            return
        if new is None:
            worker = self.workers.get(old["metadata"]["uid"]) if old is not None else None
            if worker is not None:
                self._removed(worker)
            return
        meta = new["metadata"]
        worker = self.workers.get(meta["uid"])
        if worker is None:
            if type == "MODIFIED" and old is not None and old["metadata"]["uid"] != meta["uid"]:
                self._on_pod("DELETED", old, None)  # deleted and made anew while the watch was away
            self._add(new)
        elif meta.get("resourceVersion") == worker.pod["metadata"].get("resourceVersion"):
            worker.echo(new)
        elif _newer(meta.get("resourceVersion"), worker.pod["metadata"].get("resourceVersion")):
            worker.update(new)

    def _add(self, pod: Obj) -> None:
        """A Pod that is new here, or that this kubelet has not seen since it started."""
        worker = PodWorker(self, pod)
        self.workers[worker.uid] = worker
        if (pod.get("status") or {}).get("phase") in TERMINAL:
            worker.start_finished()
            return
        refusal = self._refusal(worker)
        if refusal is None or pod["metadata"].get("deletionTimestamp"):
            self.reserve(worker, worker.requests)
            worker.start()
        else:
            self.later(REACTION, self._reject, worker, refusal)

    def _reject(self, worker: PodWorker, refusal: tuple[str, str]) -> None:
        worker.event("Warning", *refusal)
        worker.reject(refusal[0], f"Pod was rejected: {refusal[1]}")

    def _clean_up(self) -> None:
        """Remove what is left of Pods that were deleted while the kubelet was down (upstream: HandlePodCleanups)."""
        if self._informer is None or not self._informer.synced:
            self.later(HOUSEKEEPING, self._clean_up)
            return
        for uid in self.runtime.pod_uids():
            if uid not in self.workers:
                self.runtime.remove_pod(uid)

    def _refusal(self, worker: PodWorker) -> tuple[str, str] | None:
        """Why the node cannot take the Pod, (reason, message), whatever the scheduler thought."""
        pressed = self.evictions.refuses(worker.pod)
        if pressed:
            return "Evicted", pressed
        for name, value in (*worker.requests.items(), ("pods", 1.0)):
            used, most = self._reserved.get(name, 0.0), self._allocatable.get(name)
            if most is not None and value > 0 and used + value > most + 1e-9:
                scale = 1000 if name == "cpu" else 1
                return f"OutOf{name}", (
                    f"Node didn't have enough resource: {name}, requested: {round(value * scale)}, "
                    f"used: {round(used * scale)}, capacity: {round(most * scale)}"
                )
        return None

    def reserve(self, worker: PodWorker, wants: dict[str, float]) -> None:
        """Count what the Pod requests, in place of what it requested before."""
        self.release(worker)
        worker.requests, worker.reserved = wants, True
        self._count(wants, 1.0)

    def release(self, worker: PodWorker) -> None:
        """The Pod has ended: its requests count no more."""
        if worker.reserved:
            worker.reserved = False
            self._count(worker.requests, -1.0)

    def _count(self, wants: dict[str, float], sign: float) -> None:
        for name, value in (*wants.items(), ("pods", 1.0)):
            self._reserved[name] = self._reserved.get(name, 0.0) + sign * value

    def _removed(self, worker: PodWorker) -> None:
        """The Pod is gone from the API.  What still runs of it is stopped."""
        if worker.finished:
            self.forget(worker)
        elif not worker.removed:
            worker.removed = True
            worker.terminate(float(worker.pod["metadata"].get("deletionGracePeriodSeconds") or worker.grace()))

    def forget(self, worker: PodWorker) -> None:
        """Nothing of the Pod is left, neither here nor in the API."""
        worker.close()
        self.workers.pop(worker.uid, None)
        self.runtime.remove_pod(worker.uid)

    def lost(self, worker: PodWorker) -> None:
        """Told by whoever wrote of a Pod and heard that there is none."""
        if not worker.closed:
            self._removed(worker)

    def _exited(self, container: Container) -> None:
        worker = self.workers.get(container.pod_uid)
        if worker is not None:
            worker.container_exited(container)

    def summary(self) -> Obj:
        """What the node and its containers use: the kubelet's /stats/summary."""
        return self.api.summary()

    # What workers ask for -------------------------------------------------------------------------------------------

    def environment(self, pod: Obj, spec: Obj, pod_ip: str) -> dict[str, str] | Failure:
        """The variables of a container, or why they cannot be had."""
        return environment(self.client, pod, spec, pod_ip, self.address)

    def with_volumes(self, worker: PodWorker, proceed: Callable[[Volumes], None], delay: float = MOUNT_RETRY) -> None:
        """Call `proceed` with the Pod's volumes once they are there."""
        if worker.closed or worker.ending is not None:
            return
        volumes = fill(self.client, worker.pod, self.address)
        if isinstance(volumes, str):
            worker.event("Warning", "FailedMount", volumes)
            self.later(delay, self.with_volumes, worker, proceed, min(delay * 2, MOUNT_RETRY_MOST))
        else:
            proceed(volumes)


def _newer(new: str | None, old: str | None) -> bool:
    """Is this a later state of the object than the one at hand, which may be from our own write?"""
    try:
        return int(new or 0) > int(old or 0)
    except ValueError:
        return new != old
