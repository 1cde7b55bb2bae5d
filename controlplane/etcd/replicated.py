"""A store that three or five members keep together: every write goes through their log, every read asks who leads.

    store = ReplicatedStore(members=3)
    store.kill(store.leader)           # costs nothing: the next call waits for an election
    store.kill(store.leader)           # too many: calls raise TimedOut, until `restart`

The members run on a loop of their own, which moves only while a call waits for them.  So a call returns when the
members have agreed, and on the loop of whoever called no time has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from controlplane.clock import Loop
from controlplane.etcd import snapshot, wal
from controlplane.etcd.api import (
    ALL_KEYS,
    Compacted,
    Compare,
    EtcdError,
    KeyValue,
    OnEvents,
    Op,
    Range,
    RangeResult,
    TimedOut,
    TxnResult,
)
from controlplane.etcd.lease import LeaseState, Lessor
from controlplane.etcd.mvcc import Store
from controlplane.etcd.raft import LOST, SNAPSHOT_ENTRIES, Raft
from controlplane.etcd.raft_log import Log
from controlplane.etcd.raft_network import RaftNetwork
from controlplane.etcd.watch import Watcher, Watchers

T = TypeVar("T")
TIMEOUT = 7.0  # seconds of the members' time for one call; etcd: 5 s and two election timeouts
RETRY_REVOKE = 1.0  # seconds after which a lease that ran out without a majority is tried again


class Command(NamedTuple):
    """A call on the store; `id` counts them, so that one which is sent twice is done once."""

    id: int
    method: str
    arguments: tuple[Any, ...]


class StoreMachine:
    """A member's store, and what came of the last command."""

    def __init__(self) -> None:
        self.store = Store()
        self._done = 0
        self._result: Any = None

    def apply(self, command: Command) -> Any:
        """The result; an EtcdError is one too."""
        if command.id > self._done:
            self._done = command.id
            try:
                self._result = getattr(self.store, command.method)(*command.arguments)
            except EtcdError as error:
                self._result = error
        return self._result

    def snapshot(self) -> tuple[bytes, int, Any]:
        return snapshot.dump(self.store), self._done, self._result

    def restore(self, state: tuple[bytes, int, Any]) -> None:
        content, self._done, self._result = state
        self.store = Store()
        snapshot.restore(self.store, wal.parse(content))


