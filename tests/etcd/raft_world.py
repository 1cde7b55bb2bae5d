"""Members of a Raft cluster under faults by seed, with Raft's safety checked whenever anything changes.

The four properties (Raft, figure 3), each checked where it could break:

- election safety: a term has one leader at most - when a member starts to lead;
- log matching: logs that agree on an entry agree on all before it - whenever an entry enters a log, its predecessor
  is compared with what any log ever had before that entry;
- leader completeness: a leader has all that was committed in earlier terms - when a member starts to lead;
- state machine safety: no two members apply different commands at one index - whenever one applies.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from controlplane.clock import Loop
from controlplane.etcd.raft import LOST, Raft
from controlplane.etcd.raft_log import Entry, Log
from controlplane.etcd.raft_network import RaftNetwork


class Operation(NamedTuple):
    """What a client asked and when; `ended` is infinite if it never heard."""

    began: float
    ended: float
    kind: str  # "put" | "get" | "swap"
    key: str
    argument: Any  # the value, or (expected, value)
    result: Any


class Truth:
    """All that any member ever showed to be so."""

    def __init__(self) -> None:
        self.leaders: dict[int, str] = {}  # term -> leader
        self.before: dict[tuple[int, int], tuple[int, Any]] = {}  # (index, term) -> (term before it, command)
        self.applied: dict[int, tuple[int, Any]] = {}  # index -> (term, command)

    def entered(self, log: Log, index: int) -> None:
        entry, previous = log.get(index), log.term_at(index - 1)
        assert previous is not None
        known = self.before.setdefault((index, entry.term), (previous, entry.command))
        assert known == (previous, entry.command), f"logs that agree at {index} differ before it"

    def leads(self, member: Raft) -> None:
        term = member.log.term
        assert self.leaders.setdefault(term, member.id) == member.id, f"two leaders in term {term}"
        for index, (at, _) in self.applied.items():
            if index > member.log.base and at < term:
                assert member.log.term_at(index) == at, f"{member.id} leads term {term} without entry {index}"

    def applies(self, member: str, index: int, entry: Entry) -> None:
        known = self.applied.setdefault(index, (entry.term, entry.command))
        assert known == (entry.term, entry.command), f"{member} applies another command at {index}"


class CheckedLog(Log):
    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self.truth = truth

    def append(self, entry: Entry) -> int:
        index = super().append(entry)
        self.truth.entered(self, index)
        return index


class CheckedRaft(Raft):
    truth: Truth

    def _lead(self) -> None:
        self.truth.leads(self)
        super()._lead()

    def _commit_to(self, index: int) -> None:
        assert index <= self.log.last
        for each in range(self.applied + 1, index + 1):
            self.truth.applies(self.id, each, self.log.get(each))
        super()._commit_to(index)
        assert self.commit >= index


class Registers:
    """A state machine of named values."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def apply(self, command: Any) -> Any:
        kind, key, argument = command[:3]
        if kind == "put":
            self.values[key] = argument
            return None
        expected, value = argument
        if self.values.get(key) != expected:
            return False
        self.values[key] = value
        return True

    def snapshot(self) -> Any:
        return dict(self.values)

    def restore(self, snapshot: Any) -> None:
        self.values = dict(snapshot)


