"""Raft: members that agree on one log, though some of them fail (Ongaro: "In Search of an Understandable Consensus
Algorithm"; etcd: raft/raft.go).

One member leads a term; it appends what clients propose, and what a majority has is committed, for ever.  Beside the
paper's figure 2, as in etcd: a member asks whether it would win before it stands for election (pre-vote), a leader that
hears of no majority steps down (check quorum), hands over when asked to (leadership transfer), and answers reads
without a log entry once a round of heartbeats shows that it still leads (ReadIndex).

*Note*: the members are fixed; adding and removing them (joint consensus) is left out here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from controlplane.clock import Loop, Timer
from controlplane.etcd.raft_log import Entry, Log
from controlplane.etcd.raft_messages import Append, Appended, Install, Message, RequestVote, TimeoutNow, Vote

HEARTBEAT = 0.1  # seconds; etcd's --heartbeat-interval
ELECTION_TIMEOUT = 1.0  # seconds; etcd's --election-timeout.  Each wait is between one and two of it
ENTRIES_AT_ONCE = 1000  # in one message
SNAPSHOT_ENTRIES = 10_000  # applied entries that are kept; more become a snapshot

Role = Literal["follower", "candidate", "leader"]


class Lost:
    """What became of a proposal that another leader's entry took the place of."""


LOST = Lost()
Answer = Callable[[Any], None]


class Machine(Protocol):
    """What the log is for: the same commands in the same order lead every member to the same state."""

    def apply(self, command: Any) -> Any: ...

    def snapshot(self) -> Any: ...

    def restore(self, snapshot: Any) -> None: ...


