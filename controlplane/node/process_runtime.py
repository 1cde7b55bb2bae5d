"""A container runtime without containers: each is a process of this computer, in a session of its own.

It needs no root and no Docker.  A process has its own loopback address, the Pod's volumes in its folder, its limits and
its log; it ends with its shim, and the shim ends with the program that runs this (see `process_shim`).

*Note*: a process sees the whole computer, its files and its processes: this isolates mistakes, not enemies.
"""

from __future__ import annotations

import itertools
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controlplane.clock import WallLoop
from controlplane.node import apps
from controlplane.node.address_pool import AddressPool
from controlplane.node.images import image_id
from controlplane.node.network import PodNetwork
from controlplane.node.process_addresses import Addresses
from controlplane.node.process_container import KILLED, ProcessContainer, prepare
from controlplane.node.process_files import PodFiles, read_log
from controlplane.node.process_io import InputOutput
from controlplane.node.process_probe import Where
from controlplane.node.process_probe import probe as try_probe
from controlplane.node.process_supervisor import Supervisor, kill_group
from controlplane.node.runtime import (
    Container,
    ExecDone,
    ExecResult,
    Failure,
    Image,
    Obj,
    OnExit,
    ProbeDone,
    ProbeResult,
    PullDone,
    Sandbox,
    SandboxDone,
    StartDone,
    Usage,
    Volumes,
)

START_ERROR = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
BOOT = 0.5  # seconds from its start in which a process may refuse a probe's connection: it is asked again
SIZE = 50 << 20  # bytes that an image is said to have: there is nothing to fetch


