"""The processes of this computer, as far as they concern us."""

from __future__ import annotations

import os
import resource
import subprocess

PAGE = resource.getpagesize()
CLOCK = os.sysconf("SC_CLK_TCK")


def table() -> list[tuple[int, int, float]]:
    """(session, resident bytes, seconds of CPU) of every process."""
    rows = []
    if not os.path.isdir("/proc/self"):
        shown = subprocess.run(["ps", "-axo", "pgid=,rss=,time="], capture_output=True, text=True, check=False).stdout
        for group, kilobytes, spent in (line.split() for line in shown.splitlines()):
            seconds = 0.0
            for part in spent.replace("-", ":").split(":"):
                seconds = seconds * 60 + float(part)
            rows.append((int(group), int(kilobytes) * 1024, seconds))
        return rows
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b") ")[2].split()
            except OSError:
                continue
            rows.append((int(fields[3]), int(fields[21]) * PAGE, (int(fields[11]) + int(fields[12])) / CLOCK))
    return rows


def marked(mark: bytes) -> list[int]:
    """The processes in whose environment a variable begins with `mark`."""
    found = []
    names = os.listdir("/proc") if os.path.isdir("/proc/self") else []
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read():
                        found.append(int(name))
            except OSError:
                continue
    return found
