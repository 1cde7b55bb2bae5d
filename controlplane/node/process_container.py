"""One container as a process: what it is started with, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from controlplane.clock import Timer
from controlplane.node import apps
from controlplane.node.environment import expand
from controlplane.node.pod_resources import amount
from controlplane.node.process_addresses import Addresses
from controlplane.node.process_files import PodFiles, read_log
from controlplane.node.runtime import Container, Failure, Obj, StartDone, Usage

MESSAGE_LINES, MESSAGE_BYTES = 80, 2048  # of the log, for terminationMessagePolicy: FallbackToLogsOnError
MESSAGE_FILE_BYTES = 4096


class ProcessContainer:
    """A container, its command and its files.  `started` is set while the shim knows of it."""

    def __init__(self, container: Container, spec: Obj, files: PodFiles, argv: list[str], env: dict[str, str]) -> None:
        self.container = container
        self.spec = spec
        self.files = files
        self.argv = argv
        self.env = env
        self.cwd = env["HOME"]
        self.log = files.log(container.name, container.attempt)
        self.pid = 0
        self.ordered: StartDone | None = None  # who hears that it has started
        self.usage = Usage(0.0, 0)
        self.kill_timer: Timer | None = None
        limits = (spec.get("resources") or {}).get("limits") or {}
        self.memory_limit = int(amount(limits["memory"])) if "memory" in limits else 0
        self.cpu_limit = amount(limits["cpu"]) if "cpu" in limits else 0.0

    def end(self, code: int, reason: str, now: float) -> None:
        """The process has ended; `code` is negative for a signal."""
        container = self.container
        container.state, container.finished_at = "exited", now
        container.exit_code = code if code >= 0 else 128 - code
        container.reason = reason or ("Completed" if code == 0 else "Error")
        container.message = self._message(code != 0)
        self.usage = Usage(0.0, 0)
        if self.kill_timer is not None:
            self.kill_timer.cancel()

    def _message(self, failed: bool) -> str:
        """What the container leaves at its terminationMessagePath, or the end of its log if it asks for that."""
        path = str(self.spec.get("terminationMessagePath") or "/dev/termination-log")
        file = Path(self.env["HOME"]) / path.strip("/")
        try:
            text = file.read_bytes()[:MESSAGE_FILE_BYTES].decode(errors="replace") if file.is_file() else ""
        except OSError:
            text = ""
        if not text and failed and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            text = "".join(f"{line}\n" for _, line in read_log(self.log)[-MESSAGE_LINES:])[-MESSAGE_BYTES:]
        return text


def prepare(
    container: Container,
    pod: Obj,
    spec: Obj,
    files: PodFiles,
    given: Mapping[str, str],
    *,
    node: str,
    ip: str,
    addresses: Addresses,
) -> ProcessContainer | Failure:
    """A container ready to be started, or what is wrong with it.

    As there is no network of its own for it, it is told where to listen: POD_IP and PORT, that of its first port.
    Nothing of this program's own environment reaches it but the PATH.
    """
    entrypoint = apps.entrypoint(spec["image"]) or []
    command = spec.get("command") or entrypoint
    if not command and not spec.get("args"):
        return Failure("CreateContainerError", "failed to generate container spec: no command specified")
    folder = files.container(spec)
    if isinstance(folder, Failure):
        return folder
    port = next((int(p["containerPort"]) for p in spec.get("ports") or () if "containerPort" in p), 8080)
    real_ip, real_port = addresses.place(ip, port)
    meta = pod["metadata"]
    env = {
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folder),
        "HOSTNAME": pod["spec"].get("hostname") or meta["name"],
        "POD_NAME": meta["name"],
        "NODE_NAME": node,
        "POD_IP": real_ip,
        "PORT": str(real_port),
        **given,
    }
    argv = [expand(str(part), env) for part in (*command, *(spec.get("args") or ()))]
    made = ProcessContainer(container, spec, files, argv, env)
    if spec.get("workingDir"):
        inside = folder / spec["workingDir"].strip("/")
        inside.mkdir(parents=True, exist_ok=True)
        made.cwd = str(inside)
    return made


KILLED = -int(signal.SIGKILL)
