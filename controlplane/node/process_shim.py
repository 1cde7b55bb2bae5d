"""The process that all containers of one machine descend from, as containerd's shim is for real containers.

It is started as a program of its own, reads orders as lines of JSON from the socket whose number it is given, and
reports there.  When the other end closes, however that came about, it kills everything that it ever started.  It has
one thread, so that forking stays safe, and imports little, so that it starts at once.

Every process inherits a variable that says which container it belongs to; so the end of a container reaches those too
that left its session.  *Note*: on systems without /proc only the container's own process group is found.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from controlplane.node.process_output import Log, bounded
from controlplane.node.process_table import marked, table

MARK = "CONTROLPLANE_CONTAINER"  # root folder and container id, in the environment of all that belongs to it
TICK, REPORT = 0.1, 1.0  # seconds between two looks at what is used, and between two reports of usage
GOODBYE = 2.0  # seconds that the killed get to disappear
LONGEST_STOP = 1.0  # seconds for which a container that used too much CPU stands still
MOST_PROCESSES = 256  # of one container: the kubelet's podPidsLimit
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Child:
    """A container's main process, or a command that runs beside it."""

    def __init__(self, container: str, process: subprocess.Popen[bytes]) -> None:
        self.container = container
        self.process = process
        self.memory_limit = 0
        self.killed_for = ""
        self.cpu = 0.0  # seconds used, at the last report
        self.cpu_limit = 0.0  # cores
        self.cpu_seen = 0.0  # seconds used, at the last look
        self.stopped_until = 0.0


