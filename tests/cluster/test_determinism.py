"""The same seed gives the same run to the byte, in one process and in another."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from controlplane import demo

SCRIPT = """
import hashlib
from controlplane import demo
lines = []
cluster = demo.run({seed}, lines.append)
print(hashlib.sha256("\\n".join(lines).encode()).hexdigest(), hashlib.sha256(cluster.event_log().encode()).hexdigest())
"""


def digests(seed: int) -> tuple[str, str]:
    lines: list[str] = []
    cluster = demo.run(seed, lines.append)
    told = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return told, hashlib.sha256(cluster.event_log().encode()).hexdigest()


def elsewhere(seed: int, hash_seed: str) -> tuple[str, str]:
    """The same in a process of its own, with another order of sets."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(seed=seed)], env=environment, capture_output=True, text=True, check=True
    )
    told, log = done.stdout.split()
    return told, log


def test_the_same_seed_gives_the_same_story_and_the_same_event_log() -> None:
    assert digests(3) == digests(3)


def test_another_process_with_other_hashes_gives_the_same() -> None:
    assert elsewhere(5, "0") == elsewhere(5, "12345") == digests(5)


def test_another_seed_gives_another_run() -> None:
    assert digests(1)[1] != digests(2)[1]
