"""Probes and commands inside simulated containers, with the texts that a real kubelet reports (pkg/probe)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controlplane.node import commands
from controlplane.node.runtime import Obj, ProbeDone, ProbeResult

if TYPE_CHECKING:
    from controlplane.node.simulated_process import Process
    from controlplane.node.simulated_runtime import SimulatedRuntime

CommandDone = Callable[[int, str, str], None]


class _Once:
    """A probe's verdict: the first of the answer and the timeout counts."""

    def __init__(self, done: ProbeDone) -> None:
        self._done: ProbeDone | None = done

    def __call__(self, ok: bool, output: str = "") -> None:
        if self._done is not None:
            done, self._done = self._done, None
            done(ProbeResult(ok, output))


def probe(
    runtime: SimulatedRuntime, process: Process | None, ip: str, spec: Obj, timeout: float, done: ProbeDone
) -> None:
    """Try one probe; `done` hears of it at the latest after `timeout` seconds."""
    verdict = _Once(done)
    if "exec" in spec:
        command = list(spec["exec"].get("command") or ())
        if process is None or process.container.state != "running":
            runtime.later(0.0, verdict, False, "container is not running")
            return
        text = " ".join(command)
        runtime.later(timeout, verdict, False, f'command timed out: "{text}" timed out after {timeout:g}s')
        run_command(runtime, process, command, lambda code, out, err: verdict(code == 0, out + err))
        return
    handler = spec.get("httpGet") or spec.get("tcpSocket") or spec.get("grpc") or {}
    host, port = handler.get("host") or ip, int(handler.get("port") or 0)
    listening = process is not None and process.listens(port)
    if "httpGet" in spec:
        scheme, path = str(handler.get("scheme") or "HTTP").lower(), handler.get("path") or "/"
        url = f"{scheme}://{host}:{port}{path if path.startswith('/') else '/' + path}"
        if process is None or not listening:
            runtime.later(0.001, verdict, False, f'Get "{url}": dial tcp {host}:{port}: connect: connection refused')
            return
        runtime.later(
            timeout,
            verdict,
            False,
            f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        )
        process.serve(path, lambda status, body, version: _http_verdict(verdict, url, status, body))
    elif listening:
        runtime.later(0.001, verdict, True)
    elif "grpc" in spec:
        runtime.later(
            0.001,
            verdict,
            False,
            f'timeout: failed to connect service "{host}:{port}" within {timeout:g}s: context deadline exceeded',
        )
    else:
        runtime.later(0.001, verdict, False, f"dial tcp {host}:{port}: connect: connection refused")


def _http_verdict(verdict: _Once, url: str, status: int, body: str) -> None:
    if 200 <= status < 400:
        verdict(True, body)
    elif status == 0:
        verdict(False, f'Get "{url}": {body}')
    else:
        verdict(False, f"HTTP probe failed with statuscode: {status}")


def run_command(runtime: SimulatedRuntime, process: Process, command: list[str], done: CommandDone) -> None:
    """Run a command beside the container's own process, sharing its files."""
    steps = commands.parse(command)
    if steps is None:
        name = command[0] if command else ""
        runtime.later(0.0, done, 127, "", f'exec: "{name}": executable file not found in $PATH\n')
        return
    out: list[str] = []
    err: list[str] = []
    script = commands.run(steps, process.files, out.append, err.append)

    def advance() -> None:
        try:
            runtime.later(next(script), advance)
        except StopIteration as end:
            _end(process, end.value, done, "".join(f"{line}\n" for line in out), "".join(f"{line}\n" for line in err))

    runtime.later(0.0, advance)


def _end(process: Process, code: int, done: CommandDone, out: str, err: str) -> Any:
    if code < 0:  # `kill 1`: the container's own process gets the signal
        process.exit(code)
        code = 0
    done(code, out, err)
