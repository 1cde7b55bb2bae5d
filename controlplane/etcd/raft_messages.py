"""What the members of a cluster say to each other (Raft, figure 2; etcd: raft/raftpb)."""

from __future__ import annotations

from typing import Any, NamedTuple

from controlplane.etcd.raft_log import Entry


class RequestVote(NamedTuple):
    """Will you vote for me?  `pre` only asks whether you would; `transfer` says that the leader wants it."""

    term: int
    sender: str
    last: int
    last_term: int
    pre: bool
    transfer: bool


class Vote(NamedTuple):
    term: int
    sender: str
    granted: bool
    pre: bool


class Append(NamedTuple):
    """The entries that follow `previous`, possibly none; `round` counts the leader's heartbeats."""

    term: int
    sender: str
    previous: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit: int
    round: int


class Install(NamedTuple):
    """A snapshot up to an entry, for a follower that lacks entries which the leader no longer has."""

    term: int
    sender: str
    last: int
    last_term: int
    snapshot: Any
    round: int


class Appended(NamedTuple):
    """`agreed` is up to where the logs agree if `success`, else up to where they may agree at most."""

    term: int
    sender: str
    success: bool
    agreed: int
    round: int


class TimeoutNow(NamedTuple):
    """Stand for election at once: the leader hands over."""

    term: int
    sender: str


Message = RequestVote | Vote | Append | Install | Appended | TimeoutNow
