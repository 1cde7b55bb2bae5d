"""What runs inside a simulated container: an HTTP server, a job, or a short script."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from controlplane.clock import Timer
from controlplane.node import commands
from controlplane.node.images import Behaviour
from controlplane.node.network import RESET, Reply
from controlplane.node.pod_resources import amount
from controlplane.node.runtime import Container, Obj, Usage

if TYPE_CHECKING:
    from controlplane.node.simulated_runtime import SimulatedRuntime

SIGKILL = 137
MAX_LOG_LINES = 1000
MESSAGE_LINES, MESSAGE_BYTES = 80, 2048  # of the log, for terminationMessagePolicy: FallbackToLogsOnError
LOAD_WINDOW = 15.0  # seconds over which the CPU that requests take is averaged


class Process:
    """One simulated process.

    Labs break it by hand: `status` (what it answers), `answers` (False: it hangs), `leak(bytes a second)`,
    `exit(code)`.
    """

    def __init__(
        self, runtime: SimulatedRuntime, container: Container, behaviour: Behaviour, spec: Obj, pod: str
    ) -> None:
        self.runtime = runtime
        self.container = container
        self.behaviour = behaviour
        self.pod = pod
        self.status = behaviour.status
        self.answers = behaviour.answers
        self.memory_growth = behaviour.memory_growth
        self._memory = float(behaviour.memory)  # bytes at the time `_memory_at`
        self._memory_at = 0.0
        self._busy = 0.0  # cores spent on requests lately, at the time `_busy_at`
        self._busy_at = 0.0
        self.log: list[tuple[float, str]] = []
        self.requests = 0  # taken since the start
        self.files: dict[str, bytes] = {}  # path -> content
        self._waiting: dict[int, Reply] = {}  # what it is answering right now
        self._script = _script(spec)
        self._tells_why = spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        self._ports = frozenset(p["containerPort"] for p in spec.get("ports") or () if "containerPort" in p)
        limits = (spec.get("resources") or {}).get("limits") or {}
        self._memory_limit = int(amount(limits["memory"])) if "memory" in limits else 0
        self._cpu_limit = amount(limits["cpu"]) if "cpu" in limits else 0.0
        self._free_at = 0.0  # when it is through with the requests that it has taken
        self._listening_from = 0.0
        self._draining_until: float | None = None  # set by SIGTERM
        self._kill: Timer | None = None
        self._oom: Timer | None = None

    # Life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        container, behaviour, now = self.container, self.behaviour, self.runtime.loop.now()
        container.state, container.started_at = "running", now
        self._listening_from = now + behaviour.boot
        self._memory_at = now
        self.runtime.account(self, 1)
        if self._script is not None:
            self._advance(commands.run(self._script, self.files, self.write, self.write))
            return
        for line in behaviour.log:
            self.write(line)
        if behaviour.exit_after is not None:
            self._later(behaviour.exit_after, self.exit, behaviour.exit_code)
        self._watch_memory()

    def _later(self, delay: float, fn: Callable[..., Any], *args: Any) -> Timer:
        return self.runtime.loop.call_later(delay, self._if_running, fn, args)

    def _if_running(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if self.container.state == "running":
            fn(*args)

    def _advance(self, script: Generator[float, None, int]) -> None:
        try:
            self._later(next(script), self._advance, script)
        except StopIteration as end:
            self.exit(end.value)

    def leak(self, growth: float) -> None:
        """From now on memory grows by so many bytes a second; 0 stops a leak, a negative number frees."""
        self._memory, self._memory_at = float(self.usage().memory), self.runtime.loop.now()
        self.memory_growth = growth
        self.runtime.account(self, 0)
        self._watch_memory()

    def _watch_memory(self) -> None:
        """Come back when the memory limit will be reached."""
        if self._oom is not None:
            self._oom.cancel()
        room = self._memory_limit - self.usage().memory
        if self._memory_limit and (self.memory_growth > 0 or room < 0):
            wait = max(room, 0) / self.memory_growth if self.memory_growth > 0 else 0.0
            self._oom = self._later(wait, self.exit, SIGKILL, "OOMKilled")

    def exit(self, code: int, reason: str = "") -> None:
        """The process ends by itself, or is killed."""
        container = self.container
        if container.state != "running":
            return
        container.state, container.finished_at = "exited", self.runtime.loop.now()
        self.runtime.account(self, -1)
        container.exit_code = code if code >= 0 else 128 - code
        if code and self._tells_why:
            container.message = "".join(f"{line}\n" for _, line in self.log[-MESSAGE_LINES:])[-MESSAGE_BYTES:]
        container.reason = reason or ("Completed" if code == 0 else "Error")
        self._cleanup()
        self.runtime.later(0.0, self.runtime.exited, container)

    def vanish(self) -> None:
        """The container is removed, or the machine lost power: nobody hears of it."""
        if self.container.state == "running":
            self.container.state = "exited"
            self.runtime.account(self, -1)
        self._cleanup(silent=True)

    def _cleanup(self, silent: bool = False) -> None:
        for timer in (self._kill, self._oom):
            if timer is not None:
                timer.cancel()
        lost, self._waiting = self._waiting, {}
        if not silent:
            for reply in lost.values():
                reply(0, RESET, self.behaviour.version)

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds."""
        if self.container.state == "created":
            self.container.state, self.container.exit_code, self.container.reason = "exited", SIGKILL, "Error"
            self.container.finished_at = self.runtime.loop.now()
            self.runtime.later(0.0, self.runtime.exited, self.container)
            return
        if self._kill is not None:
            self._kill.cancel()
        if grace <= 0:
            self.exit(SIGKILL)
            return
        self._kill = self._later(grace, self.exit, SIGKILL)
        if self._draining_until is None:
            self._terminate()

    def _terminate(self) -> None:
        """SIGTERM arrives.  A script has no handler for it, and as process 1 of its container is not ended by it."""
        if self._script is not None or not self.behaviour.handles_term:
            return
        self._draining_until = self.runtime.loop.now() + self.behaviour.drain
        self._later(self.behaviour.drain, self._finish)

    def _finish(self) -> None:
        """Exit once nothing is left to answer."""
        if not self._waiting or not self.behaviour.drain:
            self.exit(self.behaviour.term_exit_code)

    # Work -----------------------------------------------------------------------------------------------------------

    def listens(self, port: int) -> bool:
        """Does it take connections now on `port`?  One that declares no port takes any."""
        now = self.runtime.loop.now()
        return (
            self.container.state == "running"
            and self._script is None
            and self.behaviour.serves
            and now >= self._listening_from
            and (not self._ports or port in self._ports)
            and (self._draining_until is None or now < self._draining_until)
        )

    def serve(self, path: str, reply: Reply) -> None:
        """Answer one request."""
        self.requests += 1
        number = self.requests
        self._waiting[number] = reply
        if number == 1:
            self.runtime.account(self, 0)
        now, work = self.runtime.loop.now(), self.behaviour.cpu_per_request
        self._busy, self._busy_at = self._load() + work / LOAD_WINDOW, now
        delay = self.behaviour.latency
        if self._cpu_limit:  # the kernel lets it work only so much a second: requests queue up
            self._free_at = max(self._free_at, now) + work / self._cpu_limit
            delay += self._free_at - now
        if self.answers:
            self._later(delay, self._answer, number)

    def _answer(self, number: int) -> None:
        reply = self._waiting.pop(number)
        version = self.behaviour.version
        if self.status >= 400:
            reply(self.status, f"App {version} is broken", version)
        else:
            reply(self.status, f"App {version}, Pod {self.pod}, node {self.runtime.node}", version)
        if not self._waiting and self._draining_until is not None and self.runtime.loop.now() >= self._draining_until:
            self.exit(self.behaviour.term_exit_code)

    def write(self, line: str) -> None:
        """One line to the container's log."""
        self.log.append((self.runtime.loop.now(), line))
        if len(self.log) > MAX_LOG_LINES:
            del self.log[0]

    def _load(self) -> float:
        """Cores that requests took lately: an average that forgets within half a minute."""
        return self._busy * math.exp((self._busy_at - self.runtime.loop.now()) / LOAD_WINDOW) if self._busy else 0.0

    def usage(self) -> Usage:
        container, behaviour = self.container, self.behaviour
        if container.state != "running":
            return Usage(0.0, 0)
        now = self.runtime.loop.now()
        memory = self._memory + (now - self._memory_at) * self.memory_growth
        storage = (now - container.started_at) * behaviour.storage_growth
        cpu = behaviour.cpu + self._load()
        if self._cpu_limit:
            cpu = min(cpu, self._cpu_limit)
        return Usage(cpu, max(int(memory), 0), int(storage))


def _script(spec: Obj) -> list[commands.Step] | None:
    """The script that a container's command is, if it is one."""
    command = [*(spec.get("command") or ()), *(spec.get("args") or ())]
    return commands.parse(command) if command else None
