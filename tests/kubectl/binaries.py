"""The kubectls that this machine has: the newest from PyPI, and older ones where a cloud SDK brought them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

# A dispatcher called kubectl may stand in front of these and pick one by the server's version: each is named by path.
FOLDERS = (Path("/usr/lib/google-cloud-sdk/bin"), Path("/usr/local/bin"), Path("/opt/kubectl"))


def binaries() -> dict[str, str]:
    """Version ("1.33") to path, oldest first; "newest" is the one that the tests' environment brings."""
    found = {}
    for folder in FOLDERS:
        for path in folder.glob("kubectl.1.*"):
            if (version := re.fullmatch(r"kubectl\.(1\.\d+)", path.name)) and os.access(path, os.X_OK):
                found[version[1]] = str(path)
    newest = shutil.which("kubectl")
    ordered = dict(sorted(found.items(), key=lambda item: int(item[0].split(".")[1])))
    return {**ordered, "newest": newest} if newest else ordered


class Kubectl:
    """One binary, with one kubeconfig."""

    def __init__(self, path: str, kubeconfig: Path, home: Path) -> None:
        self._command = [path, "--kubeconfig", str(kubeconfig)]
        # exec over WebSockets is behind this gate before 1.31; HOME keeps the discovery cache apart
        self._environment = {**os.environ, "HOME": str(home), "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true"}

    def run(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *args], input=stdin, capture_output=True, text=True, timeout=60, env=self._environment
        )

    def __call__(self, *args: str, stdin: str | None = None) -> str:
        """What it prints; it must succeed."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(args)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, *args: str, stdin: str | None = None) -> str:
        """What it says when it must not succeed."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(args)}\n{done.stdout}"
        return done.stderr
