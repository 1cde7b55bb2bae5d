"""The write-ahead log: a file of lines, each a checksum and a record in JSON, that a reader can open and read.

    7f4c1fb2 {"rev":2,"events":[["/registry/pods/default/web","{...}",0]]}
    90b5c29a {"rev":3,"events":[["/registry/pods/default/web"]]}

A checksum covers its record and all before it in the file, so that a changed, missing or doubled line shows.  A record
counts once `fsync` has returned.  What a crash leaves half written is always the end of the last line: it is cut off
when the file is opened.  Anything else that is wrong is damage, and refused.  (etcd: server/storage/wal)

Why a log of our own and no embedded database: SQLite would need a second format for learners to read, and the store
needs of it only what these lines do: append, and read once from the start.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from controlplane.etcd.api import EtcdError, NoSpace, StoreFailed

Record = dict[str, Any]
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Corrupt(EtcdError):
    """A file is damaged other than by a crash; the message names it, and the byte where the damage starts."""

    def __init__(self, path: Path, offset: int, what: str) -> None:
        super().__init__(f"{path}: byte {offset}: {what}; restore the file from a copy, or remove it and lose its data")
        self.path = path
        self.offset = offset


def text(data: bytes) -> str:
    """Bytes as a string that JSON takes: UTF-8 as it is, other bytes as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def data(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def lines(records: Iterable[Record], checksum: int) -> tuple[bytes, int]:
    """The lines of some records that follow a line with `checksum`, and the last one's own checksum."""
    out = []
    for record in records:
        body = json.dumps(record, separators=(",", ":")).encode()
        checksum = crc32(body, checksum)
        out.append(b"%08x %s\n" % (checksum, body))
    return b"".join(out), checksum


def read(path: Path, content: bytes, *, may_be_torn: bool) -> Iterator[tuple[Record, int, int]]:
    """Each record, with the offset after it and its checksum.  Stops before a torn end; raises Corrupt."""
    offset = checksum = 0
    while offset < len(content):
        end = content.find(b"\n", offset)
        line = content[offset:] if end < 0 else content[offset:end]
        last = end < 0 or end + 1 == len(content) or not content[end + 1 :].strip(b"\0")
        # a crash can leave a part of the last line, or zeros where a block of it should be: JSON here has no zeros
        if may_be_torn and (end < 0 or (last and b"\0" in line)):
            return
        body = line[9:]
        checksum = crc32(body, checksum)
        if end < 0:
            raise Corrupt(path, offset, "the last line is not complete")
        if line[:9] != b"%08x " % checksum:
            raise Corrupt(path, offset, "the checksum is wrong")
        offset = end + 1
        yield json.loads(body), offset, checksum


def parse(content: bytes) -> list[Record]:
    """The records of some lines that were never in a file."""
    return [record for record, _, _ in read(Path("memory"), content, may_be_torn=False)]


class Wal:
    """One log file, open for appending."""

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        self.path = path
        self.records: list[Record] = []  # what was in the file when it was opened
        self.length = 0
        self._checksum = 0
        self._fsync = fsync
        self._broken = ""
        content = path.read_bytes() if path.exists() else b""
        for record, end, checksum in read(path, content, may_be_torn=True):
            self.records.append(record)
            self.length, self._checksum = end, checksum
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if self.length < len(content):
            os.ftruncate(self._file, self.length)
            if fsync:
                os.fsync(self._file)
        os.lseek(self._file, self.length, os.SEEK_SET)

    def append(self, records: Iterable[Record]) -> None:
        """Write records; they are on disk when this returns.

        Raises NoSpace, after which nothing of them is in the file, or StoreFailed, after which nobody knows, and
        nothing more is written until the log is opened again.
        """
        if self._broken:
            raise StoreFailed(self._broken)
        content, checksum = lines(records, self._checksum)
        try:
            self._write(content)
        except OSError as error:
            self._take_back(error)
            raise NoSpace if error.errno in FULL else StoreFailed(f"{self.path}: {error.strerror}") from error
        try:
            if self._fsync:
                os.fsync(self._file)
        except OSError as error:
            self._broken = f"{self.path}: {error.strerror}"
            raise StoreFailed(self._broken) from error
        self.length += len(content)
        self._checksum = checksum

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self._file, view) :]

    def _take_back(self, error: OSError) -> None:
        try:
            os.ftruncate(self._file, self.length)
            os.lseek(self._file, self.length, os.SEEK_SET)
        except OSError:
            self._broken = f"{self.path}: {error.strerror}"

    def close(self) -> None:
        os.close(self._file)