class World:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loop = Loop(seed)
        self.names = [f"m{i}" for i in range(self.random.choice([3, 3, 5]))]
        self.truth = Truth()
        rough = self.random.random() < 0.8
        slowest = self.random.choice([0.002, 0.01, 0.05, 0.3])
        self.network = RaftNetwork(
            self.loop, (0.001, slowest), drop=self.random.choice([0, 0.02, 0.1]) * rough, double=0.1 * rough
        )
        self.snapshot_entries = self.random.choice([4, 20, 1000])
        self.logs = {name: CheckedLog(self.truth) for name in self.names}
        self.up: dict[str, CheckedRaft] = {}
        self.machines: dict[str, Registers] = {}
        self.history: list[Operation] = []
        self._pending: dict[int, Operation] = {}
        self._asked = 0
        for name in self.names:
            self.start(name)

    def start(self, name: str) -> None:
        machine = self.machines[name] = Registers()
        member = CheckedRaft(
            name,
            self.names,
            self.loop,
            lambda to, message: self.network.send(name, to, message),
            self.logs[name],
            machine,
            self.snapshot_entries,
        )
        member.truth = self.truth
        self.up[name] = member
        self.network.receivers[name] = member.receive
        member.start()

    def crash(self, name: str) -> None:
        del self.network.receivers[name]
        self.up.pop(name).stop()

    def leaders(self) -> list[CheckedRaft]:
        return [member for member in self.up.values() if member.role == "leader"]

    # Clients --------------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """One random operation, at a member that believes to lead."""
        leaders = self.leaders()
        if not leaders:
            return
        member, key = self.random.choice(leaders), self.random.choice("xy")
        self._asked += 1
        id, kind = self._asked, self.random.choice(["put", "get", "swap"])
        argument: Any = None
        if kind == "put":
            argument = id
        elif kind == "swap":
            argument = (self.random.choice([None, max(id - 1, 1), max(id - 2, 1)]), id)
        self._pending[id] = Operation(self.loop.now(), float("inf"), kind, key, argument, None)
        if kind == "get":
            machine = self.machines[member.id]
            accepted = member.read(lambda _: self._answer(id, machine.values.get(key)))
        else:
            accepted = member.propose((kind, key, argument), lambda result: self._answer(id, result))
        if not accepted:
            del self._pending[id]

    def _answer(self, id: int, result: Any) -> None:
        operation = self._pending.pop(id)
        if result is not LOST:
            self.history.append(operation._replace(ended=self.loop.now(), result=result))

    def operations(self) -> list[Operation]:
        """All that clients did; what never got an answer may have been done, if it was a write."""
        return self.history + [each for each in self._pending.values() if each.kind != "get"]

    # Faults ---------------------------------------------------------------------------------------------------------

    def fault(self) -> None:
        """Most often it strikes who leads."""
        draw = self.random.random()
        leaders = [leader.id for leader in self.leaders()]
        name = self.random.choice(leaders if leaders and self.random.random() < 0.7 else self.names)
        down = [each for each in self.names if each not in self.up]
        if draw < 0.25 and name in self.up:
            self.crash(name)
        elif draw < 0.5 and down:
            self.start(self.random.choice(down))
        elif draw < 0.6:
            self.network.cut(name, self.random.choice(self.names))
        elif draw < 0.8:
            for each in self.names:
                if each != name and self.random.random() < 0.8:
                    self.network.cut(name, each)
        elif draw < 0.9:
            self.network.heal_all()
        elif name in self.up:
            self.up[name].transfer(self.random.choice(self.up[name].peers))

    def strike(self) -> None:
        """Take the leader away while it works, let another be elected, ask both, and bring the first one back."""
        if not self.loop.run_until(lambda: bool(self.leaders()), 3):
            return
        name = self.random.choice([leader.id for leader in self.leaders()])
        spared = self.random.choice(self.names) if self.random.random() < 0.5 else name
        crash = self.random.random() < 0.4
        for _ in range(self.random.randint(0, 3)):
            self.ask()
        self.loop.run_for(self.random.choice([0, 0.001, 0.005]))
        for other in self.names:
            if other not in (name, spared):
                self.network.cut(name, other)
        for _ in range(self.random.randint(0, 3)):
            self.ask()
        if crash and name in self.up:
            self.loop.run_for(self.random.choice([0, 0.001, 0.005, 0.02]))
            self.crash(name)
        self.loop.run_for(self.random.choice([0.2, 1, 2.2]))
        for _ in range(self.random.randint(0, 4)):
            self.ask()
        self.loop.run_for(self.random.choice([0, 0.001, 0.005, 0.02]))
        if self.random.random() < 0.9:
            self.network.heal_all()
        if crash and name not in self.up:
            self.start(name)
        self.loop.run_for(self.random.choice([0.001, 0.02, 0.2]))

    def run(self, actions: int) -> None:
        """Faults and operations at random moments."""
        for _ in range(actions):
            draw = self.random.random()
            if draw < 0.4:
                self.strike()
            elif draw < 0.6:
                self.fault()
            for _ in range(self.random.randint(0, 2)):
                self.ask()
            self.loop.run_for(self.random.choice([0.002, 0.02, 0.2]) * self.random.random())
            if len(self.up) <= len(self.names) // 2:
                self.start(self.random.choice([each for each in self.names if each not in self.up]))
            if self.random.random() < 0.15:
                self.network.heal_all()

    def mend(self) -> None:
        """All faults end."""
        self.network.heal_all()
        self.network.drop = 0.0
        for name in self.names:
            if name not in self.up:
                self.start(name)
