"""The images that real processes can be started from: a catalogue of commands, shipped with the package.

| image | what its process does |
| --- | --- |
| `app:v1`, `app:v2`, any `app:TAG` | the HTTP server "App v1" of `server.py` |
| `app:broken` | answers 500 to everything but its health paths |
| `app:slow` | takes 20 s from its start until it listens, and 1 s for each answer |
| `app:crash` | exits with code 1 after 3 s |
| `app:leak` | an App whose memory grows by 10 MiB a second |
| `app:hang` | listens, but never answers |
| `app:stubborn` | ignores SIGTERM: only SIGKILL ends it |
| `app:rude` | ends at once on SIGTERM and drops what it was answering |
| `job:ok`, `job:fail` | work for 5 s, then exit with code 0 or 1 |
| a name with `missing` in it | cannot be pulled |
| any other | whatever its container's `command` is, with the programs of this computer |
"""

from __future__ import annotations

import sys
from pathlib import Path

from controlplane.node.images import tag

HERE = Path(__file__).parent
OPTIONS = {
    "broken": ["--status", "500"],
    "slow": ["--boot", "20", "--delay", "1"],
    "leak": ["--leak", "10"],
    "hang": ["--hang"],
    "stubborn": ["--stubborn"],
    "rude": ["--drain", "0"],
}
JOBS = {
    "app:crash": ["3", "1", "starting", "panic: cannot go on"],
    "job:ok": ["5", "0", "working", "done"],
    "job:fail": ["5", "1", "working", "failed"],
}


def entrypoint(image: str) -> list[str] | None:
    """The command of an image, or None if it has none of its own.

    >>> entrypoint("app:v2")[-1], entrypoint("registry.example/app:slow")[-4:], entrypoint("busybox")
    ('v2', ['--boot', '20', '--delay', '1'], None)
    """
    python = [sys.executable, "-I", "-S"]  # the standard library alone: it starts in a third of the time
    name = image.rpartition("/")[2]
    if name in JOBS:
        return [*python, str(HERE / "job.py"), *JOBS[name]]
    if name.partition(":")[0] == "app":
        version = tag(image)
        return [*python, str(HERE / "server.py"), version, *OPTIONS.get(version, ())]
    return None


def pullable(image: str) -> bool:
    """Is there such an image, as far as anybody can say?"""
    return "missing" not in image
