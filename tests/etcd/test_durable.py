"""What is acknowledged is on disk; a torn end is cut off, damage is refused; a disk that refuses loses nothing."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.etcd import snapshot
from controlplane.etcd.api import ALL_KEYS, EtcdError, NoSpace, Put, StoreFailed
from controlplane.etcd.durable import DurableStore
from controlplane.etcd.mvcc import Store
from controlplane.etcd.snapshot import content_hash
from controlplane.etcd.wal import Corrupt
from tests.etcd.histories import Recorder
from tests.etcd.kill_loop import operate

ROOT = Path(__file__).parents[2]


def test_killed_again_and_again_under_load(tmp_path: Path) -> None:
    """200 times SIGKILL at a random moment; the loop compares what is there with what was acknowledged."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.etcd.kill_loop", str(tmp_path / "data"), "200"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


def written(folder: Path, operations: int, snapshot_records: int = 10_000) -> tuple[Store, list[tuple[int, int]]]:
    """A folder after some operations; a store in memory that is alike; and (length of the log, hash) after each."""
    store, model, states = DurableStore(folder, fsync=False, snapshot_records=snapshot_records), Store(), []
    for number in range(operations):
        operate(store, number)
        operate(model, number)
        states.append((store._wal.length, content_hash(model)))
    store.close()
    return model, states


@pytest.mark.parametrize("snapshot_records", [7, 10_000])
def test_a_restart_changes_nothing(tmp_path: Path, snapshot_records: int) -> None:
    model, _ = written(tmp_path, 300, snapshot_records)
    store = DurableStore(tmp_path, fsync=False)
    assert (store.revision, store.compact_revision) == (model.revision, model.compact_revision)
    assert content_hash(store) == content_hash(model)
    assert store.leases.leases.keys() == model.leases.leases.keys()
    start = store.compact_revision
    assert Recorder(store, b"\0", ALL_KEYS, start) == Recorder(model, b"\0", ALL_KEYS, start)
    for number in range(300, 400):
        operate(store, number)
        operate(model, number)
    assert content_hash(store) == content_hash(model)


def test_a_log_cut_at_any_byte_holds_whole_operations(tmp_path: Path) -> None:
    _, states = written(tmp_path / "whole", 40)
    content = (tmp_path / "whole" / "1.wal").read_bytes()
    for length in range(0, len(content), 61):
        folder = tmp_path / "cut"
        folder.mkdir(exist_ok=True)
        (folder / "1.wal").write_bytes(content[:length] + b"\0" * (length % 5))
        store = DurableStore(folder, fsync=False)
        expected = [hash for end, hash in states if end <= length]
        assert content_hash(store) == (expected[-1] if expected else content_hash(Store()))
        store.put(b"goes", b"on")
        store.close()
        reopened = DurableStore(folder, fsync=False)
        assert content_hash(reopened) == content_hash(store)
        reopened.close()


@pytest.mark.parametrize("kind", ["wal", "snapshot"])
def test_any_changed_byte_is_refused_with_file_and_offset(tmp_path: Path, kind: str) -> None:
    written(tmp_path, 60, 20)
    path = next(tmp_path.glob(f"*.{kind}"))
    content = path.read_bytes()
    starts = [0, *(i + 1 for i, byte in enumerate(content) if byte == 10)]
    for place in range(0, len(content) - 2, 71):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(Corrupt) as caught:
            DurableStore(tmp_path, fsync=False)
        line = max(start for start in starts if start <= place)
        assert str(caught.value).startswith(f"{path}: byte {line}: ")
    path.write_bytes(content)
    DurableStore(tmp_path).close()


@pytest.mark.parametrize("kind", ["wal", "snapshot"])
def test_a_missing_line_is_refused(tmp_path: Path, kind: str) -> None:
    written(tmp_path, 60, 20)
    path = next(tmp_path.glob(f"*.{kind}"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3] + lines[4:]))
    with pytest.raises(Corrupt, match=r"byte \d+: the checksum is wrong"):
        DurableStore(tmp_path)


def test_a_missing_snapshot_is_refused(tmp_path: Path) -> None:
    written(tmp_path, 60, 20)
    next(tmp_path.glob("*.snapshot")).unlink()
    with pytest.raises(Corrupt, match="the snapshot that the log continues is missing"):
        DurableStore(tmp_path)


