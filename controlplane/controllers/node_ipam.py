"""Node IPAM: gives each node a range of Pod addresses (upstream: pkg/controller/nodeipam, the range allocator)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import Obj
from controlplane.controllers.base import Controller

RANGES = 1024  # --cluster-cidr=10.244.0.0/14, --node-cidr-mask-size=24


def _range(number: int) -> str:
    """
    >>> _range(257)
    '10.245.1.0/24'
    """
    second, third = divmod(number, 256)
    return f"10.{244 + second}.{third}.0/24"


class NodeIpamController(Controller):
    """Sets `spec.podCIDR` of nodes that have none to the lowest free range."""

    name = "cidrAllocator"
    watches: ClassVar = {"nodes": "on_node"}

    def prepare(self) -> None:
        self.nodes = self.informer("nodes")
        self.nodes.add_index("podCIDR", lambda node: [node["spec"].get("podCIDR", "")])
        self._given: dict[str, str] = {}  # node -> range, as far as the cache may not show it yet
        self._lowest = 0  # all ranges below are taken

    def on_node(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        """A node without a range; of heartbeats it hears nothing."""
        if new is None:
            self._lowest = 0
            self._given.pop((old or {})["metadata"]["name"], None)
            return []
        name = new["metadata"]["name"]
        return [name] if not new["spec"].get("podCIDR") or name in self._given else []

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
        promised = set(self._given.values()) if self._lowest == 0 else ()
        for number in range(self._lowest, RANGES):
            cidr = _range(number)
            if cidr not in promised and not self.nodes.by_index("podCIDR", cidr):
                self._lowest = number + 1
                return cidr
        return None

    def _say(self, node: Obj) -> None:
        name = node["metadata"]["name"]
        self.event(node, "Normal", "CIDRNotAvailable", f"Node {name} status is now: CIDRNotAvailable")
