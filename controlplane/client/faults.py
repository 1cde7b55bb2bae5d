"""Clients whose watches misbehave, to try controllers with: events that are lost, repeated, or late.

A real watch loses its events in one piece, while a controller is down or its connection is, and repeats what it told
before when the controller lists again.  One event at a time is the same, more often.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from controlplane.client.base import Client, EventHandler, Obj, Watch
from controlplane.client.link import Link, LinkedClient
from controlplane.clock import Loop

LATEST = 0.1


class FaultyClient(LinkedClient):
    """`inner`, with something between its watches and their handlers; what is random comes from `loop` and `name`."""

    def __init__(self, loop: Loop, inner: Client, name: str = "") -> None:
        super().__init__(inner, Link(loop))
        self.loop = loop
        self.rng = loop.rng(f"faults/{type(self).__name__}/{name}")

    def watch(self, resource: str, handler: EventHandler, *args: Any, **how: Any) -> Watch:
        return super().watch(resource, self.faulty(handler), *args, **how)

    @abstractmethod
    def faulty(self, handler: EventHandler) -> EventHandler:
        """What hears the events in place of `handler`, and calls it."""


class UnreliableClient(FaultyClient):
    """Each event is told 0, 1 or 2 times."""

    def faulty(self, handler: EventHandler) -> EventHandler:
        def tell(type: str, obj: Obj) -> None:
            for _ in range(self.rng.randrange(3)):
                handler(type, obj)

        return tell


class SlowClient(FaultyClient):
    """The events of a watch arrive in order, each up to LATEST seconds after the one before it."""

    def faulty(self, handler: EventHandler) -> EventHandler:
        free = [0.0]  # when the last event so far will have arrived

        def tell(type: str, obj: Obj) -> None:
            free[0] = max(free[0], self.loop.now()) + self.rng.uniform(0, LATEST)
            self.loop.call_at(free[0], handler, type, obj)

        return tell