class ProcessRuntime:
    """The containers of the machine `node`, whose own address is `address`."""

    name = "process"
    version = "1.0"

    def __init__(
        self,
        loop: WallLoop,
        io: InputOutput,
        addresses: Addresses,
        node: str,
        address: str,
        network: PodNetwork | None = None,
    ) -> None:
        self.loop = loop
        self.io = io
        self.addresses = addresses
        self.node = node
        self.address = address
        self.network = network
        self._rng = loop.rng(f"runtime/{node}")
        self._on_exit: OnExit | None = None
        self._pool: AddressPool | None = None
        self._images: dict[str, Image] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._files: dict[str, PodFiles] = {}  # by Pod
        self._by_pod: dict[str, list[ProcessContainer]] = {}
        self._containers: dict[str, ProcessContainer] = {}
        self._commands: dict[int, ExecDone] = {}
        self._numbers = itertools.count(1)
        self._shim: Supervisor | None = None
        self._root: Path | None = None  # the folder of all that is here; it outlives a shim that is killed

    # The machine ----------------------------------------------------------------------------------------------------

    def attach(self, pod_cidr: str, on_exit: OnExit) -> None:
        self._on_exit = on_exit
        if self.network is not None:
            self.network.node_up(self.node)
        if pod_cidr and (self._pool is None or pod_cidr != self._pool.cidr):
            self._pool = AddressPool(pod_cidr)

    def detach(self) -> None:
        self._on_exit = None

    def power_off(self) -> None:
        self._on_exit = None
        shim, self._shim = self._shim, None
        if shim is not None:
            shim.close()
        root, self._root = self._root, None
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)
        for one in self._containers.values():
            self._vanish(one)
        for sandbox in self._sandboxes.values():
            self._free(sandbox)
        self._sandboxes.clear()
        self._files.clear()
        self._by_pod.clear()
        self._containers.clear()
        self._commands.clear()
        if self.network is not None:
            self.network.node_down(self.node)

    @property
    def shim(self) -> Supervisor:
        """The process that starts ours; it is started when it is first needed."""
        if self._shim is None:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="controlplane-"))  # 0700: volumes hold Secrets
            self._shim = Supervisor(self.io, self._root, self._reported, self._lost)
        return self._shim

    def _lost(self) -> None:
        """Somebody killed the shim, and with it all that it had started."""
        self._shim = None
        commands, self._commands = self._commands, {}
        for done in commands.values():
            done(Failure("NotRunning", "the container's supervisor has ended"))
        for one in list(self._containers.values()):
            if one.pid and one.container.state == "running":
                kill_group(one.pid)
                self._ended(one, KILLED, "")
            elif one.ordered is not None:
                self._not_started(one, "the container's supervisor has ended")

    # Sandboxes ------------------------------------------------------------------------------------------------------

    def run_sandbox(self, pod: Obj, volumes: Volumes, done: SandboxDone) -> None:
        self.loop.call_soon(self._run_sandbox, pod, volumes, done)

    def _run_sandbox(self, pod: Obj, volumes: Volumes, done: SandboxDone) -> None:
        uid = pod["metadata"]["uid"]
        known = self._sandboxes.get(uid)
        if known is not None:
            done(known)
            return
        if pod["spec"].get("hostNetwork"):
            ip: str | None = ""
        else:
            assert self._pool is not None, "a kubelet attaches with a range before it runs Pods"
            ip = self._pool.take()
        if ip is None:
            what = "rpc error: code = Unknown desc = failed to setup network for sandbox: no IP addresses available"
            done(Failure("FailedCreatePodSandBox", what))
            return
        files = self._files[uid] = PodFiles(self.shim.root, uid)
        self._by_pod.setdefault(uid, [])
        sandbox = self._sandboxes[uid] = Sandbox(f"{self._rng.getrandbits(256):064x}", uid, ip)
        try:
            files.lay_out(pod, volumes)
        except OSError as error:
            self.stop_sandbox(uid)
            done(Failure("FailedCreatePodSandBox", f"cannot write the volumes: {error.strerror}"))
            return
        done(sandbox)

    def stop_sandbox(self, pod_uid: str) -> None:
        for one in self._by_pod.get(pod_uid, ()):
            self._vanish(one)
        if pod_uid in self._files:
            self._files[pod_uid].remove_data()
        sandbox = self._sandboxes.pop(pod_uid, None)
        if sandbox is not None:
            self._free(sandbox)

    def remove_pod(self, pod_uid: str) -> None:
        self.stop_sandbox(pod_uid)
        for one in self._by_pod.pop(pod_uid, ()):
            del self._containers[one.container.id]
        files = self._files.pop(pod_uid, None)
        if files is not None:
            files.remove()

    def _free(self, sandbox: Sandbox) -> None:
        if sandbox.ip and self._pool is not None:
            self._pool.give_back(sandbox.ip)

    def sandbox(self, pod_uid: str) -> Sandbox | None:
        return self._sandboxes.get(pod_uid)

    def pod_uids(self) -> list[str]:
        return list(self._by_pod)

    # Images ---------------------------------------------------------------------------------------------------------

    def image(self, name: str) -> Image | None:
        return self._images.get(name)

    def images(self) -> list[Image]:
        return list(self._images.values())

    def pull_image(self, name: str, done: PullDone) -> None:
        if apps.pullable(name):
            image = self._images.setdefault(name, Image(name, image_id(name), SIZE))
            self.loop.call_soon(done, image)
            return
        what = (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{name}": '
            f'failed to resolve reference "{name}": {name}: not found'
        )
        self.loop.call_soon(done, Failure("ErrImagePull", what))

    # Containers -----------------------------------------------------------------------------------------------------

    def create_container(self, pod: Obj, spec: Obj, attempt: int, env: Mapping[str, str]) -> Container | Failure:
        uid, name = pod["metadata"]["uid"], spec["image"]
        image = self._images.get(name)
        id = f"{self._rng.getrandbits(256):064x}"
        container = Container(id, uid, spec["name"], attempt, name, image.id if image else "")
        ip = self._sandboxes[uid].ip or self.address
        made = prepare(container, pod, spec, self._files[uid], env, node=self.node, ip=ip, addresses=self.addresses)
        if isinstance(made, Failure):
            return made
        self._containers[id] = made
        self._by_pod[uid].append(made)
        return container

    def start_container(self, container_id: str, done: StartDone) -> None:
        one = self._containers[container_id]
        one.ordered = done
        self.shim.order(
            "start",
            id=container_id,
            argv=one.argv,
            env=one.env,
            cwd=one.cwd,
            log=str(one.log),
            memory=one.memory_limit,
            cpu=one.cpu_limit,
        )

    def stop_container(self, container_id: str, grace: float) -> None:
        one = self._containers.get(container_id)
        if one is None or one.container.state == "exited":
            return
        if one.container.state == "created" and one.ordered is None:
            self.loop.call_soon(self._ended, one, KILLED, "")
            return
        if one.kill_timer is not None:
            one.kill_timer.cancel()
        else:
            self.shim.order("signal", id=container_id, number=int(signal.SIGTERM))
        one.kill_timer = self.loop.call_later(max(grace, 0.0), self._kill, container_id)

    def _kill(self, container_id: str) -> None:
        self.shim.order("kill", id=container_id)

    def remove_container(self, container_id: str) -> None:
        one = self._containers.pop(container_id, None)
        if one is not None:
            self._vanish(one)
            one.files.remove_log(one.container.name, one.container.attempt)
            self._by_pod[one.container.pod_uid].remove(one)

    def containers(self, pod_uid: str) -> list[Container]:
        return [one.container for one in self._by_pod.get(pod_uid, ())]

    def _vanish(self, one: ProcessContainer) -> None:
        """It ends, and nobody is told."""
        if one.kill_timer is not None:
            one.kill_timer.cancel()
        if self._shim is not None and (one.ordered is not None or one.container.state == "running"):
            self._kill(one.container.id)
        one.container.state, one.ordered = "exited", None

    # What the shim reports ------------------------------------------------------------------------------------------

    def _reported(self, report: dict[str, Any]) -> None:
        event = report["event"]
        if event == "usage":
            for id, (cpu, memory) in report["used"].items():
                if id in self._containers:
                    self._containers[id].usage = Usage(cpu, memory)
            return
        if event == "executed":
            done = self._commands.pop(report["number"], None)
            if done is not None:
                code = report["code"] if report["code"] >= 0 else 128 - report["code"]
                done(ExecResult(code, report["out"], report["err"]))
            return
        one = self._containers.get(report["id"])
        if one is None or one.container.state == "exited":
            return
        if event == "started":
            one.pid = report["pid"]
            one.container.state, one.container.started_at = "running", self.loop.now()
            if one.ordered is not None:
                started, one.ordered = one.ordered, None
                started(None)
        elif event == "failed":
            self._not_started(one, report["message"])
        else:
            self._ended(one, report["code"], report["reason"])

    def _not_started(self, one: ProcessContainer, why: str) -> None:
        one.end(128, "StartError", self.loop.now())
        one.container.message = START_ERROR + why
        if one.ordered is not None:
            done, one.ordered = one.ordered, None
            done(Failure("RunContainerError", START_ERROR + why))

    def _ended(self, one: ProcessContainer, code: int, reason: str) -> None:
        if one.container.state == "exited":
            return
        one.end(code, reason, self.loop.now())
        if self._on_exit is not None:
            self._on_exit(one.container)

    # Looking inside -------------------------------------------------------------------------------------------------

    def pid(self, container_id: str) -> int:
        """The process of a container, for those who want to kill it; 0 if it has none."""
        one = self._containers.get(container_id)
        return one.pid if one is not None and one.container.state == "running" else 0

    def probe(self, container_id: str, probe: Obj, timeout: float, done: ProbeDone) -> None:
        if "exec" in probe:
            self._probe_by_command(container_id, list(probe["exec"].get("command") or ()), timeout, done)
            return
        one = self._containers.get(container_id)
        sandbox = self._sandboxes.get(one.container.pod_uid) if one is not None else None
        handler = probe.get("httpGet") or probe.get("tcpSocket") or {}
        ip = handler.get("host") or (sandbox.ip if sandbox is not None else "") or self.address
        port = int(handler.get("port") or 0)

        young = one.container.started_at + BOOT - self.loop.now() if one is not None else 0.0

        async def attempt() -> None:
            result = await try_probe(probe, Where(ip, port, *self.addresses.place(ip, port)), timeout, young)
            self.loop.post(done, result)

        self.io.start(attempt())

    def _probe_by_command(self, container_id: str, command: list[str], timeout: float, done: ProbeDone) -> None:
        started = self.loop.now()

        def ended(result: ExecResult | Failure) -> None:
            if isinstance(result, Failure):
                done(ProbeResult(False, result.message))
            elif self.loop.now() - started >= timeout:
                text = " ".join(command)
                done(ProbeResult(False, f'command timed out: "{text}" timed out after {timeout:g}s'))
            else:
                done(ProbeResult(result.exit_code == 0, result.stdout + result.stderr))

        self._execute(container_id, command, ended, "", timeout)

    def exec(self, container_id: str, command: list[str], done: ExecDone, stdin: str = "") -> None:
        self._execute(container_id, command, done, stdin, 0.0)

    def _execute(self, container_id: str, command: list[str], done: ExecDone, stdin: str, timeout: float) -> None:
        """`timeout` 0 lets the command run as long as the container does."""
        one = self._containers.get(container_id)
        if one is None or one.container.state != "running" or not command:
            self.loop.call_soon(done, Failure("NotRunning", f"container {container_id} is not running"))
            return
        number = next(self._numbers)
        self._commands[number] = done
        self.shim.order(
            "exec",
            number=number,
            id=container_id,
            argv=command,
            env=one.env,
            cwd=one.cwd,
            stdin=stdin,
            timeout=timeout,
        )

    def logs(self, container_id: str) -> list[tuple[float, str]]:
        one = self._containers.get(container_id)
        return read_log(one.log) if one is not None else []

    def usage(self, container_id: str) -> Usage:
        one = self._containers.get(container_id)
        return one.usage if one is not None else Usage(0.0, 0)

    def node_usage(self) -> Usage:
        """What the containers use together.  *Note*: the rest of the computer is not counted."""
        used = [one.usage for one in self._containers.values()]
        return Usage(sum(u.cpu for u in used), sum(u.memory for u in used), SIZE * len(self._images))
