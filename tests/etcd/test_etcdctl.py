"""etcd's own etcdctl, unmodified, on our server; and kube-apiserver's requests as it sends them."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.etcd.real import BINARIES, etcdctl
from tests.etcd.server import our_etcd


@pytest.fixture
def ours() -> Iterator[str]:
    with our_etcd() as address:
        yield address


def test_reading_and_writing(ours: str) -> None:
    assert etcdctl(ours, "put", "a", "1") == "OK\n"
    assert etcdctl(ours, "put", "a/b", "2") == "OK\n"
    assert etcdctl(ours, "put", "a", "3", "--prev-kv") == "OK\na\n1\n"
    assert etcdctl(ours, "get", "a") == "a\n3\n"
    assert etcdctl(ours, "get", "a", "--rev=2") == "a\n1\n"
    assert etcdctl(ours, "get", "a", "b") == "a\n3\na/b\n2\n"
    assert etcdctl(ours, "get", "--prefix", "a", "--keys-only") == "a\n\na/b\n\n"
    assert etcdctl(ours, "get", "--from-key", "a/", "--print-value-only") == "2\n"
    assert etcdctl(ours, "get", "--prefix", "", "--sort-by=VERSION", "--order=DESCEND", "--limit=1") == "a\n3\n"
    assert etcdctl(ours, "del", "a/b", "--prev-kv") == "1\na/b\n2\n"
    assert etcdctl(ours, "del", "--from-key", "") == "1\n"


def test_errors_in_etcds_words(ours: str) -> None:
    for number in range(5):
        etcdctl(ours, "put", "a", str(number))
    assert etcdctl(ours, "compaction", "4") == "compacted revision 4\n"
    for arguments, words in (
        (("get", "a", "--rev=2"), "etcdserver: mvcc: required revision has been compacted"),
        (("get", "a", "--rev=99"), "etcdserver: mvcc: required revision is a future revision"),
        (("compaction", "4"), "etcdserver: mvcc: required revision has been compacted"),
        (("put", "a", "1", "--lease=77"), "etcdserver: requested lease not found"),
        (("lease", "revoke", "77"), "etcdserver: requested lease not found"),
        (("watch", "a", "--rev=2"), "etcdserver: mvcc: required revision has been compacted"),
    ):
        with pytest.raises(AssertionError, match=words):
            etcdctl(ours, *arguments)


def test_transactions(ours: str) -> None:
    etcdctl(ours, "put", "a", "1")
    request = 'value("a") = "1"\nmod("a") > "1"\n\nput b 3\nget a\n\nget b\n\n'
    assert etcdctl(ours, "txn", "-i", input=request).endswith("SUCCESS\n\nOK\n\na\n1\n")
    request = 'create("b") = "0"\n\nput b 4\n\nget b\ndel a\n\n'
    assert etcdctl(ours, "txn", input=request) == "FAILURE\n\nb\n3\n\n1\n"
    with pytest.raises(AssertionError, match="duplicate key given in txn request"):
        etcdctl(ours, "txn", input='ver("b") = "1"\n\nput b 4\nput b 5\n\n\n')


def test_watching_from_now_and_from_the_past(ours: str) -> None:
    etcdctl(ours, "put", "a", "1")
    command = [str(BINARIES / "etcdctl"), "--endpoints", ours, "watch", "--prefix", "", "--rev=1", "--prev-kv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            etcdctl(ours, "put", "a", "2")
            etcdctl(ours, "del", "a")
            lines += [process.stdout.readline() for _ in range(10)]
        finally:
            process.kill()
    assert "".join(lines) == "PUT\na\n1\nPUT\na\n1\na\n2\nDELETE\na\n2\na\n\n"


def test_leases(ours: str) -> None:
    id = etcdctl(ours, "lease", "grant", "60").split()[1]
    etcdctl(ours, "put", "a", "1", f"--lease={id}")
    answer = etcdctl(ours, "lease", "timetolive", id, "--keys")
    assert answer.startswith(f"lease {id} granted with TTL(60s), remaining(")
    assert answer.endswith("attached keys([a])\n")
    assert etcdctl(ours, "lease", "list") == f"found 1 leases\n{id}\n"
    assert etcdctl(ours, "lease", "keep-alive", "--once", id) == f"lease {id} keepalived with TTL(60)\n"
    assert etcdctl(ours, "lease", "revoke", id) == f"lease {id} revoked\n"
    assert etcdctl(ours, "get", "a") == ""
    assert etcdctl(ours, "lease", "timetolive", id) == f"lease {id} already expired\n"


def test_a_lease_whose_client_vanishes_runs_out(ours: str) -> None:
    id = etcdctl(ours, "lease", "grant", "1").split()[1]
    etcdctl(ours, "put", "a", "1", f"--lease={id}")
    for _ in range(100):
        if not etcdctl(ours, "get", "a"):
            return
        time.sleep(0.1)
    raise AssertionError("the key is still there")


def test_locks_and_elections(ours: str) -> None:
    assert etcdctl(ours, "lock", "here", "echo", "mine") == "mine\n"
    command = [str(BINARIES / "etcdctl"), "--endpoints", ours, "elect", "post", "me"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("post/")
            assert process.stdout.readline() == "me\n"
            listening = [*command[:-2], "--listen", "post"]
            with subprocess.Popen(listening, stdout=subprocess.PIPE, text=True) as listener:
                assert listener.stdout is not None
                try:
                    assert listener.stdout.readline().startswith("post/")
                    assert listener.stdout.readline() == "me\n"
                finally:
                    listener.kill()
        finally:
            process.kill()


def test_maintenance(ours: str, tmp_path: Path) -> None:
    etcdctl(ours, "put", "a", "1")
    assert ours in etcdctl(ours, "member", "list")
    assert f"{ours}, 8e9e05c52164694d, 3.5.21, " in etcdctl(ours, "endpoint", "status")
    assert f"{ours} is healthy" in etcdctl(ours, "endpoint", "health")
    assert etcdctl(ours, "endpoint", "hashkv").startswith(f"{ours}, ")
    assert "Finished defragmenting" in etcdctl(ours, "defrag")
    assert etcdctl(ours, "alarm", "list") == ""
    saved = tmp_path / "saved"
    assert etcdctl(ours, "snapshot", "save", str(saved)) == f"Snapshot saved at {saved}\n"
    assert saved.stat().st_size % 512 == 32
