"""Keeping what processes write: logs on disk that are rotated, and the beginning of a command's output."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import IO

LOG_SIZE = 1 << 20  # bytes; then the log is rotated, and one older file is kept
LINE_SIZE = 16 << 10  # bytes; longer lines are cut, as the CRI's log files do
OUTPUT_SIZE = 1 << 20  # bytes of a command's output that are kept


class Log:
    """What a container writes, line by line with the time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._rest = b""
        self._size = 0
        self._file: IO[bytes] = open(path, "ab", buffering=0)  # noqa: SIM115  # closed in `close`

    def write(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_SIZE:
            lines.append(self._rest)
            self._rest = b""
        if not lines:
            return
        stamp = f"{time.time():.6f} ".encode()
        text = b"".join(b"%b%b\n" % (stamp, line[:LINE_SIZE]) for line in lines)
        self._size += len(text)
        with contextlib.suppress(OSError):  # a full disk costs the line, not the container
            self._file.write(text)
        if self._size > LOG_SIZE:
            self._file.close()
            os.replace(self.path, self.path + ".1")
            self._file, self._size = open(self.path, "ab", buffering=0), 0  # noqa: SIM115

    def close(self) -> None:
        if self._rest:
            self.write(b"\n")
        self._file.close()


def bounded(kept: bytearray) -> Callable[[bytes], None]:
    """Keeps the beginning of what it is given."""

    def take(data: bytes) -> None:
        kept.extend(data[: OUTPUT_SIZE - len(kept)])

    return take
