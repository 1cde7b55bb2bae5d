"""The network between the members: it delays, drops, doubles and reorders messages, and can be cut, all by seed."""

from __future__ import annotations

from collections.abc import Callable

from controlplane.clock import Loop
from controlplane.etcd.raft_messages import Message


class RaftNetwork:
    """`delay` is the shortest and the longest time that a message takes; `drop` and `double` are probabilities."""

    def __init__(
        self, loop: Loop, delay: tuple[float, float] = (0.001, 0.001), drop: float = 0.0, double: float = 0.0
    ) -> None:
        self.loop = loop
        self.delay = delay
        self.drop = drop
        self.double = double
        self.receivers: dict[str, Callable[[Message], None]] = {}  # members that are up
        self._cut: set[tuple[str, str]] = set()
        self._rng = loop.rng("etcd/network")

    def send(self, sender: str, to: str, message: Message) -> None:
        if self.drop and self._rng.random() < self.drop:
            return
        copies = 2 if self.double and self._rng.random() < self.double else 1
        low, high = self.delay
        for _ in range(copies):
            delay = low if low == high else self._rng.uniform(low, high)
            self.loop.call_later(delay, self._arrive, sender, to, message)

    def _arrive(self, sender: str, to: str, message: Message) -> None:
        receive = self.receivers.get(to)
        if receive is not None and (sender, to) not in self._cut:
            receive(message)

    def cut(self, a: str, b: str) -> None:
        """No message passes between two members, either way."""
        self._cut |= {(a, b), (b, a)}

    def heal(self, a: str, b: str) -> None:
        self._cut -= {(a, b), (b, a)}

    def heal_all(self) -> None:
        self._cut.clear()
