"""What a strategy may know of the request and of the rest of the store."""

from __future__ import annotations

import random
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from controlplane.apiserver.fields import FieldError, invalid
from controlplane.apiserver.validation.network import LOOPBACK

NODE_PORTS = (30000, 32767)


def _never(_: object) -> bool:
    return False


@dataclass(slots=True)
class Context:
    """`cluster_ip_used` and `node_port_used` say whether a Service has the address or port already.

    `service_net` is the first two parts of the Services' addresses.  A context serves one request: `errors` carries
    what went wrong in preparing the object to its validation.
    """

    now: float
    rng: random.Random
    user: str = ""
    cluster_ip_used: Callable[[str], bool] = _never
    node_port_used: Callable[[int], bool] = _never
    service_net: str = "10.96"
    errors: list[FieldError] = field(default_factory=list)

    def tolerate(self, errors: list[FieldError]) -> list[FieldError]:
        """The errors that count: a cluster that lives on the computer's loopback addresses may name them."""
        if not self.service_net.startswith("127."):
            return errors
        return [error for error in errors if not error.message.endswith(LOOPBACK)]

    def allocate_cluster_ip(self) -> str | None:
        """A free address, or None when there is none left; the first ones are kept for those who ask for them."""
        for _ in range(64):
            ip = f"{self.service_net}.{self.rng.randrange(1, 255)}.{self.rng.randrange(1, 255)}"
            if not self.cluster_ip_used(ip):
                return ip
        for third in range(255):
            for fourth in range(1, 255):
                ip = f"{self.service_net}.{third}.{fourth}"
                if not self.cluster_ip_used(ip):
                    return ip
        return None

    def allocate_node_port(self, besides: Container[int] = ()) -> int | None:
        """A free port that is not among `besides`, or None when there is none left."""
        low, high = NODE_PORTS

        def free(port: int) -> bool:
            return port not in besides and not self.node_port_used(port)

        for _ in range(64):
            if free(port := self.rng.randint(low, high)):
                return port
        return next((p for p in range(low, high + 1) if free(p)), None)

    def claim_cluster_ip(self, ip: str, path: str) -> list[FieldError]:
        """What is wrong with an address that the client chose."""
        shown = [ip]
        if not ip.startswith(self.service_net + "."):
            return [
                invalid(
                    path,
                    shown,
                    f"failed to allocate IP {ip}: the provided IP ({ip}) is not in the valid "
                    f"range. The range of valid IPs is {self.service_net}.0.0/16",
                )
            ]
        if self.cluster_ip_used(ip):
            return [invalid(path, shown, f"failed to allocate IP {ip}: provided IP is already allocated")]
        return []

    def claim_node_port(self, port: int, path: str) -> list[FieldError]:
        low, high = NODE_PORTS
        if not low <= port <= high:
            return [
                invalid(
                    path, port, f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
                )
            ]
        if self.node_port_used(port):
            return [invalid(path, port, "provided port is already allocated")]
        return []
