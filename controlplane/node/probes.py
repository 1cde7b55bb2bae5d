"""Startup, liveness and readiness probes of one container (upstream: pkg/kubelet/prober/worker.go).

Each probe ticks every `periodSeconds`, counted from when the kubelet took the Pod on; ticks before the container
runs, or before `initialDelaySeconds`, do nothing.  A readiness probe is tried once more as soon as the container has
started.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, Protocol

from controlplane.clock import Loop, Timer
from controlplane.node.container_slot import ContainerSlot
from controlplane.node.runtime import Container, Obj, ProbeDone, ProbeResult

ProbeType = Literal["startup", "liveness", "readiness"]
FIELDS: dict[ProbeType, str] = {"startup": "startupProbe", "liveness": "livenessProbe", "readiness": "readinessProbe"}
PERIOD, TIMEOUT, SUCCESSES, FAILURES = 10, 1, 1, 3  # the API server's defaults


class ProbeOwner(Protocol):
    """What a prober tells: the worker of its Pod."""

    def probe_failed(self, slot: ContainerSlot, type: ProbeType, output: str) -> None:
        """One attempt failed: an event says so."""

    def probe_changed(self, slot: ContainerSlot, type: ProbeType, ok: bool) -> None:
        """Enough attempts in a row agree that things are different now."""


Execute = Callable[
    [str, Obj, float, ProbeDone], None
]  # container id, the probe with its port as a number, timeout, done


class Prober:
    """The probes of the container that runs in `slot` now; a restarted container gets a new one.

    `phase` is when the ticks began (seconds since the epoch).
    """

    __slots__ = ("_workers", "container", "slot")

    def __init__(
        self, loop: Loop, slot: ContainerSlot, container: Container, owner: ProbeOwner, execute: Execute, phase: float
    ) -> None:
        self.slot = slot
        self.container = container
        self._workers = [
            _Worker(loop, type, slot, container, owner, execute, phase)
            for type, field in FIELDS.items()
            if field in slot.spec
        ]

    def start(self) -> None:
        """The container runs."""
        for worker in self._workers:
            worker.schedule()
        if self.slot.started:
            self.container_started()

    def container_started(self) -> None:
        """No startup probe, or it has succeeded: the others may begin."""
        for worker in self._workers:
            if worker.type == "readiness":
                worker.attempt()

    def stop(self, keep_readiness: bool = False) -> None:
        """No more attempts.  A Pod that terminates keeps its readiness probe."""
        for worker in self._workers:
            if not (keep_readiness and worker.type == "readiness"):
                worker.stop()


class _Worker:
    """One probe of one running container."""

    __slots__ = (
        "_busy",
        "_last",
        "_run",
        "_timer",
        "container",
        "execute",
        "loop",
        "owner",
        "phase",
        "slot",
        "spec",
        "state",
        "stopped",
        "type",
    )

    def __init__(
        self,
        loop: Loop,
        type: ProbeType,
        slot: ContainerSlot,
        container: Container,
        owner: ProbeOwner,
        execute: Execute,
        phase: float,
    ) -> None:
        self.loop = loop
        self.type: ProbeType = type
        self.slot = slot
        self.container = container
        self.owner = owner
        self.execute = execute
        self.phase = phase
        self.spec: Obj = _with_port(slot.spec[FIELDS[type]], slot.spec)
        self.state: bool | None = {"startup": None, "liveness": True, "readiness": slot.ready}[type]
        self.stopped = False
        self._last: bool | None = None
        self._run = 0  # how many times in a row the result was `_last`
        self._timer: Timer | None = None
        self._busy = False  # an attempt is under way: ticks in the meantime are skipped

    def schedule(self) -> None:
        """Wait for the next tick."""
        period = self.spec.get("periodSeconds") or PERIOD
        ticks = math.floor((self.loop.now() - self.phase) / period + 1e-9) + 1
        self._timer = self.loop.call_at(self.phase + ticks * period, self._tick)

    def stop(self) -> None:
        self.stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        if not self.stopped:
            self.schedule()
            self.attempt()

    def attempt(self) -> None:
        """Probe now, unless it is too early or too late to."""
        if self.stopped or self._busy or self.container.state != "running":
            return
        if self.slot.started == (self.type == "startup"):
            return
        if int(self.loop.now() - self.container.started_at + 1e-6) < (self.spec.get("initialDelaySeconds") or 0):
            return
        self._busy = True
        self.execute(self.container.id, self.spec, float(self.spec.get("timeoutSeconds") or TIMEOUT), self._done)

    def _done(self, result: ProbeResult) -> None:
        self._busy = False
        if self.stopped or self.container.state != "running":
            return
        if not result.ok:
            self.owner.probe_failed(self.slot, self.type, result.output)
        self._run = self._run + 1 if result.ok == self._last else 1
        self._last = result.ok
        needed = (
            self.spec.get("successThreshold") or SUCCESSES
            if result.ok
            else self.spec.get("failureThreshold") or FAILURES
        )
        if self._run < needed or result.ok == self.state:
            return
        self.state = result.ok
        if self.type != "readiness" and not result.ok:  # it will be restarted, and probed anew then
            self.stop()
        self.owner.probe_changed(self.slot, self.type, result.ok)


def _with_port(probe: Obj, container: Obj) -> Obj:
    """The probe with the name of its port replaced by the number, so that runtimes need not look it up."""
    for handler in ("httpGet", "tcpSocket", "grpc"):
        if handler in probe and isinstance(probe[handler].get("port"), str):
            port = port_number(probe[handler]["port"], container)
            return {**probe, handler: {**probe[handler], "port": port}}
    return probe


def port_number(port: int | str, container: Obj) -> int:
    """The number of a port given by number or name; 0 if the container has no port of that name."""
    if isinstance(port, int):
        return port
    for entry in container.get("ports") or ():
        if entry.get("name") == port:
            return int(entry["containerPort"])
    return int(port) if port.isdigit() else 0
