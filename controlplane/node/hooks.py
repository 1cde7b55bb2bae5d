"""Lifecycle hooks: what runs in a container right after its start and right before its end (pkg/kubelet/lifecycle)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from controlplane.node.probes import port_number
from controlplane.node.runtime import ExecResult, Failure, Obj, ProbeResult

if TYPE_CHECKING:
    from controlplane.node.kubelet import Kubelet

HTTP_TIMEOUT = 30.0  # seconds
HookDone = Callable[[str], None]  # "" if it went well, else what went wrong


def run_hook(kubelet: Kubelet, container_id: str, spec: Obj, hook: Obj, done: HookDone) -> None:
    """Run `exec`, `httpGet`, `tcpSocket` or `sleep` of one hook in the container."""
    if "sleep" in hook:
        kubelet.later(float(hook["sleep"].get("seconds") or 0), done, "")
    elif "exec" in hook:
        command = list(hook["exec"].get("command") or ())
        kubelet.runtime.exec(container_id, command, lambda result: done(_exec_error(command, result)))
    else:
        type = "httpGet" if "httpGet" in hook else "tcpSocket"
        handler = {**hook[type], "port": port_number(hook[type].get("port") or 80, spec)}
        kubelet.runtime.probe(container_id, {type: handler}, HTTP_TIMEOUT, lambda result: done(_probe_error(result)))


def _exec_error(command: list[str], result: ExecResult | Failure) -> str:
    if isinstance(result, Failure):
        return result.message
    if result.exit_code == 0:
        return ""
    text = " ".join(command)
    return f"command '{text}' exited with {result.exit_code}: {result.stderr or result.stdout}"


def _probe_error(result: ProbeResult) -> str:
    return "" if result.ok else result.output
