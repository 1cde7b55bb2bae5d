"""What a comparison with a real etcd can't show: time, sizes, order, and what a caller does in the middle of things."""

from typing import Any

import pytest

from controlplane.clock import Loop
from controlplane.etcd.api import (
    ALL_KEYS,
    MAX_OPERATIONS,
    MAX_REQUEST_BYTES,
    Compacted,
    EtcdError,
    Event,
    LeaseNotFound,
    Put,
    RequestTooLarge,
    TimedOut,
    TooManyOps,
    prefix_end,
)
from controlplane.etcd.lease import MIN_TTL
from controlplane.etcd.mvcc import Store
from controlplane.etcd.replicated import ReplicatedStore
from tests.etcd.histories import History, Recorder, perform


def stores(loop: Loop) -> list[Any]:
    return [Store(loop), ReplicatedStore(3, loop)]


@pytest.mark.parametrize("kind", [0, 1])
def test_a_lease_takes_its_keys_with_it_when_it_runs_out(kind: int) -> None:
    loop = Loop()
    store = stores(loop)[kind]
    lease = store.grant(10)
    store.put(b"a", b"1", lease)
    store.put(b"b", b"1", lease)
    store.put(b"c", b"1", lease)
    store.put(b"c", b"2")  # a put without the lease detaches the key
    seen = Recorder(store, b"\0", ALL_KEYS)
    loop.run_for(9.9)
    assert store.lease_state(lease) == (0, 10, [b"a", b"b"])
    assert not seen
    loop.run_for(0.2)
    assert [(revision, event.type, event.kv.key) for revision, event in seen] == [
        (6, "DELETE", b"a"),
        (6, "DELETE", b"b"),
    ]
    assert store.lease_state(lease) == (-1, 0, [])
    with pytest.raises(LeaseNotFound):
        store.put(b"a", b"1", lease)
    with pytest.raises(LeaseNotFound):
        store.keep_alive(lease)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_lease_lives_as_long_as_it_is_kept_alive(kind: int) -> None:
    loop = Loop()
    store = stores(loop)[kind]
    lease = store.grant(5)
    store.put(b"a", b"1", lease)
    for _ in range(20):
        loop.run_for(4)
        assert store.keep_alive(lease) == 5
    assert store.get(b"a") is not None
    loop.run_for(6)
    assert store.get(b"a") is None


def test_a_short_ttl_is_made_longer() -> None:
    store = Store(Loop())
    assert store.leases.find(store.grant(0)).ttl == MIN_TTL


def test_a_clock_that_jumps_ends_leases_and_nothing_else() -> None:
    loop = Loop()
    store = Store(loop)
    store.put(b"a", b"1", store.grant(60))
    store.put(b"b", b"1")
    loop._now += 10_000_000.0
    loop.run_ready()
    assert [kv.key for kv in store.range(b"\0", ALL_KEYS).kvs] == [b"b"]
    lease = store.grant(60)
    loop._now -= 5_000_000.0
    store.put(b"c", b"1", lease)
    assert store.keep_alive(lease) == 60
    loop.run_for(61)
    assert store.get(b"c") is None


