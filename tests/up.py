"""`controlplane up` in a process of its own, as a reader starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

TOKEN = "a-token-for-tests"


class Up(NamedTuple):
    url: str
    token: str
    kubeconfig: Path

    @property
    def config(self) -> dict[str, Any]:
        """The kubeconfig as it was written."""
        config: dict[str, Any] = json.loads(self.kubeconfig.read_text())
        return config


@contextmanager
def up(folder: Path, *options: str) -> Iterator[Up]:
    """A cluster that runs until the block ends; ending it by SIGTERM must go well."""
    kubeconfig = folder / "kubeconfig"
    command = [sys.executable, "-c", "from controlplane.cli import main; main()", "up"]
    command += ["--token", TOKEN, "--kubeconfig", str(kubeconfig), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("ready https://"), line
            yield Up(line.split()[1], TOKEN, kubeconfig)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert process.returncode == 0
