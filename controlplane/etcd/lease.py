"""Leases: keys that go when their owner stops saying that it is alive (etcd: server/lease/lessor.go).

A lease has a time to live.  `renew` starts it again; when it runs out, or on `revoke`, the keys attached to it are
deleted in one revision.  Time is the loop's: a clock that jumps ends leases early or late, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from controlplane.clock import Loop, Timer
from controlplane.etcd.api import LeaseExists, LeaseNotFound, LeaseTTLTooLarge

MIN_TTL = 2  # seconds; etcd: one and a half election timeouts of 1 s, rounded up
MAX_TTL = 9_000_000_000  # seconds


class Lease:
    """One lease, and the keys attached to it now."""

    __slots__ = ("id", "ttl", "deadline", "keys", "timer")

    def __init__(self, id: int, ttl: int) -> None:
        self.id = id
        self.ttl = ttl
        self.deadline = 0.0
        self.keys: set[bytes] = set()
        self.timer: Timer | None = None


class LeaseState(NamedTuple):
    """What LeaseTimeToLive answers: `ttl` is the whole seconds left, -1 if there is no such lease."""

    ttl: int
    granted: int
    keys: list[bytes]


class Lessor:
    """All leases of a store.

    `expired(id)` is called when a lease runs out, and is to revoke it.  Without a loop no lease ever runs out: that is
    for a store which only follows what another one decides.
    """

    def __init__(self, loop: Loop | None, expired: Callable[[int], None]) -> None:
        self.loop = loop
        self.expired = expired
        self.leases: dict[int, Lease] = {}
        self._next = loop.rng("etcd/leases") if loop is not None else None

    def __contains__(self, id: int) -> bool:
        return id in self.leases

    def new_id(self) -> int:
        """An ID that is free, for a client that asks for none."""
        while True:
            id = self._next.getrandbits(62) + 1 if self._next is not None else max(self.leases, default=0) + 1
            if id not in self.leases:
                return id

    def check(self, id: int, ttl: int) -> None:
        """Raises what `grant` would."""
        if ttl > MAX_TTL:
            raise LeaseTTLTooLarge
        if id in self.leases:
            raise LeaseExists

    def grant(self, id: int, ttl: int) -> Lease:
        """A new lease; a TTL that is too short is made longer."""
        self.check(id, ttl)
        lease = self.leases[id] = Lease(id, max(ttl, MIN_TTL))
        self._restart(lease)
        return lease

    def renew(self, id: int) -> int:
        """Start the lease's time again; returns its TTL."""
        lease = self.find(id)
        self._restart(lease)
        return lease.ttl

    def find(self, id: int) -> Lease:
        lease = self.leases.get(id)
        if lease is None:
            raise LeaseNotFound
        return lease

    def state(self, id: int) -> LeaseState:
        lease = self.leases.get(id)
        if lease is None:
            return LeaseState(-1, 0, [])
        left = lease.ttl if self.loop is None else max(int(lease.deadline - self.loop.now()), 0)
        return LeaseState(left, lease.ttl, sorted(lease.keys))

    def forget(self, id: int) -> None:
        """The lease is revoked, its keys are deleted."""
        lease = self.leases.pop(id)
        if lease.timer is not None:
            lease.timer.cancel()

    def move(self, key: bytes, old: int, new: int) -> None:
        """A key leaves one lease for another; 0 is none."""
        if old in self.leases:
            self.leases[old].keys.discard(key)
        if new in self.leases:
            self.leases[new].keys.add(key)

    def start(self, loop: Loop) -> None:
        """Time counts from now on: every lease has its whole TTL again, as after an election."""
        self.loop = loop
        for lease in self.leases.values():
            self._restart(lease)

    def stop(self) -> None:
        """No lease runs out any more."""
        self.loop = None
        for lease in self.leases.values():
            if lease.timer is not None:
                lease.timer.cancel()

    def _restart(self, lease: Lease) -> None:
        if lease.timer is not None:
            lease.timer.cancel()
        if self.loop is not None:
            lease.deadline = self.loop.now() + lease.ttl
            lease.timer = self.loop.call_at(lease.deadline, self._ended, lease)

    def _ended(self, lease: Lease) -> None:
        if self.leases.get(lease.id) is lease:
            self.expired(lease.id)
