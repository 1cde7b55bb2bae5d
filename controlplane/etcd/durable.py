"""A store that survives its process: every write is in a log on disk before anybody hears of it.

The folder holds one snapshot, `N.snapshot`, and the log of what came after it, `N.wal`; when the log is long, the next
pair takes their place.  (etcd: server/etcdserver/storage.go)
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from controlplane.clock import Loop
from controlplane.etcd import snapshot
from controlplane.etcd.api import EtcdError, Event, StoreFailed
from controlplane.etcd.mvcc import Store
from controlplane.etcd.wal import Corrupt, Record, Wal

SNAPSHOT_RECORDS = 100_000  # records in a log after which a snapshot replaces it; etcd's --snapshot-count


class DurableStore(Store):
    """`Store`, kept in `folder`.  Raises StoreFailed if the folder can't be written, Corrupt if a file is damaged.

    Without `fsync`, writes survive the end of the process, but not that of the machine.
    """

    def __init__(
        self, folder: Path, loop: Loop | None = None, *, fsync: bool = True, snapshot_records: int = SNAPSHOT_RECORDS
    ) -> None:
        super().__init__(loop)
        self.folder = folder
        self._fsync = fsync
        self._snapshot_records = snapshot_records
        self._batching = False
        self._batch_error: EtcdError | None = None
        self._pending: list[list[Event]] = []  # applied, but not yet on disk
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._recover()
        except OSError as error:
            raise StoreFailed(f"cannot keep the store in {folder}: {error.strerror}") from error

    def _recover(self) -> None:
        numbers = {kind: self._numbers(kind) for kind in ("snapshot", "wal")}
        self._number = max(numbers["snapshot"], default=1)
        if self._number == 1 and numbers["wal"] and 1 not in numbers["wal"]:
            missing = self.folder / f"{max(numbers['wal'])}.snapshot"
            raise Corrupt(missing, 0, "the snapshot that the log continues is missing")
        if numbers["snapshot"]:
            snapshot.restore(self, snapshot.load(self._path("snapshot")))
        self._wal = Wal(self._path("wal"), fsync=self._fsync)
        for record in self._wal.records:
            self._replay(record)
        self._in_log = len(self._wal.records)
        self._wal.records = []
        if self._fsync:
            snapshot.sync_folder(self.folder)
        self._remove_old()

    def _numbers(self, kind: str) -> list[int]:
        names = (re.fullmatch(rf"(\d+)\.{kind}", path.name) for path in self.folder.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def _path(self, kind: str) -> Path:
        return self.folder / f"{self._number}.{kind}"

    def _remove_old(self) -> None:
        for path in self.folder.iterdir():
            old = re.fullmatch(r"(\d+)\.(snapshot|wal)", path.name)
            if path.suffix == ".tmp" or (old and int(old[1]) < self._number):
                path.unlink()

    def _replay(self, record: Record) -> None:
        if "grant" in record:
            self.leases.grant(*record["grant"])
        if "compact" in record:
            super().compact(record["compact"])
        if "rev" in record:
            snapshot.replay(self, record["rev"], record["events"])
        if "revoke" in record:
            self.leases.forget(record["revoke"])

    # Writing --------------------------------------------------------------------------------------------------------

    def _commit(self, events: list[Event]) -> None:
        if events:
            self.revision += 1
            self._log.append(events)
            self._pending.append(events)
            if not self._batching:
                self._flush()

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """One fsync for all writes in here, at the end.  If that fails, none of them is done, and it raises."""
        self._batching = True
        try:
            yield
        finally:
            self._batching = False
            error, self._batch_error = self._batch_error, None
            self._flush()
            if error is not None:
                raise error

    def _flush(self) -> None:
        """Bring what is pending to disk, then tell who watches; or take it back and raise."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        first = self.revision - len(pending) + 1
        try:
            self._append([_revision(first + i, events) for i, events in enumerate(pending)])
        except EtcdError:
            for events in reversed(pending):
                self._take_back(events)
            raise
        for i, events in enumerate(pending):
            self._watchers.offer(first + i, events)
        self._maybe_snapshot()

    def _append(self, records: list[Record]) -> None:
        try:
            self._wal.append(records)
        except EtcdError as error:
            if self._batching:
                self._batch_error = error
            raise
        self._in_log += len(records)

    def _take_back(self, events: list[Event]) -> None:
        self.revision -= 1
        self._log.pop()
        for event in reversed(events):
            kv = event.kv
            self._history[kv.key].pop()
            before = self.get(kv.key)
            self.leases.move(kv.key, kv.lease, before.lease if before is not None else 0)

    def grant(self, ttl: int, id: int = 0) -> int:
        self._flush()
        id = id or self.leases.new_id()
        self.leases.check(id, ttl)
        self._append([{"grant": [id, ttl]}])
        return super().grant(ttl, id)

    def revoke(self, id: int) -> None:
        self._flush()
        events = self._revoked(id)
        record: Record = {"revoke": id}
        if events:
            self.revision += 1
            self._log.append(events)
            record = _revision(self.revision, events) | record
        try:
            self._append([record])
        except EtcdError:
            if events:
                self._take_back(events)
            raise
        self.leases.forget(id)
        if events:
            self._watchers.offer(self.revision, events)

    def compact(self, revision: int) -> None:
        self._flush()
        self.check_compaction(revision)
        self._append([{"compact": revision}])
        super().compact(revision)

    # Snapshots ------------------------------------------------------------------------------------------------------

    def _maybe_snapshot(self) -> None:
        if self._in_log >= self._snapshot_records:
            self._in_log = 0  # if it fails now, try again after as many records
            with contextlib.suppress(OSError):
                self.snapshot()

    def snapshot(self) -> None:
        """Write the store as it is, and begin a new log.  If the disk refuses, the old ones stay in use."""
        following = self.folder / f"{self._number + 1}.snapshot"
        wal = Wal(following.with_suffix(".wal"), fsync=self._fsync)
        snapshot.save(self, following, fsync=self._fsync)  # from here on, the new pair counts
        self._wal.close()
        self._wal = wal
        self._number += 1
        self._in_log = 0
        self._remove_old()

    def close(self) -> None:
        self.leases.stop()
        self._wal.close()


def _revision(number: int, events: list[Event]) -> Record:
    return {"rev": number, "events": [snapshot.event_record(event) for event in events]}
