"""Lab 05 at work: the package's kubelet with a learner's parts inside, and a learner's node lifecycle controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controlplane.client.base import Client, Obj, Objs
from controlplane.clock import Loop, parse_time
from controlplane.cluster import Cluster
from controlplane.conditions import is_ready
from controlplane.controllers import DEFAULT_CONTROLLERS, NodeLifecycleController, TaintEvictionController
from controlplane.machine import Machine, Part
from controlplane.node.backoff import Backoff
from controlplane.node.container_slot import ContainerSlot
from controlplane.node.kubelet import Kubelet
from controlplane.node.pod_termination import Termination
from controlplane.node.pod_worker import PodWorker
from controlplane.node.probes import FIELDS, PERIOD, TIMEOUT, Prober, ProbeType, port_number
from controlplane.node.runtime import ProbeResult

Attempt = tuple[float, float, int]  # started, finished, exit code
NextStart = Callable[[str, list[Attempt]], float | None]
End = Callable[[float, float | None, list[dict[str, Any]]], list[tuple[str, str | None]]]
LOOK = 5.0  # seconds between two looks at the nodes
FOR_EVER = 1e9


class Health(Protocol):
    def probes(self) -> list[str]: ...
    def probed(self, kind: str, ok: bool) -> str | None: ...
    def ready(self) -> bool: ...


class Lifecycle(Protocol):
    def look(self, now: float, beats: Mapping[str, tuple[float, bool]]) -> Mapping[str, str | None]: ...
    def evict(self, now: float, pods: Objs) -> list[str]: ...


def kubelet_with(
    *, next_start: NextStart | None = None, health: Callable[..., Health] | None = None, end: End | None = None
) -> Callable[[Loop, Client, Machine], Part]:
    """The package's kubelet, with a learner's parts in the place of its own."""

    class Worker(PodWorker):
        def probe(self, slot: ContainerSlot, started: bool, ready: bool) -> None:
            if health is None:
                super().probe(slot, started, ready)
                return
            made = health(**{kind: slot.spec.get(field) for kind, field in FIELDS.items()})
            slot.prober = _Judged(self, slot, made)
            slot.prober.start()

        def terminate(self, grace: float) -> None:
            if end is None or self.ending is not None or self.finished:
                super().terminate(grace)
            else:
                self.ending = _Stepped(self, grace, end)

    class Mine(Kubelet):
        def _add(self, pod: Obj) -> None:
            super()._add(pod)
            self.workers[pod["metadata"]["uid"]].__class__ = Worker

    def make(loop: Loop, client: Client, machine: Machine) -> Part:
        kubelet = Mine(loop, client, machine.name, runtime=machine.runtime, address=machine.address)
        if next_start is not None:
            kubelet.crashes = _Crashes(kubelet, next_start)
        return kubelet

    return make


class _Crashes(Backoff):
    """Asks the learner's function when a container may start again."""

    def __init__(self, kubelet: Kubelet, next_start: NextStart) -> None:
        super().__init__(kubelet.loop)
        self.kubelet, self.next_start = kubelet, next_start
        self.history: dict[str, list[Attempt]] = {}

    def remaining(self, key: str, since: float) -> float:
        uid, name = key.split("/")[:2]
        history = self.history.setdefault(key, [])
        for container in self.kubelet.runtime.containers(uid):
            attempt = (container.started_at, container.finished_at, container.exit_code)
            if container.name == name and container.finished_at == since and attempt not in history:
                history.append(attempt)
        due = self.next_start(self.kubelet.workers[uid].policy, list(history))
        return FOR_EVER if due is None else due - self.loop.now()