class ReplicatedStore:
    """Leases run out on `loop`, the members' randomness comes from its seed."""

    def __init__(self, members: int = 3, loop: Loop | None = None, snapshot_entries: int = SNAPSHOT_ENTRIES) -> None:
        if members < 1 or members % 2 == 0:
            raise ValueError(f"{members} members cannot agree better than {max(members - 1, 1)}: take 1, 3 or 5")
        self.names = [f"etcd-{i}" for i in range(members)]
        self.compact_revision = 0
        self.revision = 1  # the newest that a call has shown
        self._leases = Lessor(loop, self._lease_ended)
        self._loop = loop
        self._inner = Loop(loop.seed if loop is not None else 0)
        self.network = RaftNetwork(self._inner, (0.001, 0.002))
        self._snapshot_entries = snapshot_entries
        self._logs = {name: Log() for name in self.names}
        self._up: dict[str, Raft] = {}
        self._machines: dict[str, StoreMachine] = {}
        self._commands = 0
        self._watchers = Watchers()
        self._delivered = 1
        for name in self.names:
            self.restart(name)

    # Members --------------------------------------------------------------------------------------------------------

    @property
    def leader(self) -> str:
        """The member that leads, "" if none does."""
        leader = self._leader()
        return leader.id if leader is not None else ""

    @property
    def members(self) -> dict[str, str]:
        """Each member's role, "down" for those that are."""
        return {name: self._up[name].role if name in self._up else "down" for name in self.names}

    def kill(self, name: str) -> None:
        """Stop a member; what is in its log stays."""
        self._up.pop(name).stop()
        del self.network.receivers[name]

    def restart(self, name: str) -> None:
        """Start a member again, or for the first time."""
        if name in self._up:
            self.kill(name)
        machine = self._machines[name] = StoreMachine()
        member = self._up[name] = Raft(
            name,
            self.names,
            self._inner,
            lambda to, message: self.network.send(name, to, message),
            self._logs[name],
            machine,
            self._snapshot_entries,
        )
        self.network.receivers[name] = member.receive
        member.start()

    def isolate(self, name: str) -> None:
        """Cut a member off from all others."""
        for other in self.names:
            if other != name:
                self.network.cut(name, other)

    def heal(self) -> None:
        """End all cuts."""
        self.network.heal_all()

    def transfer(self, name: str) -> None:
        """Have another member lead."""
        leader = self._leader()
        if leader is not None and leader.transfer(name):
            self._inner.run_until(lambda: self.leader == name, TIMEOUT)

    def _leader(self) -> Raft | None:
        leaders = [member for member in self._up.values() if member.role == "leader"]
        return max(leaders, key=lambda member: member.log.term, default=None)

    # Calls ----------------------------------------------------------------------------------------------------------

    def _ask(self, question: Callable[[Raft, Callable[[Any], None]], bool]) -> tuple[Raft, Any]:
        """Put a question to whoever leads, again and again until it is answered; the leader, and the answer."""
        deadline = self._inner.now() + TIMEOUT
        while (left := deadline - self._inner.now()) > 0:
            if not self._inner.run_until(lambda: self._leader() is not None, left):
                break
            leader = self._leader()
            assert leader is not None
            answers: list[Any] = []
            if question(leader, answers.append):

                def over(leader: Raft = leader, answers: list[Any] = answers) -> bool:
                    return bool(answers) or self._leader() is not leader

                self._inner.run_until(over, deadline - self._inner.now())
                if answers and answers[0] is not LOST:
                    return leader, answers[0]
            else:
                self._inner.run_for(0.01)
        raise TimedOut

    def _write(self, method: str, *arguments: Any) -> Any:
        self._commands += 1
        command = Command(self._commands, method, arguments)
        leader, result = self._ask(lambda leader, answer: leader.propose(command, answer))
        self._show(self._machines[leader.id].store)
        if isinstance(result, EtcdError):
            raise result
        return result

    def _read(self, look: Callable[[Store], T]) -> T:
        leader, _ = self._ask(lambda leader, answer: leader.read(answer))
        store = self._machines[leader.id].store
        self._show(store)
        return look(store)

    def _show(self, store: Store) -> None:
        """Tell those who watch what is new."""
        self.compact_revision = store.compact_revision
        if store.revision > self._delivered:
            start, self._delivered = self._delivered + 1, store.revision
            self.revision = store.revision
            store.watch(
                b"\0", ALL_KEYS, lambda revision, events: self._watchers.offer(revision, list(events)), start
            ).cancel()

    # The store's interface ------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> KeyValue | None:
        return self._read(lambda store: store.get(key))

    def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        limit: int = 0,
        revision: int = 0,
        count_only: bool = False,
        keys_only: bool = False,
    ) -> RangeResult:
        return self.query(Range(key, end, limit, revision, count_only, keys_only))

    def query(self, op: Range) -> RangeResult:
        return self._read(lambda store: store.query(op))

    def put(self, key: bytes, value: bytes, lease: int = 0) -> KeyValue:
        written: KeyValue = self._write("put", key, value, lease)
        return written

    def delete_range(self, key: bytes, end: bytes | None = None) -> list[KeyValue]:
        deleted: list[KeyValue] = self._write("delete_range", key, end)
        return deleted

    def txn(self, compare: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        result: TxnResult = self._write("txn", compare, success, failure)
        return result

    def compact(self, revision: int) -> None:
        self._write("compact", revision)

    def grant(self, ttl: int, id: int = 0) -> int:
        id = id or self._leases.new_id()
        self._write("grant", ttl, id)
        return self._leases.grant(id, ttl).id

    def revoke(self, id: int) -> None:
        self._write("revoke", id)
        self._leases.forget(id)

    def keep_alive(self, id: int) -> int:
        return self._leases.renew(id)

    def lease_state(self, id: int) -> LeaseState:
        keys = self._read(lambda store: store.lease_state(id).keys)
        return self._leases.state(id)._replace(keys=keys)

    def _lease_ended(self, id: int) -> None:
        try:
            self.revoke(id)
        except TimedOut:
            assert self._loop is not None
            self._loop.call_later(RETRY_REVOKE, self._lease_ended, id)

    def watch(
        self,
        key: bytes,
        end: bytes | None,
        on_events: OnEvents,
        start_revision: int = 0,
        only: Literal["PUT", "DELETE"] | None = None,
    ) -> Watcher:
        """As `Store.watch`; what others write through this same store is all that there is to see."""
        if start_revision and start_revision < self.compact_revision:
            raise Compacted(self.compact_revision)
        watcher = Watcher(key, end, on_events, only, self._watchers.remove)
        if start_revision and start_revision <= self._delivered:
            self._read(lambda store: store.watch(key, end, on_events, start_revision, only).cancel())
        watcher.from_revision = max(start_revision, self._delivered + 1)
        self._watchers.add(watcher)
        return watcher
