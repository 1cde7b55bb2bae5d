"""This side of the connection to a machine's shim: orders out, reports in."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controlplane.node.process_io import InputOutput

PACKAGES = Path(__file__).parents[2]
SHIM = "import sys; sys.path.insert(0, sys.argv[1]); from controlplane.node.process_shim import main; main()"
PATIENCE = 5.0  # seconds that the shim gets to end what it started


class Supervisor:
    """A shim, which removes the folder `root` at its end.  `on_report` hears its reports on the cluster's loop.

    `on_loss` hears there if the shim ended without being asked to.
    """

    def __init__(
        self,
        io: InputOutput,
        root: Path,
        on_report: Callable[[dict[str, Any]], None],
        on_loss: Callable[[], None],
    ) -> None:
        self.io = io
        self.root = root
        self._on_report = on_report
        self._on_loss = on_loss
        self._socket, theirs = socket.socketpair()
        self._buffer = b""
        self._closed = False
        command = [sys.executable, "-I", "-S", "-c", SHIM, str(PACKAGES), str(theirs.fileno()), str(self.root)]
        with theirs:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True, cwd="/"
            )
        self._number = self._socket.fileno()
        io.call(io.asyncio.add_reader, self._number, self._read)

    @property
    def pid(self) -> int:
        return self._process.pid

    def order(self, op: str, **arguments: Any) -> None:
        """Send an order.  If the shim is gone, `on_loss` tells."""
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.io.asyncio.remove_reader(self._number)
            if not self._closed:
                self.io.loop.post(self._lost)
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self.io.loop.post(self._report, json.loads(line))

    def _report(self, report: dict[str, Any]) -> None:
        if not self._closed:
            self._on_report(report)

    def _lost(self) -> None:
        if not self._closed:
            self.close()
            self._on_loss()

    def close(self) -> None:
        """End everything that runs here."""
        if self._closed:
            return
        self._closed = True
        self.io.call(self._hang_up)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hang_up(self) -> None:
        self.io.asyncio.remove_reader(self._number)
        self._socket.close()


def kill_group(pid: int) -> None:
    """Kill a session whose shim can no longer do it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
