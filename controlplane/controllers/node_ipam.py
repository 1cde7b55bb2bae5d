"""Node IPAM: gives each node a range of Pod addresses (upstream: pkg/controller/nodeipam, the range allocator)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import Obj
from controlplane.controllers.base import Controller

FIRST, RANGES = "10.244.{}.0/24", 256  # --cluster-cidr=10.244.0.0/16, --node-cidr-mask-size=24


class NodeIpamController(Controller):
    """Sets `spec.podCIDR` of nodes that have none to the lowest free range."""

    name = "cidrAllocator"
    watches: ClassVar = {"nodes": "self"}

    def prepare(self) -> None:
        self.nodes = self.informer("nodes")
        self._given: dict[str, str] = {}  # node -> range, as far as the cache may not show it yet

    def reconcile(self, key: str) -> float | None:
        node = self.nodes.get(key)
        if node is None or node["spec"].get("podCIDR"):
            self._given.pop(key, None)
            return None
        cidr = self._given.get(key) or self._free()
        if cidr is None:
            self._say(node)
            return 30.0
        self._given[key] = cidr
        self.client.patch("nodes", key, {"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}, type="strategic")
        return None

    def _free(self) -> str | None:
        taken = set(self._given.values()) | {node["spec"].get("podCIDR", "") for node in self.nodes.list()}
        return next((cidr for n in range(RANGES) if (cidr := FIRST.format(n)) not in taken), None)

    def _say(self, node: Obj) -> None:
        name = node["metadata"]["name"]
        self.event(node, "Normal", "CIDRNotAvailable", f"Node {name} status is now: CIDRNotAvailable")