def test_an_unfinished_snapshot_counts_for_nothing(tmp_path: Path) -> None:
    model, _ = written(tmp_path, 30)
    (tmp_path / "2.tmp").write_bytes(b"half a snaps")
    (tmp_path / "2.wal").touch()
    assert content_hash(DurableStore(tmp_path)) == content_hash(model)
    assert {path.name for path in tmp_path.iterdir()} == {"1.wal", "2.wal"}


class Disk:
    """Takes so many bytes, then fails; in the middle of a write too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, number: int = errno.ENOSPC) -> None:
        self.room = room
        self.number = number
        self._write = os.write
        monkeypatch.setattr("controlplane.etcd.wal.os.write", self.write)

    def write(self, file: int, content: bytes) -> int:
        if self.room <= 0:
            raise OSError(self.number, os.strerror(self.number))
        done = self._write(file, content[: self.room])
        self.room -= done
        return done


@pytest.mark.parametrize("room", range(0, 400, 13))
def test_a_full_disk_fails_the_write_and_keeps_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    store, model = DurableStore(tmp_path, fsync=False), Store()
    for each in (store, model):
        each.grant(60, 1)
    seen = Recorder(store, b"\0", ALL_KEYS)
    disk = Disk(monkeypatch, room)
    failed = 0
    for number in range(20):
        try:
            store.txn((), [Put(b"a%d" % number, b"1", 1), Put(b"b", b"%d" % number)])
        except NoSpace as error:
            assert str(error) == "etcdserver: no space"
            failed += 1
            continue
        model.txn((), [Put(b"a%d" % number, b"1", 1), Put(b"b", b"%d" % number)])
    assert failed
    assert content_hash(store) == content_hash(model)
    assert store.leases.find(1).keys == model.leases.find(1).keys
    for refused in (lambda: store.grant(60, 2), lambda: store.revoke(1), lambda: store.compact(store.revision)):
        if store.revision > 1:
            with pytest.raises(NoSpace):
                disk.room = 0
                refused()
    assert content_hash(store) == content_hash(model)
    assert seen == Recorder(model, b"\0", ALL_KEYS, 2)
    disk.room = 10_000
    store.put(b"c", b"")
    model.put(b"c", b"")
    store.close()
    assert content_hash(DurableStore(tmp_path)) == content_hash(model)


def test_a_batch_on_a_full_disk_is_not_done_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DurableStore(tmp_path, fsync=False)
    store.put(b"a", b"1")
    disk = Disk(monkeypatch, 60)
    with pytest.raises(NoSpace), store.batch():
        store.put(b"a", b"2")
        store.put(b"a", b"3")
    kv = store.get(b"a")
    assert kv is not None and kv.value == b"1" and store.revision == 2
    disk.room = 1000
    store.close()
    assert DurableStore(tmp_path).get(b"a") == kv


def test_after_a_failed_fsync_nothing_more_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DurableStore(tmp_path)
    store.put(b"a", b"1")

    def fail(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("controlplane.etcd.wal.os.fsync", fail)
        with pytest.raises(StoreFailed, match=r"1\.wal: Input/output error"):
            store.put(b"a", b"2")
    with pytest.raises(StoreFailed, match=r"1\.wal: Input/output error"):
        store.put(b"a", b"3")
    kv = store.get(b"a")
    assert kv is not None and kv.value == b"1"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match="cannot keep the store in"):
        DurableStore(tmp_path / "file")


def test_a_disk_that_became_read_only_fails_writes_and_serves_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DurableStore(tmp_path)
    store.put(b"a", b"1")
    Disk(monkeypatch, 0, errno.EROFS)
    with pytest.raises(EtcdError, match="Read-only file system"):
        store.put(b"a", b"2")
    kv = store.get(b"a")
    assert kv is not None and kv.value == b"1"
    monkeypatch.undo()
    store.put(b"a", b"2")
    assert DurableStore(tmp_path).get(b"a") == store.get(b"a")


def test_a_snapshot_that_cannot_be_written_leaves_the_log_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DurableStore(tmp_path, snapshot_records=5)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(snapshot, "save", fail)
    for number in range(12):
        store.put(b"a", b"%d" % number)
    store.close()
    monkeypatch.undo()
    kv = DurableStore(tmp_path).get(b"a")
    assert kv is not None and kv.value == b"11"