class Shim:
    """Starts, watches and ends processes; `root` is the folder that goes with them."""

    def __init__(self, control: socket.socket, root: str) -> None:
        self.control = control
        self.root = root
        self.parent = os.getppid()
        self.libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        if self.libc is not None:
            self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.selector = selectors.DefaultSelector()
        self.containers: dict[str, Child] = {}
        self.children: dict[int, Callable[[int], None]] = {}  # pid -> what to do when it has ended
        self._buffer = b""
        self.deadlines: dict[int, float] = {}  # of commands: pid -> when it is killed
        self._reported = self._looked = 0.0
        wake, awake = socket.socketpair()
        wake.setblocking(False)
        awake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # meant for who started us: its end is ours
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(awake.fileno(), warn_on_full_buffer=False)
        self.selector.register(wake, selectors.EVENT_READ, lambda: self._reap(wake))
        self.selector.register(control, selectors.EVENT_READ, self._read)
        self._wake = (wake, awake)

    def run(self) -> None:
        """Serve until the other end is gone."""
        try:
            with contextlib.suppress(EOFError):
                while os.getppid() == self.parent:
                    for key, _ in self.selector.select(TICK):
                        key.data()
                    self._look()
        finally:
            self.kill("")
            self._wait()
        shutil.rmtree(self.root, ignore_errors=True)  # not after a mistake of ours: another shim will take over

    def _wait(self) -> None:
        """Wait until those that were killed are gone."""
        end = time.monotonic() + GOODBYE
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < end:
                if not os.waitpid(-1, os.WNOHANG)[0]:
                    time.sleep(0.002)

    def tell(self, **message: Any) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise EOFError from error

    def _read(self) -> None:
        try:
            data = self.control.recv(1 << 16)
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            getattr(self, "do_" + order.pop("op"))(**order)

    # Orders ---------------------------------------------------------------------------------------------------------

    def do_start(
        self, id: str, argv: list[str], env: dict[str, str], cwd: str, log: str, memory: int, cpu: float
    ) -> None:
        read, write = os.pipe()
        try:
            process = self._spawn(id, argv, env, cwd, memory, stdin=subprocess.DEVNULL, stdout=write, stderr=write)
        except OSError as error:
            os.close(read)
            self.tell(event="failed", id=id, message=reason(error, argv[0], cwd))
            return
        finally:
            os.close(write)
        child = self.containers[id] = Child(id, process)
        child.memory_limit, child.cpu_limit = memory, cpu
        kept = Log(log)
        drain = self._collect(read, kept.write)

        def ended(code: int) -> None:
            del self.containers[id]
            self.kill(id)
            drain()
            kept.close()
            self.tell(event="exited", id=id, code=code, reason=child.killed_for)

        self.children[process.pid] = ended
        self.tell(event="started", id=id, pid=process.pid)

    def do_exec(
        self, number: int, id: str, argv: list[str], env: dict[str, str], cwd: str, stdin: str, timeout: float
    ) -> None:
        out, err = bytearray(), bytearray()
        (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe()
        try:
            with tempfile.TemporaryFile() as file:
                file.write(stdin.encode())
                file.seek(0)
                process = self._spawn(id, argv, env, cwd, 0, stdin=file, stdout=out_write, stderr=err_write)
        except OSError as error:
            os.close(out_read)
            os.close(err_read)
            self.tell(event="executed", number=number, code=127, out="", err=reason(error, argv[0], cwd))
            return
        finally:
            os.close(out_write)
            os.close(err_write)
        drains = [self._collect(read, bounded(kept)) for read, kept in ((out_read, out), (err_read, err))]

        self.deadlines[process.pid] = time.monotonic() + timeout if timeout else float("inf")

        def ended(code: int) -> None:
            self.deadlines.pop(process.pid, None)
            for drain in drains:
                drain()
            texts = [bytes(kept).decode(errors="replace") for kept in (out, err)]
            self.tell(event="executed", number=number, code=code, out=texts[0], err=texts[1])

        self.children[process.pid] = ended

    def do_signal(self, id: str, number: int) -> None:
        child = self.containers.get(id)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process.pid, number)

    def do_kill(self, id: str) -> None:
        child = self.containers.get(id)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)

    # Processes ------------------------------------------------------------------------------------------------------

    def _spawn(
        self, id: str, argv: list[str], env: dict[str, str], cwd: str, memory: int, **files: Any
    ) -> subprocess.Popen[bytes]:
        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            if self.libc is not None:
                self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if memory:  # between two looks at what all its processes use: none of them can run far ahead
                with contextlib.suppress(ValueError, OSError):
                    resource.setrlimit(resource.RLIMIT_DATA, (2 * memory + (64 << 20),) * 2)

        marked = {**env, MARK: f"{self.root}:{id}"}
        return subprocess.Popen(argv, env=marked, cwd=cwd, start_new_session=True, preexec_fn=prepare, **files)

    def _collect(self, pipe: int, take: Callable[[bytes], None]) -> Callable[[], None]:
        """Pass on what arrives at `pipe`; the result, when called, takes what is left and closes it."""
        os.set_blocking(pipe, False)
        open_ = True

        def end() -> None:
            nonlocal open_
            if open_:
                open_ = False
                self.selector.unregister(pipe)
                os.close(pipe)

        def read() -> None:
            if not open_:  # closed by what was ready in the same round
                return
            try:
                data = os.read(pipe, 1 << 16)
            except BlockingIOError:
                return
            if data:
                take(data)
            else:
                end()

        def drain() -> None:
            for _ in range(64):  # a pipe holds no more
                if open_:
                    read()
            end()

        self.selector.register(pipe, selectors.EVENT_READ, read)
        return drain

    def _reap(self, wake: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            wake.recv(4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            ended = self.children.pop(pid, None)
            for child in self.containers.values():
                if child.process.pid == pid:
                    child.process.returncode = 0  # it is reaped: Popen need not
            if ended is not None:
                ended(os.waitstatus_to_exitcode(status))

    def kill(self, id: str) -> None:
        """Kill what is left of a container, or of all if `id` is empty."""
        for child in list(self.containers.values()):
            if id in ("", child.container):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.process.pid, signal.SIGKILL)
        mark = f"{MARK}={self.root}:{id}".encode()
        seen: set[int] = set()
        while new := [pid for pid in marked(mark) if pid not in seen]:
            seen.update(new)
            for pid in new:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    # Limits ---------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Kill what uses more memory or processes than it may; report what all use once a second."""
        now = time.monotonic()
        for pid in [pid for pid, deadline in self.deadlines.items() if deadline < now]:
            del self.deadlines[pid]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        if not self.containers or now - self._looked < TICK:
            return
        passed, self._looked = now - self._looked, now
        sums = self._sums()
        for id, (count, memory, cpu) in sums.items():
            child = self.containers[id]
            if child.cpu_limit:
                self._throttle(child, cpu, passed, now)
            if child.memory_limit and memory > child.memory_limit:
                child.killed_for = "OOMKilled"
            if child.killed_for or count > MOST_PROCESSES:
                self.do_kill(id)
        passed = now - self._reported
        if passed >= REPORT:
            self._reported = now
            used = {}
            for id, (_, memory, cpu) in sums.items():
                used[id] = [max(cpu - self.containers[id].cpu, 0.0) / passed, memory]
                self.containers[id].cpu = cpu
            self.tell(event="usage", used=used)

    def _throttle(self, child: Child, cpu: float, passed: float, now: float) -> None:
        """Stop a container that has used more than its share, for as long as it takes until it has not.

        *Note*: the kernel does this to a control group ten times a second; here it is once in a TICK.
        """
        if child.stopped_until and now >= child.stopped_until:
            child.stopped_until = 0.0
            self._signal_group(child, signal.SIGCONT)
        elif not child.stopped_until:
            rest = (cpu - child.cpu_seen) / child.cpu_limit - passed
            if rest > 0:
                child.stopped_until = now + min(rest, LONGEST_STOP)
                self._signal_group(child, signal.SIGSTOP)
        child.cpu_seen = cpu

    def _signal_group(self, child: Child, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, number)

    def _sums(self) -> dict[str, tuple[int, int, float]]:
        """(processes, resident bytes, seconds of CPU) of every container, by session.

        *Note*: what has left the container's session ends with it, but is not counted.
        """
        owner = {child.process.pid: child.container for child in self.containers.values()}
        sums: dict[str, tuple[int, int, float]] = {}
        for session, size, cpu in table():
            id = owner.get(session)
            if id is not None:
                count, memory, seconds = sums.get(id, (0, 0, 0.0))
                sums[id] = count + 1, memory + size, seconds + cpu
        return sums


def reason(error: OSError, program: str, cwd: str) -> str:
    """Why a program did not start, as runc says it."""
    if isinstance(error, FileNotFoundError) and error.filename == cwd:
        return f"mkdir {cwd}: {os.strerror(error.errno or 0).lower()}"
    if isinstance(error, FileNotFoundError) and "/" not in program:
        return f'exec: "{program}": executable file not found in $PATH'
    return f'exec: "{program}": {os.strerror(error.errno or 0).lower()}'


def main() -> None:
    """Arguments: the number of the socket, and the folder."""
    number, root = sys.argv[-2:]
    Shim(socket.socket(fileno=int(number)), root).run()