def test_limits() -> None:
    store = Store()
    with pytest.raises(RequestTooLarge, match="etcdserver: request is too large"):
        store.put(b"a", b"x" * MAX_REQUEST_BYTES)
    with pytest.raises(RequestTooLarge):
        store.txn((), [Put(b"a", b"x" * (MAX_REQUEST_BYTES // 2)), Put(b"b", b"x" * (MAX_REQUEST_BYTES // 2))])
    with pytest.raises(TooManyOps, match="etcdserver: too many operations in txn request"):
        store.txn((), [Put(b"%d" % i) for i in range(MAX_OPERATIONS + 1)])
    assert store.revision == 1
    store.txn((), [Put(b"%d" % i) for i in range(MAX_OPERATIONS)])
    store.put(b"a", b"x" * (MAX_REQUEST_BYTES - 1))
    assert store.revision == 3


def test_compaction_frees_space_and_defragmentation_gives_it_back() -> None:
    store = Store()
    for number in range(100):
        store.put(b"a", b"%d" % number * 100)
    before, used = store.size(), store.size_in_use()
    assert before == used
    store.compact(store.revision)
    assert store.size() == before
    assert store.size_in_use() < used / 50
    store.defragment()
    assert store.size() == store.size_in_use()


def test_a_watch_may_start_at_the_compacted_revision_but_not_before() -> None:
    store = Store()
    for number in range(5):
        store.put(b"a", b"%d" % number)
    store.delete_range(b"a")
    store.compact(7)
    assert [event.type for _, event in Recorder(store, b"a", None, 7)] == ["DELETE"]
    with pytest.raises(Compacted) as caught:
        store.watch(b"a", None, lambda revision, events: None, 6)
    assert caught.value.compact_revision == 7


def test_a_watcher_that_writes_keeps_the_order_for_all() -> None:
    store = Store()

    def copy(revision: int, events: Any) -> None:
        if events[0].kv.key == b"a":
            store.put(b"copy", b"%d" % revision)

    store.watch(b"\0", ALL_KEYS, copy)
    seen = Recorder(store, b"\0", ALL_KEYS)
    store.put(b"a", b"1")
    store.put(b"a", b"2")
    assert [(revision, event.kv.key) for revision, event in seen] == [
        (2, b"a"),
        (3, b"copy"),
        (4, b"a"),
        (5, b"copy"),
    ]


def test_a_watch_can_be_cancelled_from_its_own_callback() -> None:
    store, seen = Store(), []

    def once(revision: int, events: list[Event]) -> None:
        seen.append(revision)
        watcher.cancel()

    watcher: Any = store.watch(b"a", None, once)  # type: ignore[arg-type]
    store.put(b"a", b"1")
    store.put(b"a", b"2")
    assert seen == [2]


def test_a_thousand_watchers_hear_each_event_once_and_in_order() -> None:
    store = Store()
    heard = [Recorder(store, b"/registry/pods/", prefix_end(b"/registry/pods/")) for _ in range(1000)]
    for number in range(20):
        store.put(b"/registry/pods/default/%d" % (number % 3), b"")
        store.put(b"/registry/services/default/%d" % number, b"")
    for each in heard:
        assert [revision for revision, _ in each] == list(range(2, 42, 2))


@pytest.mark.parametrize("seed", range(60))
def test_members_answer_as_one_store_does_while_they_fail(seed: int) -> None:
    """One member of three is killed, cut off or replaced at random; nobody who calls can tell."""
    loop = Loop(seed)
    together = ReplicatedStore(3, loop, snapshot_entries=10)
    alone, history = Store(loop), History(seed)
    history.base = history.revision = 1
    seen = [Recorder(store, b"\0", ALL_KEYS) for store in (alone, together)]
    down = ""
    for _ in range(40):
        kind, what = history.step()
        assert perform(alone, kind, what) == perform(together, kind, what)
        history.revision, history.leases = alone.revision, list(alone.leases.leases)
        draw = history.random.random()
        if draw < 0.2 and not down:
            together.heal()
            down = history.random.choice(together.names)
            together.kill(down)
        elif draw < 0.4 and down:
            together.restart(down)
            down = ""
        elif draw < 0.5 and not down:
            together.heal()
            together.isolate(together.leader or "etcd-0")
        elif draw < 0.6:
            together.heal()
    assert seen[0] == seen[1]
    assert {"leader", "follower"} >= set(together.members.values()) - {"down", "candidate"}


def test_without_a_majority_nothing_is_answered_and_nothing_is_lost() -> None:
    store = ReplicatedStore(5, Loop(3))
    for number in range(30):
        store.put(b"%02d" % number, b"1")
    down = [store.leader]
    for _ in range(3):
        store.kill(down[-1])
        if len(down) < 3:
            store.put(b"%02d" % (30 + len(down)), b"1")
            down.append(store.leader)
            continue
        break
    for call in (
        lambda: store.put(b"x", b""),
        lambda: store.range(b"a"),
        lambda: store.grant(5),
        lambda: store.compact(3),
    ):
        with pytest.raises(TimedOut, match="etcdserver: request timed out"):
            call()
    assert list(store.members.values()).count("down") == 3
    store.restart(down[0])
    assert store.range(b"0", b"9", count_only=True).count == 32
    with pytest.raises(EtcdError):
        store.range(b"a", revision=1000)


def test_members_are_an_odd_number() -> None:
    for number in (0, 2, 4):
        with pytest.raises(ValueError, match="take 1, 3 or 5"):
            ReplicatedStore(number)
