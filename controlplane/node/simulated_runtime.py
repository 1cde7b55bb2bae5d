"""A container runtime that plays its containers on the loop's clock.

What a container does comes from `images.py`, or from its command where `commands.py` understands it.  What takes time
on a real machine (setting up the network, pulling, starting) takes a time here that is drawn from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from controlplane.clock import Loop
from controlplane.node.address_pool import AddressPool
from controlplane.node.images import ImageTable, image_id
from controlplane.node.network import PodNetwork
from controlplane.node.runtime import (
    Container,
    ExecDone,
    ExecResult,
    Failure,
    Image,
    Obj,
    OnExit,
    ProbeDone,
    PullDone,
    Sandbox,
    SandboxDone,
    StartDone,
    Usage,
    Volumes,
)
from controlplane.node.simulated_probe import probe, run_command
from controlplane.node.simulated_process import Process
from controlplane.node.volumes import mounted

SANDBOX_TIME = (0.1, 0.3)  # seconds, from and to: a network namespace and its plugin
START_TIME = (0.05, 0.2)
TICK = 0.05  # seconds; what a runtime reports comes on this grid (a real kubelet looks once a second: its PLEG)
SYSTEM = (0.1, 300 * 1024 * 1024)  # cores and bytes: the operating system, the runtime and the kubelet


class SimulatedRuntime:
    """The containers of one simulated machine, `node`.

    `network` carries requests to them, and may be None where nobody asks; `images` is shared with other machines.
    """

    name = "containerd"
    version = "2.2.0"

    def __init__(
        self, loop: Loop, node: str, network: PodNetwork | None = None, images: ImageTable | None = None
    ) -> None:
        self.loop = loop
        self.node = node
        self.network = network
        self.table = images if images is not None else ImageTable()
        self.slowness = 1.0  # how much longer than usual everything takes that needs the disk
        self._rng = loop.rng(f"runtime/{node}")
        self._epoch = 0  # counts the times the power went off: what was under way before it never ends
        self._on_exit: OnExit | None = None
        self._local: dict[str, Image] = {}
        self._pulls: list[tuple[str, PullDone]] = []  # one at a time, as the kubelet's serializeImagePulls
        self._sandboxes: dict[str, Sandbox] = {}
        self._volumes: dict[str, Volumes] = {}  # by Pod
        self._processes: dict[str, Process] = {}
        self._by_pod: dict[str, list[Process]] = {}
        self._steady = SYSTEM  # (cores, bytes) of what does not change while it runs,
        self._changing: dict[str, Process] = {}  # and who does change, by container id
        self._addresses: AddressPool | None = None  # none as long as nobody has asked for an address

    # The machine ----------------------------------------------------------------------------------------------------

    def attach(self, pod_cidr: str, on_exit: OnExit) -> None:
        self._on_exit = on_exit
        if self.network is not None:
            self.network.node_up(self.node)
        if pod_cidr and (self._addresses is None or pod_cidr != self._addresses.cidr):
            self._addresses = AddressPool(pod_cidr)

    def detach(self) -> None:
        self._on_exit = None

    def power_off(self) -> None:
        self._epoch += 1
        self._on_exit = None
        for process in self._processes.values():
            process.vanish()
        for sandbox in self._sandboxes.values():
            self._unplug(sandbox)
        self._pulls.clear()
        self._sandboxes.clear()
        self._volumes.clear()
        self._processes.clear()
        self._by_pod.clear()
        self._steady = SYSTEM
        self._changing.clear()
        if self.network is not None:
            self.network.node_down(self.node)

    def later(self, delay: float, fn: Callable[..., Any], *args: Any) -> None:
        """Run `fn(*args)` in `delay` seconds, at the next tick, unless the power goes off before.

        On a large cluster many containers start within one tick, and those who watch them look once for all of them.
        """
        when = math.ceil((self.loop.now() + delay) / TICK) * TICK
        self.loop.call_at(when, self._if_powered, self._epoch, fn, args)

    def _if_powered(self, epoch: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if epoch == self._epoch:
            fn(*args)

    # Sandboxes ------------------------------------------------------------------------------------------------------

    def run_sandbox(self, pod: Obj, volumes: Volumes, done: SandboxDone) -> None:
        self.later(self.slowness * self._rng.uniform(*SANDBOX_TIME), self._run_sandbox, pod, volumes, done)

    def _run_sandbox(self, pod: Obj, volumes: Volumes, done: SandboxDone) -> None:
        meta = pod["metadata"]
        known = self._sandboxes.get(meta["uid"])
        if known is not None:
            done(known)
            return
        host_network = bool(pod["spec"].get("hostNetwork"))
        if self._addresses is None:
            self._addresses = AddressPool(self.network.subnet(self.node) if self.network else "10.244.0.0/24")
        ip = "" if host_network else self._addresses.take()
        if ip is None:
            done(
                Failure(
                    "FailedCreatePodSandBox",
                    "rpc error: code = Unknown desc = failed to setup network for sandbox: "
                    f"no IP addresses available in range set: {self._addresses.cidr}",
                )
            )
            return
        sandbox = self._sandboxes[meta["uid"]] = Sandbox(f"{self._rng.getrandbits(256):064x}", meta["uid"], ip)
        self._by_pod.setdefault(meta["uid"], [])
        if volumes:
            self._volumes[meta["uid"]] = volumes
        if ip and self.network is not None:
            self.network.attach(ip, self.node, f"{meta['namespace']}/{meta['name']}", _PodEndpoint(self, meta["uid"]))
        done(sandbox)

    def stop_sandbox(self, pod_uid: str) -> None:
        for process in self._by_pod.get(pod_uid, ()):
            process.vanish()
        self._volumes.pop(pod_uid, None)
        sandbox = self._sandboxes.pop(pod_uid, None)
        if sandbox is not None:
            self._unplug(sandbox)

    def remove_pod(self, pod_uid: str) -> None:
        self.stop_sandbox(pod_uid)
        for process in self._by_pod.pop(pod_uid, ()):
            del self._processes[process.container.id]

    def _unplug(self, sandbox: Sandbox) -> None:
        if not sandbox.ip:
            return
        if self._addresses is not None:
            self._addresses.give_back(sandbox.ip)
        if self.network is not None:
            self.network.detach(sandbox.ip)

    def sandbox(self, pod_uid: str) -> Sandbox | None:
        return self._sandboxes.get(pod_uid)

    def pod_uids(self) -> list[str]:
        return list(self._by_pod)

    # Images ---------------------------------------------------------------------------------------------------------

    def image(self, name: str) -> Image | None:
        return self._local.get(name)

    def images(self) -> list[Image]:
        return list(self._local.values())

    def pull_image(self, name: str, done: PullDone) -> None:
        self._pulls.append((name, done))
        if len(self._pulls) == 1:
            self._start_pull()

    def _start_pull(self) -> None:
        name = self._pulls[0][0]
        known = name in self._local
        took = 0.05 if known else self.table.get(name).pull * self._rng.uniform(0.8, 1.2)
        self.later(self.slowness * took, self._end_pull)

    def _end_pull(self) -> None:
        name, done = self._pulls.pop(0)
        behaviour = self.table.get(name)
        if self._pulls:
            self._start_pull()
        if not behaviour.pullable:
            full = image_id(name).partition("@")[0] + ":" + behaviour.version
            done(
                Failure(
                    "ErrImagePull",
                    f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": '
                    f'failed to resolve reference "{full}": {full}: not found',
                )
            )
            return
        image = self._local.get(name)
        if image is None:
            image = self._local[name] = Image(name, image_id(name), behaviour.size)
        done(image)

    # Containers -----------------------------------------------------------------------------------------------------

    def create_container(self, pod: Obj, spec: Obj, attempt: int, env: Mapping[str, str]) -> Container | Failure:
        meta, name = pod["metadata"], spec["image"]
        image = self._local.get(name)
        container = Container(
            f"{self._rng.getrandbits(256):064x}", meta["uid"], spec["name"], attempt, name, image.id if image else ""
        )
        process = Process(self, container, self.table.get(name), spec, f"{meta['name']}")
        volumes = self._volumes.get(meta["uid"])
        if volumes:
            process.files.update(mounted(spec, volumes))
        self._processes[container.id] = process
        self._by_pod.setdefault(meta["uid"], []).append(process)
        return container

    def start_container(self, container_id: str, done: StartDone) -> None:
        self.later(self.slowness * self._rng.uniform(*START_TIME), self._start, container_id, done)

    def _start(self, container_id: str, done: StartDone) -> None:
        process = self._processes.get(container_id)
        if process is not None and process.container.state == "created":
            process.start()
            done(None)

    def stop_container(self, container_id: str, grace: float) -> None:
        process = self._processes.get(container_id)
        if process is not None:
            process.stop(grace)

    def remove_container(self, container_id: str) -> None:
        process = self._processes.pop(container_id, None)
        if process is not None:
            process.vanish()
            self._by_pod[process.container.pod_uid].remove(process)

    def containers(self, pod_uid: str) -> list[Container]:
        return [process.container for process in self._by_pod.get(pod_uid, ())]

    def exited(self, container: Container) -> None:
        """A process tells that it ended."""
        if self._on_exit is not None:
            self._on_exit(container)

    # Looking inside -------------------------------------------------------------------------------------------------

    def process(self, container_id: str) -> Process | None:
        """The simulated process of a container, for labs that want to break it."""
        return self._processes.get(container_id)

    def processes(self, pod_uid: str) -> list[Process]:
        return self._by_pod.get(pod_uid, [])

    def probe(self, container_id: str, probe_: Obj, timeout: float, done: ProbeDone) -> None:
        sandbox = None
        process = self._processes.get(container_id)
        if process is not None:
            sandbox = self._sandboxes.get(process.container.pod_uid)
        probe(self, process, sandbox.ip if sandbox and sandbox.ip else "127.0.0.1", probe_, timeout, done)

    def exec(self, container_id: str, command: list[str], done: ExecDone, stdin: str = "") -> None:
        process = self._processes.get(container_id)
        if process is None or process.container.state != "running":
            self.later(0.0, done, Failure("NotRunning", f"container {container_id} is not running"))
            return
        run_command(self, process, command, lambda code, out, err: done(ExecResult(code, out, err)))

    def logs(self, container_id: str) -> list[tuple[float, str]]:
        process = self._processes.get(container_id)
        return list(process.log) if process is not None else []

    def usage(self, container_id: str) -> Usage:
        process = self._processes.get(container_id)
        return process.usage() if process is not None else Usage(0.0, 0, 0)

    def node_usage(self) -> Usage:
        cpu, memory = self._steady
        storage = sum(image.size for image in self._local.values())
        for process in self._changing.values():
            usage = process.usage()
            cpu += usage.cpu - process.behaviour.cpu
            memory += usage.memory - process.behaviour.memory
            storage += usage.storage
        return Usage(cpu, memory, storage)

    def account(self, process: Process, change: int) -> None:
        """A process starts (1), ends (-1) or does something else now (0): sums need not visit those that only sit."""
        behaviour = process.behaviour
        cpu, memory = self._steady
        self._steady = (cpu + change * behaviour.cpu, memory + change * behaviour.memory)
        if change < 0:
            self._changing.pop(process.container.id, None)
        elif process.memory_growth or behaviour.storage_growth or not change:
            self._changing[process.container.id] = process


class _PodEndpoint:
    """What answers at a Pod's address: the container that listens."""

    __slots__ = ("pod_uid", "runtime")

    def __init__(self, runtime: SimulatedRuntime, pod_uid: str) -> None:
        self.runtime = runtime
        self.pod_uid = pod_uid

    def serve(self, port: int, host: str, path: str, client: str, reply: Callable[[int, str, str], None]) -> None:
        refused: Process | None = None
        for process in self.runtime.processes(self.pod_uid):
            if process.listens(port):
                process.serve(path, reply)
                return
            refused = process
        reply(0, "connection refused", refused.behaviour.version if refused else "")