class _Judged(Prober):
    """Sends the probes that the learner's part asks for, and does what it makes of the results."""

    __slots__ = ("health", "over", "worker")

    def __init__(self, worker: PodWorker, slot: ContainerSlot, health: Health) -> None:
        self.worker, self.slot, self.health, self.over = worker, slot, health, False

    def start(self) -> None:
        self.container = self.slot.current  # type: ignore[assignment]
        self._tell()
        for kind, field in FIELDS.items():
            if field in self.slot.spec:
                self._later(kind)

    def container_started(self) -> None:
        """The learner's part knows by itself when the others may begin."""

    def stop(self, keep_readiness: bool = False) -> None:
        self.over = self.over or not keep_readiness

    def _later(self, kind: ProbeType) -> None:
        probe = self.slot.spec[FIELDS[kind]]
        self.worker.kubelet.later(float(probe.get("periodSeconds") or PERIOD), self._ask, kind, probe)

    def _ask(self, kind: ProbeType, probe: Obj) -> None:
        if self.over or self.container.state != "running":
            return
        self._later(kind)
        if kind in self.health.probes():
            handler = {**probe["httpGet"], "port": port_number(probe["httpGet"]["port"], self.slot.spec)}
            timeout = float(probe.get("timeoutSeconds") or TIMEOUT)
            runtime = self.worker.kubelet.runtime
            runtime.probe(self.container.id, {"httpGet": handler}, timeout, lambda result: self._hear(kind, result))

    def _hear(self, kind: ProbeType, result: ProbeResult) -> None:
        if self.over or self.container.state != "running" or kind not in self.health.probes():
            return
        if not result.ok:
            self.worker.probe_failed(self.slot, kind, result.output)
        if self.health.probed(kind, result.ok) == "kill":
            self.over = True
            self.worker.stop_slot(self.slot, f"Container {self.slot.name} failed {kind} probe, will be restarted", kind)
        self._tell()
        self.worker.publish()

    def _tell(self) -> None:
        self.slot.started = "startup" not in self.health.probes()
        self.slot.ready = self.health.ready()


class _Stepped(Termination):
    """Ends a Pod by what the learner's function says at each look."""

    __slots__ = ("end", "signalled")

    def __init__(self, worker: PodWorker, grace: float, end: End) -> None:
        self.end = end
        self.signalled: list[str] = []
        super().__init__(worker, grace)
        worker.kubelet.later(grace + 0.01, self.proceed)

    def proceed(self) -> None:
        worker = self.worker
        if worker.finished or worker.closed:
            return
        slots = {slot.name: slot for slot in worker.slots if slot.current is not None}
        seen = [
            {
                "name": name,
                "state": "running" if slot.running else "exited",
                "sidecar": slot.kind == "sidecar",
                "signalled": name in self.signalled,
            }
            for name, slot in slots.items()
        ]
        for verb, name in self.end(worker.kubelet.loop.now(), self._deadline, seen):
            container = slots[name].current if name is not None else None
            if verb == "remove":
                worker.end()
            elif container is not None and name is not None:
                self.signalled.append(name)
                worker.kubelet.runtime.stop_container(container.id, 0.0 if verb == "kill" else FOR_EVER)


REST = [each for each in DEFAULT_CONTROLLERS if each not in (NodeLifecycleController, TaintEvictionController)]


class LifecyclePart:
    """Carries out what a learner's part says of the nodes: their taints every 5 s, evictions every second."""

    def __init__(self, loop: Loop, client: Client, life: Lifecycle) -> None:
        self.loop, self.client, self.life, self.running = loop, client, life, False

    def start(self) -> None:
        self.running = True
        self._look()
        self._evict()

    def stop(self) -> None:
        self.running = False

    def _look(self) -> None:
        if not self.running:
            return
        self.loop.call_later(LOOK, self._look)
        nodes = self.client.list("nodes")["items"]
        leases = {lease["metadata"]["name"]: lease for lease in self.client.list("leases", "kube-node-lease")["items"]}
        beats = {}
        for node in nodes:
            name, lease = node["metadata"]["name"], leases.get(node["metadata"]["name"])
            if lease is not None:
                beats[name] = (parse_time(lease["spec"]["renewTime"]), is_ready(node))
        taints = self.life.look(self.loop.now(), beats)
        for node in nodes:
            key = taints.get(node["metadata"]["name"])
            wanted = [{"key": key, "effect": effect} for effect in ("NoSchedule", "NoExecute")] if key else None
            if bool(wanted) != bool(node["spec"].get("taints")):
                self.client.patch("nodes", node["metadata"]["name"], {"spec": {"taints": wanted}})

    def _evict(self) -> None:
        if not self.running:
            return
        self.loop.call_later(1.0, self._evict)
        for name in self.life.evict(self.loop.now(), self.client.list("pods", "default")["items"]):
            self.client.delete("pods", name, "default")


def living_by(life: Lifecycle, nodes: int = 2) -> Cluster:
    """A cluster in which the learner's part says which nodes are lost and which Pods leave them."""
    cluster = Cluster(nodes=nodes, controllers=REST)
    cluster.replace("node-lifecycle", lambda loop, client: LifecyclePart(loop, client, life))
    return cluster
