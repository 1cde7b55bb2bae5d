"""What a node needs of the network it is plugged into.

`traffic` implements both sides; a node never imports it.  Only plain values cross, so that neither room knows the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Reply = Callable[[int, str, str], None]  # (HTTP status, body, version of the app); status 0: no answer, body says why

REFUSED = "connection refused"
RESET = "connection reset by peer"
TIMED_OUT = "i/o timeout"


class Endpoint(Protocol):
    """What answers at a Pod's address."""

    def serve(self, port: int, host: str, path: str, client: str, reply: Reply) -> None:
        """Take one request; call `reply` once, or never if the answer is lost with the container's machine."""


class PodNetwork(Protocol):
    """What a runtime needs: addresses for Pods, and somebody to carry requests to them."""

    def subnet(self, node: str) -> str:
        """The address range of a node that was given none: "10.200.3.0/24"."""

    def attach(self, ip: str, node: str, pod: str, endpoint: Endpoint) -> None:
        """From now on `endpoint`, the Pod `namespace/name` on `node`, answers at `ip`."""

    def detach(self, ip: str) -> None:
        """Nobody answers at `ip` any more."""

    def node_down(self, node: str) -> None:
        """The machine lost power: nothing on it sends or receives, its rules and Pods are gone."""

    def node_up(self, node: str) -> None:
        """The machine is there: plugged in, or back."""
