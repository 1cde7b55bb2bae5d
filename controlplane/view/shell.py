"""Command lines in a notebook: run where the programs are there, else shown as they were recorded.

kubectl, etcdctl and etcd are programs of their own, which a reader need not have.  Where one of them is missing, a
`Shell` prints what it printed when the page was made; the recordings are in `notebooks/recorded/`.
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

RECORD = "CONTROLPLANE_RECORD"  # set while the notebooks are executed to be committed: what is printed is recorded


class Shell:
    """Runs commands if all of `needs` can be run here.  `here` says so.  Servers end with the process, or by `stop`."""

    def __init__(self, recording: str, *needs: str) -> None:
        self.file = Path("recorded") / f"{recording}.json"
        self.path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.here = sys.platform != "emscripten" and all(shutil.which(name, path=self.path) for name in needs)
        self.recorded: dict[str, str] = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.said: dict[str, str] = {}
        self.environment = {**os.environ, "PATH": self.path, "PYTHONUNBUFFERED": "1", "ETCDCTL_API": "3"}
        self.servers: list[subprocess.Popen[str]] = []
        self.keep: object = None  # what must not go before the servers do
        atexit.register(self.stop)

    def start(self, command: str, until: str) -> None:
        """Start a server, and wait for a line that has `until` in it; variables that it exports are taken over."""
        if not self.here:
            return
        server = subprocess.Popen(
            self._words(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment
        )
        self.servers.append(server)
        assert server.stdout is not None
        for line in server.stdout:
            if line.startswith("export "):
                variable, _, value = line.removeprefix("export ").strip().partition("=")
                self.environment[variable] = value
            if until in line:
                return
        raise RuntimeError(f"{command} ended before it said {until!r}")

    def __call__(self, command: str) -> None:
        """Print the command and what it says."""
        print(f"$ {command}\n{self.run(command)}")

    def run(self, command: str) -> str:
        """What a command says, without the lines that a program logs in JSON."""
        if not self.here:
            return self.recorded.get(command, "(not recorded)")
        done = subprocess.run(
            self._words(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            timeout=60,
        )
        said = "\n".join(line for line in done.stdout.splitlines() if not line.startswith('{"level"')).rstrip()
        self.said[command] = said
        self._record()
        return said

    def _words(self, command: str) -> list[str]:
        program, *arguments = shlex.split(command)
        return [shutil.which(program, path=self.path) or program, *arguments]

    def _record(self) -> None:
        if os.environ.get(RECORD):
            self.file.parent.mkdir(exist_ok=True)
            self.file.write_text(json.dumps(self.said, indent=1, ensure_ascii=False) + "\n")

    def stop(self) -> None:
        """End the servers."""
        for server in self.servers:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)
        self.servers.clear()
