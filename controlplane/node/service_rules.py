"""The rules by which a node sends a connection to a Service on to one of its Pods.

What kube-proxy writes into iptables or nftables is here a table from (address, port) to a `PortRule`.  The table is
data: the kernel keeps following it when kube-proxy has died.  Upstream: pkg/proxy/serviceport.go and
pkg/proxy/topology.go.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from controlplane.clock import Loop
from controlplane.node.network import REFUSED, TIMED_OUT

Obj = dict[str, Any]
Mode = Literal["random", "round-robin"]
SERVICE_NAME = "kubernetes.io/service-name"


class Backend(NamedTuple):
    """One endpoint of a Service's port."""

    ip: str
    port: int
    node: str
    zones: tuple[str, ...] = ()  # the zones and nodes that are asked to prefer it
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PortRule:
    """One port of one Service, and where connections to it may go."""

    service: str  # namespace/name
    port: str  # the port's name
    affinity: float  # seconds for which a client stays with its Pod; 0: no affinity
    internal_local: bool  # internalTrafficPolicy: Local
    external_local: bool  # externalTrafficPolicy: Local
    ready: tuple[Backend, ...]
    terminating: tuple[Backend, ...]  # on their way out but still serving: used where nothing is ready

    @property
    def zoned(self) -> bool:
        """Do its endpoints carry hints for zones?"""
        return bool(self.ready) and bool(self.ready[0].zones)

    def candidates(self, node: str, zone: str, external: bool) -> tuple[Backend, ...]:
        """Where a connection that arrives on `node` may go: upstream's CategorizeEndpoints."""
        local = self.external_local if external else self.internal_local
        if local:
            near = tuple(b for b in self.ready if b.node == node)
            return near or tuple(b for b in self.terminating if b.node == node)
        return self._preferred(node, zone) or self.ready or self.terminating

    def _preferred(self, node: str, zone: str) -> tuple[Backend, ...]:
        """What the hints of the endpoints reserve for this node or its zone, if all of them have hints."""
        if not self.zoned:
            return ()
        if all(b.nodes for b in self.ready):
            same = tuple(b for b in self.ready if node in b.nodes)
            if same:
                return same
        if not zone or not all(b.zones for b in self.ready):
            return ()
        return tuple(b for b in self.ready if zone in b.zones)


class Target(NamedTuple):
    """A rule, and whether the address that led to it is for traffic from outside the cluster."""

    rule: PortRule
    external: bool


Table = Mapping[tuple[str, int], Target]  # (address, port); the address "" stands for the node's own: a NodePort


class NodeRules:
    """What the kernel of one node knows.  kube-proxy replaces `table`; connections only read it."""

    def __init__(self, loop: Loop, node: str, mode: Mode) -> None:
        self.loop = loop
        self.node = node
        self.mode = mode
        self.zone = ""
        self.table: Table = {}
        self._rng: random.Random | None = None
        self._turns: dict[tuple[str, str], int] = {}
        self._sticky: dict[tuple[str, str, str], tuple[tuple[str, int], float]] = {}  # -> address, until when

    def route(self, ip: str, port: int, client: str) -> tuple[str, int] | str | None:
        """Where a connection to `ip`:`port` goes: (address, port), or why it fails, or None if no rule is about it.

        "" as `ip` means the node's own address.
        """
        target = self.table.get((ip, port))
        if target is None:
            return None
        rule, external = target
        choice = rule.candidates(self.node, self.zone, external)
        if not choice:
            return TIMED_OUT if (rule.external_local if external else rule.internal_local) else REFUSED
        return self._stay(rule, choice, client) if rule.affinity else self._choose(rule, choice)

    def has_local(self, ip: str, port: int) -> bool:
        """The answer of a Service's healthCheckNodePort: has this node an endpoint of its own for it?"""
        target = self.table.get((ip, port))
        return target is not None and any(b.node == self.node for b in target.rule.ready)

    def _choose(self, rule: PortRule, choice: tuple[Backend, ...]) -> tuple[str, int]:
        if self.mode == "random":
            if self._rng is None:
                self._rng = self.loop.rng(f"kube-proxy/{self.node}")
            backend = choice[int(self._rng.random() * len(choice))]
        else:
            key = (rule.service, rule.port)
            turn = self._turns[key] = self._turns.get(key, -1) + 1
            backend = choice[turn % len(choice)]
        return backend.ip, backend.port

    def _stay(self, rule: PortRule, choice: tuple[Backend, ...], client: str) -> tuple[str, int]:
        """sessionAffinity: ClientIP."""
        key, now = (rule.service, rule.port, client), self.loop.now()
        address, until = self._sticky.get(key, (("", 0), 0.0))
        if until < now or not any((b.ip, b.port) == address for b in choice):
            address = self._choose(rule, choice)
        self._sticky[key] = (address, now + rule.affinity)
        return address


def service_rules(service: Obj, slices: Iterable[Obj]) -> dict[tuple[str, int], Target]:
    """The table's rows for one Service, from its EndpointSlices."""
    spec, meta = service["spec"], service["metadata"]
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") in (None, "", "None"):
        return {}
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    inside = spec.get("clusterIPs") or [spec["clusterIP"]]
    outside = [*(spec.get("externalIPs") or ()), *(i["ip"] for i in balancer.get("ingress") or () if i.get("ip"))]
    affinity = 0.0
    if spec.get("sessionAffinity") == "ClientIP":
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        affinity = float(config.get("timeoutSeconds") or 10800)
    known = list(slices)
    rows: dict[tuple[str, int], Target] = {}
    for port in spec.get("ports") or ():
        name = port.get("name") or ""
        ready, terminating = _backends(known, name)
        rule = PortRule(
            f"{meta['namespace']}/{meta['name']}",
            name,
            affinity,
            spec.get("internalTrafficPolicy") == "Local",
            spec.get("externalTrafficPolicy") == "Local",
            ready,
            terminating,
        )
        rows.update(((ip, port["port"]), Target(rule, False)) for ip in inside)
        rows.update(((ip, port["port"]), Target(rule, True)) for ip in outside)
        if port.get("nodePort"):
            rows["", port["nodePort"]] = Target(rule, True)
    return rows


def _backends(slices: list[Obj], port_name: str) -> tuple[tuple[Backend, ...], tuple[Backend, ...]]:
    """(ready endpoints, terminating ones that still serve) of one port."""
    ready: dict[tuple[str, int], Backend] = {}
    terminating: dict[tuple[str, int], Backend] = {}
    for slice_ in slices:
        number = next((p.get("port") for p in slice_.get("ports") or () if (p.get("name") or "") == port_name), None)
        if number is None:
            continue
        for endpoint in slice_.get("endpoints") or ():
            conditions, hints = endpoint.get("conditions") or {}, endpoint.get("hints") or {}
            is_ready = conditions.get("ready") is not False
            serving = conditions.get("serving", is_ready)
            if not is_ready and not (conditions.get("terminating") and serving):
                continue
            zones = tuple(z["name"] for z in hints.get("forZones") or ())
            nodes = tuple(n["name"] for n in hints.get("forNodes") or ())
            for ip in endpoint.get("addresses") or ():
                backend = Backend(ip, number, endpoint.get("nodeName") or "", zones, nodes)
                (ready if is_ready else terminating)[ip, number] = backend
    return tuple(ready.values()), tuple(terminating.values())