class Raft:
    """One member, from `start` to `stop`; `log` outlives it."""

    def __init__(
        self,
        id: str,
        members: Sequence[str],
        loop: Loop,
        send: Callable[[str, Message], None],
        log: Log,
        machine: Machine,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        self.id = id
        self.peers = [member for member in members if member != id]
        self.majority = len(members) // 2 + 1
        self.loop = loop
        self.send = send
        self.log = log
        self.machine = machine
        self.snapshot_entries = snapshot_entries
        self.role: Role = "follower"
        self.leader = ""
        self.commit = self.applied = log.base
        self._rng = loop.rng(f"etcd/{id}/{loop.now()}")
        self._timer: Timer | None = None
        self._heard = loop.now()  # when a leader was heard of, or a vote given
        self._patience = 0.0
        self._pre = False  # a candidate that only asks
        self._votes: set[str] = set()
        # of a leader
        self._next: dict[str, int] = {}
        self._match: dict[str, int] = {}
        self._acked: dict[str, int] = {}  # the last round that each follower answered
        self._seen: dict[str, float] = {}
        self._round = 0
        self._reads: list[tuple[int, int, Answer]] = []  # (round that must be answered, index to be applied, answer)
        self._early_reads: list[Answer] = []  # before the first commit of the term
        self._proposals: dict[int, tuple[int, Answer]] = {}
        self._heir = ""

    def start(self) -> None:
        if self.log.base:
            self.machine.restore(self.log.snapshot)
        self._rest()
        self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # Clients --------------------------------------------------------------------------------------------------------

    def propose(self, command: Any, answer: Answer) -> bool:
        """Have a command done; `answer` hears its result once it is applied here, or LOST.  False if not the leader.

        If this member stops leading, the command may still be done, and the answer comes late or never.
        """
        if self.role != "leader" or self._heir:
            return False
        index = self.log.append(Entry(self.log.term, command))
        self._proposals[index] = (self.log.term, answer)
        self._advance()
        for peer in self.peers:
            self._send_append(peer)
        return True

    def read(self, answer: Answer) -> bool:
        """Call `answer(None)` once this member's state is as new as anything that was committed before the call.

        False if it is not the leader.
        """
        if self.role != "leader":
            return False
        if self.log.term_at(self.commit) != self.log.term:
            self._early_reads.append(answer)  # only a commit of its own term tells a leader how far the others were
        else:
            self._round += 1
            self._reads.append((self._round, self.commit, answer))
            for peer in self.peers:
                self._send_append(peer)
            self._finish_reads()
        return True

    def transfer(self, heir: str) -> bool:
        """Hand the leadership to another member as soon as its log is complete; no proposals are taken meanwhile."""
        if self.role != "leader" or heir not in self.peers:
            return False
        self._heir = heir
        self.loop.call_later(ELECTION_TIMEOUT, self._keep_leading, self.log.term)
        self._hand_over()
        return True

    def _hand_over(self) -> None:
        if self._match[self._heir] == self.log.last:
            self.send(self._heir, TimeoutNow(self.log.term, self.id))
        else:
            self._send_append(self._heir)

    def _keep_leading(self, term: int) -> None:
        if term == self.log.term:
            self._heir = ""

    # Elections ------------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Something was heard that makes an election needless for a while."""
        self._heard = self.loop.now()
        self._patience = self._rng.uniform(ELECTION_TIMEOUT, 2 * ELECTION_TIMEOUT)

    def _wait(self) -> None:
        """One timer for all: it is not moved with every message, it looks again when it rings."""
        if self._timer is not None:
            self._timer.cancel()
        if self.role == "leader":
            self._timer = self.loop.call_later(HEARTBEAT, self._beat)
        else:
            self._timer = self.loop.call_at(self._heard + self._patience, self._ring)

    def _ring(self) -> None:
        if self.loop.now() >= self._heard + self._patience:
            self._campaign(pre=True)
        self._wait()

    def _campaign(self, *, pre: bool, transfer: bool = False) -> None:
        self.role, self.leader, self._pre = "candidate", "", pre
        self._rest()
        term = self.log.term + 1
        if not pre:
            self.log.term, self.log.vote = term, self.id
        self._votes = {self.id}
        for peer in self.peers:
            self.send(peer, RequestVote(term, self.id, self.log.last, self.log.last_term, pre, transfer))
        self._count()

    def _count(self) -> None:
        if len(self._votes) >= self.majority:
            if self._pre:
                self._campaign(pre=False)
            else:
                self._lead()

    def _lead(self) -> None:
        self.role, self.leader, self._heir = "leader", self.id, ""
        now = self.loop.now()
        self._next = dict.fromkeys(self.peers, self.log.last + 1)
        self._match = dict.fromkeys(self.peers, 0)
        self._acked = dict.fromkeys(self.peers, 0)
        self._seen = dict.fromkeys(self.peers, now)
        self._reads, self._early_reads = [], []
        self.log.append(Entry(self.log.term, None))
        self._advance()
        self._beat()

    def _follow(self, term: int, leader: str = "") -> None:
        led = self.role == "leader"
        if term > self.log.term:
            self.log.term, self.log.vote = term, ""
        self.role, self.leader, self._heir = "follower", leader, ""
        self._reads, self._early_reads = [], []
        if led:
            self._rest()
            self._wait()

    def _beat(self) -> None:
        """The leader's heartbeat; it steps down if no majority has answered for a whole election timeout."""
        if self.role != "leader":
            return
        since = self.loop.now() - ELECTION_TIMEOUT
        if 1 + sum(seen >= since for seen in self._seen.values()) < self.majority:
            self._follow(self.log.term)
            return
        self._round += 1
        for peer in self.peers:
            self._send_append(peer)
        self._wait()

    # Messages -------------------------------------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        if isinstance(message, RequestVote):
            self._vote(message)
            return
        if message.term > self.log.term and not (isinstance(message, Vote) and message.pre and message.granted):
            self._follow(message.term)
        if isinstance(message, Vote):
            mine = message.pre == self._pre and message.term == self.log.term + self._pre
            if self.role == "candidate" and message.granted and mine:
                self._votes.add(message.sender)
                self._count()
        elif isinstance(message, Appended):
            if self.role == "leader" and message.term == self.log.term:
                self._answered(message)
        elif message.term < self.log.term:  # somebody who was leader: tell it so
            self.send(message.sender, Appended(self.log.term, self.id, False, 0, 0))
        elif isinstance(message, TimeoutNow):
            self._campaign(pre=False, transfer=True)
            self._wait()
        else:
            self._follow(message.term, message.sender)
            self._rest()
            if isinstance(message, Append):
                self._take(message)
            else:
                self._install(message)

    def _vote(self, ask: RequestVote) -> None:
        now, log = self.loop.now(), self.log
        content = self.role == "leader" or (self.leader and now < self._heard + ELECTION_TIMEOUT)
        if ask.term > log.term and content and not ask.transfer:
            return  # there is a leader: who was cut off and comes back does not disturb it
        if ask.term > log.term and not ask.pre:
            self._follow(ask.term)
        complete = (ask.last_term, ask.last) >= (log.last_term, log.last)
        if ask.pre:
            granted = complete and ask.term > log.term
            self.send(ask.sender, Vote(ask.term if granted else log.term, self.id, granted, True))
            return
        granted = complete and ask.term == log.term and log.vote in ("", ask.sender)
        if granted:
            log.vote = ask.sender
            self._rest()
        self.send(ask.sender, Vote(log.term, self.id, granted, False))

    # Replication ----------------------------------------------------------------------------------------------------

    def _send_append(self, peer: str) -> None:
        log, following = self.log, self._next[peer]
        term = log.term_at(following - 1)
        if term is None or following <= log.base:
            self.send(peer, Install(log.term, self.id, log.base, log.base_term, log.snapshot, self._round))
            self._next[peer] = log.base + 1
            return
        entries = log.after(following - 1, ENTRIES_AT_ONCE)
        self.send(peer, Append(log.term, self.id, following - 1, term, entries, self.commit, self._round))
        self._next[peer] = following + len(entries)

    def _take(self, message: Append) -> None:
        log, previous = self.log, message.previous
        known = log.term_at(previous)
        if previous >= log.base and known != message.previous_term:
            back = min(previous - 1, log.last)  # a whole term of mine may be wrong: skip it at once
            while back > self.commit and known is not None and log.term_at(back) == known:
                back -= 1
            self.send(message.sender, Appended(log.term, self.id, False, back, message.round))
            return
        log.merge(previous, message.entries)
        agreed = previous + len(message.entries)
        self._commit_to(min(message.commit, agreed))
        self.send(message.sender, Appended(log.term, self.id, True, agreed, message.round))

    def _install(self, message: Install) -> None:
        if message.last > self.commit:
            self.log.install(message.last, message.last_term, message.snapshot)
            self.machine.restore(message.snapshot)
            self.commit = self.applied = message.last
            for proposed in [index for index in self._proposals if index <= message.last]:
                del self._proposals[proposed]  # the snapshot may hold them or not: nobody can answer
        self.send(message.sender, Appended(self.log.term, self.id, True, message.last, message.round))

    def _answered(self, message: Appended) -> None:
        peer = message.sender
        self._seen[peer] = self.loop.now()
        self._acked[peer] = max(self._acked[peer], message.round)
        if message.success:
            if message.agreed > self._match[peer]:
                self._match[peer] = message.agreed
                self._advance()
            self._next[peer] = max(self._next[peer], message.agreed + 1)
            if peer == self._heir:
                self._hand_over()
        else:
            self._next[peer] = max(min(self._next[peer], message.agreed + 1), self._match[peer] + 1)
            self._send_append(peer)
        self._finish_reads()

    def _advance(self) -> None:
        """Commit what a majority has, if it is of this term: only then is it sure to stay (Raft, section 5.4.2)."""
        indexes = sorted([self.log.last, *self._match.values()], reverse=True)
        index = indexes[self.majority - 1]
        if index > self.commit and self.log.term_at(index) == self.log.term:
            self._commit_to(index)
            early, self._early_reads = self._early_reads, []
            for answer in early:
                self.read(answer)

    def _commit_to(self, index: int) -> None:
        if index <= self.commit:
            return
        self.commit = index
        while self.applied < self.commit:
            self.applied += 1
            entry = self.log.get(self.applied)
            result = self.machine.apply(entry.command) if entry.command is not None else None
            proposed = self._proposals.pop(self.applied, None)
            if proposed is not None:
                term, answer = proposed
                answer(result if term == entry.term else LOST)
        if self.applied - self.log.base >= self.snapshot_entries:
            self.log.compact(self.applied, self.machine.snapshot())

    def _finish_reads(self) -> None:
        acked = sorted([self._round, *self._acked.values()], reverse=True)[self.majority - 1]
        while self._reads and self._reads[0][0] <= acked and self._reads[0][1] <= self.applied:
            self._reads.pop(0)[2](None)
