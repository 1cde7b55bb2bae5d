"""kube-proxy: turns Services and EndpointSlices into the rules of its node (upstream: pkg/proxy).

It is not on the way of any request.  It writes rules into the node's kernel, here the simulated `network`, and the
rules work on without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from controlplane.client.base import ApiError, Client
from controlplane.client.informer import InformerFactory, key_of
from controlplane.clock import Loop
from controlplane.node.service_rules import SERVICE_NAME, Mode, NodeRules, Obj, Table, Target, service_rules

MIN_SYNC = 1.0  # seconds between two rewrites of the rules, upstream's minSyncPeriod
ZONE = "topology.kubernetes.io/zone"


class RuledNetwork(Protocol):
    """What takes the rules of a node."""

    def set_rules(self, node: str, rules: NodeRules) -> None:
        """From now on `rules` hold; called again when they have changed."""


class ServiceTable:
    """The rules for all Services, kept current from informers.

    One table can serve all nodes of a process: what differs between nodes is decided when a connection is made.
    """

    def __init__(self, loop: Loop, informers: InformerFactory) -> None:
        self.loop = loop
        self.table: Table = {}  # replaced, never changed: nodes keep the one they have seen
        self.zoned = False  # has any Service ever asked to stay in a zone?
        self._services = informers.informer("services")
        self._slices = informers.informer("endpointslices.discovery.k8s.io")
        self._slices.add_index("service", _service_of)
        self._rows: dict[str, dict[tuple[str, int], Target]] = {}
        self._dirty: dict[str, None] = {}
        self._listeners: list[Callable[[], None]] = []
        self._next = 0.0  # the earliest time of the next rewrite
        self._planned = False
        self._services.add_handler(self._on_service)
        self._slices.add_handler(self._on_slice)
        self._mark("")  # the first rewrite comes even if there is nothing to write

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each rewrite of `table`."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        self._listeners.remove(listener)

    def _on_service(self, type: str, old: Obj | None, new: Obj | None) -> None:
        obj = new or old
        if obj is not None:
            self._mark(key_of(obj))

    def _on_slice(self, type: str, old: Obj | None, new: Obj | None) -> None:
        for obj in (old, new):
            if obj is not None:
                for key in _service_of(obj):
                    self._mark(key)

    def _mark(self, key: str) -> None:
        self._dirty[key] = None
        if not self._planned:
            self._planned = True
            self.loop.call_at(max(self._next, self.loop.now()), self._rewrite)

    def _rewrite(self) -> None:
        self._next = self.loop.now() + MIN_SYNC
        if not (self._services.synced and self._slices.synced):  # half the truth would cut Services off
            self.loop.call_at(self._next, self._rewrite)
            return
        self._planned = False
        dirty, self._dirty = self._dirty, {}
        table = dict(self.table)
        for key in dirty:
            for address in self._rows.pop(key, ()):
                table.pop(address, None)
        for key in dirty:
            service = self._services.get(key)
            if service is not None:
                rows = self._rows[key] = service_rules(service, self._slices.by_index("service", key))
                table.update(rows)
                self.zoned = self.zoned or any(target.rule.zoned for target in rows.values())
        self.table = table
        for listener in list(self._listeners):
            listener()


class KubeProxy:
    """kube-proxy of one node.

    It watches by itself, or shares `services`, one table for many nodes of this process.  `mode` is how it spreads
    connections: "random" as iptables and nftables do, or "round-robin" as IPVS does.
    """

    def __init__(
        self,
        loop: Loop,
        client: Client,
        node_name: str,
        network: RuledNetwork,
        *,
        services: ServiceTable | None = None,
        mode: Mode = "random",
    ) -> None:
        self.loop = loop
        self.client = client
        self.node_name = node_name
        self.network = network
        self.running = False
        self._mode: Mode = mode
        self._shared = services
        self._own: InformerFactory | None = None
        self._services: ServiceTable | None = None
        self._rules = NodeRules(loop, node_name, mode)

    def start(self) -> None:
        if self.running:
            return
        self.running = True
        self.network.set_rules(self.node_name, self._rules)
        if self._shared is not None:
            self._services = self._shared
        else:
            self._own = InformerFactory(self.loop, self.client)
            self._services = ServiceTable(self.loop, self._own)
        self._services.subscribe(self._sync)
        if self._own is not None:
            self._own.start()
        else:
            self._sync()

    def stop(self) -> None:
        """The process ends; the rules that it wrote stay in the kernel."""
        self.running = False
        if self._services is not None:
            self._services.unsubscribe(self._sync)
            self._services = None
        if self._own is not None:
            self._own.stop()
            self._own = None

    def kill(self) -> None:
        """The machine loses power, and with it the rules."""
        self.stop()
        self._rules = NodeRules(self.loop, self.node_name, self._mode)

    def _sync(self) -> None:
        if self._services is None:
            return
        if self._services.zoned and not self._rules.zone:
            self._rules.zone = self._zone()
        self._rules.table = self._services.table
        self.network.set_rules(self.node_name, self._rules)

    def _zone(self) -> str:
        """The zone of this node, for Services that ask to stay close."""
        try:
            labels: dict[str, Any] = self.client.get("nodes", self.node_name)["metadata"].get("labels") or {}
        except ApiError:
            return ""
        return str(labels.get(ZONE, ""))


def _service_of(slice_: Obj) -> list[str]:
    """The key of the Service that an EndpointSlice belongs to."""
    meta = slice_["metadata"]
    name = (meta.get("labels") or {}).get(SERVICE_NAME)
    return [f"{meta['namespace']}/{name}"] if name else []
