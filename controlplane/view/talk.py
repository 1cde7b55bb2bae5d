"""A small network that remembers who said what, for members that a notebook builds: every message takes 10 ms."""

from __future__ import annotations

from typing import Any

from controlplane.clock import Loop
from controlplane.view.messages import LOST, Step

DELAY = 0.01  # seconds


class Talk:
    """Members are known by name, and have `receive(sender, what, term, *content)`; those in `cut` are cut off."""

    def __init__(self, quorum: int = 2) -> None:
        self.loop = Loop()
        self.quorum = quorum  # how many members must agree
        self.members: dict[str, Any] = {}
        self.cut: set[str] = set()
        self.said: list[Step] = []

    def tell(self, sender: str, to: str, what: str, term: int, *content: Any) -> None:
        lost = sender in self.cut or to in self.cut
        self.said.append((sender, to, f"{LOST if lost else ''}{what} (term {term})"))
        if not lost:
            self.loop.call_later(DELAY, self.members[to].receive, sender, what, term, *content)

    def tell_others(self, sender: str, what: str, term: int, *content: Any) -> None:
        for name in self.members:
            if name != sender:
                self.tell(sender, name, what, term, *content)
