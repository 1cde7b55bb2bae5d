"""The store answers as a real etcd does, operation by operation, over random histories."""

from collections.abc import Iterator

import pytest

from controlplane.clock import Loop
from controlplane.etcd.api import ALL_KEYS
from controlplane.etcd.grpc_store import GrpcStore
from controlplane.etcd.mvcc import Store
from tests.etcd.histories import History, Recorder, perform

HISTORIES, BATCHES = 250, 8


@pytest.fixture(scope="module")
def remote(etcd: str) -> Iterator[GrpcStore]:
    store = GrpcStore(f"etcd://{etcd}")
    yield store
    store.close()


def same_start(remote: GrpcStore) -> Store:
    """Empty the etcd, and make a store that stands at the same revision."""
    remote.put(b"start", b"")
    remote.delete_range(b"\0", ALL_KEYS)
    remote.compact(remote.revision)
    store = Store(Loop())
    store.revision = store.compact_revision = remote.revision
    store._log_start = store.revision + 1
    return store


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_histories(remote: GrpcStore, batch: int) -> None:
    for number in range(batch * HISTORIES, (batch + 1) * HISTORIES):
        run_history(remote, number)


def run_history(remote: GrpcStore, seed: int) -> None:
    history, store = History(seed), same_start(remote)
    history.base = history.revision = store.revision
    key, end = history.span()
    watched = [(Recorder(each, b"\0", ALL_KEYS), Recorder(each, key or b"a", end)) for each in (store, remote)]
    done = []
    for _ in range(history.random.randint(4, 16)):
        kind, what = history.step()
        done.append((kind, what))
        ours, theirs = perform(store, kind, what), perform(remote, kind, what)
        assert ours == theirs, f"history {seed}: {done}"
        history.revision = store.revision
        history.leases = list(store.leases.leases)
    assert watched[0] == watched[1], f"history {seed}: {done}"
    for each in watched[1]:
        each.watcher.cancel()
    if seed % 20 == 0:  # etcd looks for watches of the past ten times a second only
        start = history.random.randint(store.compact_revision + 1, store.revision + 1)
        assert Recorder(store, b"\0", ALL_KEYS, start) == Recorder(remote, b"\0", ALL_KEYS, start), seed
    for lease in history.leases:
        store.revoke(lease)
        remote.revoke(lease)
