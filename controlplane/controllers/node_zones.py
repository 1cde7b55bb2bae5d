"""How fast nodes of a zone may be emptied (upstream: pkg/controller/nodelifecycle, scheduler/rate_limited_queue.go)."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.client.base import Obj

RATE = 0.1  # nodes a second; --node-eviction-rate
SECONDARY_RATE = 0.01  # --secondary-node-eviction-rate, of a large zone that is partly down
LARGE = 50  # nodes; --large-cluster-size-threshold
UNHEALTHY = 0.55  # --unhealthy-zone-threshold


class Zone:
    """Nodes that wait for their NoExecute taint, and a bucket that fills with one token every ten seconds."""

    def __init__(self, now: float) -> None:
        self.state = "Initial"
        self.rate = RATE
        self.waiting: dict[str, None] = {}
        self._tokens = 1.0
        self._at = now

    def enter(self, state: str, size: int, all_down: bool) -> None:
        """Set the rate for a state: none where everything is down, little where much is."""
        self.state = state
        if all_down:
            self.rate = 0.0
        elif state == "PartialDisruption":
            self.rate = SECONDARY_RATE if size > LARGE else 0.0
        else:
            self.rate = RATE

    def take(self, now: float) -> bool:
        """A token, if there is one."""
        self._tokens = min(self._tokens + (now - self._at) * self.rate, 1.0)
        self._at = now
        if self.rate and self._tokens >= 1.0 - 1e-9:
            self._tokens -= 1.0
            return True
        return False


def zone_of(node: Obj) -> str:
    """Region and zone as one key; "" where a node says neither."""
    labels = node["metadata"].get("labels") or {}
    region, zone = labels.get("topology.kubernetes.io/region", ""), labels.get("topology.kubernetes.io/zone", "")
    return f"{region}:\0:{zone}" if region or zone else ""


def zone_state(ready: Sequence[str | None]) -> str:
    """How a zone is, from the Ready conditions of its nodes (ComputeZoneState)."""
    up = sum(state == "True" for state in ready)
    down = len(ready) - up
    if not up and down:
        return "FullDisruption"
    if down > 2 and down / len(ready) >= UNHEALTHY:
        return "PartialDisruption"
    return "Normal"
