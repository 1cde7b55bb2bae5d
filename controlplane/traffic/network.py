"""The simulated network: who answers at which address, which links are up, and how long a request is on its way.

Places are node names, plus `OUTSIDE` for the Internet and `EDGE` for where load balancers and Ingress controllers
stand. A connection fails as on a real network: refused where a machine is up but nobody listens, timed out where
nothing answers. *Note*: one request is one connection; bandwidth, packet loss, keep-alive and Pods on the host
network are left out here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from controlplane.clock import Loop, Timer

OUTSIDE = "internet"
EDGE = "edge"
SAME_PLACE, BETWEEN_NODES, FROM_OUTSIDE = 0.0001, 0.0005, 0.010  # seconds, one way
CONNECT_TIMEOUT = 5.0  # seconds; until a client gives up to connect
TIMEOUT = 30.0  # seconds; until it gives up to wait for the answer
REFUSED, TIMED_OUT, NO_ROUTE = "connection refused", "i/o timeout", "no such host"
NO_ANSWER = "timeout awaiting response"


class Answer(NamedTuple):
    """How a request ended.  `status` is 0 if no answer came, and `error` says why."""

    status: int
    body: str = ""
    version: str = ""
    pod: str = ""  # namespace/name of the Pod that answered
    node: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 400


Reply = Callable[[Answer], None]
RawReply = Callable[[int, str, str], None]  # (status, body, version) as Pods answer; status 0: body is the error


class Endpoint(Protocol):
    """What answers at a Pod's address: see node/network.py, the other side of this seam."""

    def serve(self, port: int, host: str, path: str, client: str, reply: RawReply) -> None: ...


class Rules(Protocol):
    """A node's rules for Service addresses, written by its kube-proxy."""

    def route(self, ip: str, port: int, client: str) -> tuple[str, int] | str | None: ...
    def has_local(self, ip: str, port: int) -> bool: ...


class Gateway(Protocol):
    """What answers at an address outside the cluster: a load balancer, an Ingress controller."""

    def accept(self, ip: str, port: int, host: str, path: str, client: str, reply: Reply) -> None: ...


class _Place(NamedTuple):
    node: str
    pod: str
    endpoint: Endpoint


class Network:
    """The network of one cluster.  Cut and heal links by hand; runtimes and proxies plug themselves in."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.names: dict[str, str] = {}  # host name -> address, known to everybody
        self.resolver: Callable[[str], str | None] | None = None  # what cluster DNS answers inside the cluster
        self._pods: dict[str, _Place] = {}
        self._addresses: dict[str, str] = {}  # a node's own address -> its name
        self._up: dict[str, bool] = {}
        self._rules: dict[str, Rules] = {}
        self._gateways: dict[str, Gateway] = {}
        self._cuts: set[frozenset[str]] = set()
        self._subnets: dict[str, str] = {}

    # What nodes plug in (node/network.py) ---------------------------------------------------------------------------

    def subnet(self, node: str) -> str:
        """A range of addresses for a node whose Node has none: the next free one, the same again when asked again.

        They are not those that the node IPAM controller hands out (10.244.0.0/16).
        """
        if node not in self._subnets:
            second, third = divmod(len(self._subnets), 256)
            self._subnets[node] = f"10.{200 + second}.{third}.0/24"
        return self._subnets[node]

    def attach(self, ip: str, node: str, pod: str, endpoint: Endpoint) -> None:
        self._pods[ip] = _Place(node, pod, endpoint)

    def detach(self, ip: str) -> None:
        self._pods.pop(ip, None)

    def node_up(self, node: str) -> None:
        self._up[node] = True

    def node_down(self, node: str) -> None:
        self._up[node] = False
        self._rules.pop(node, None)

    def set_rules(self, node: str, rules: Rules) -> None:
        self._rules[node] = rules

    def rules(self, node: str) -> Rules | None:
        return self._rules.get(node)

    def set_address(self, node: str, ip: str) -> None:
        """The node's own address, at which its NodePorts answer."""
        self._addresses[ip] = node

    def set_gateway(self, ip: str, gateway: Gateway | None) -> None:
        """From now on `gateway` answers at `ip`; None for nobody."""
        if gateway is None:
            self._gateways.pop(ip, None)
        else:
            self._gateways[ip] = gateway

    # Links ----------------------------------------------------------------------------------------------------------

    def cut(self, a: str, b: str) -> None:
        """Nothing gets through between two places (node names, OUTSIDE, EDGE) until `heal`."""
        self._cuts.add(frozenset((a, b)))

    def heal(self, a: str, b: str) -> None:
        self._cuts.discard(frozenset((a, b)))

    def is_up(self, node: str) -> bool:
        return self._up.get(node, False)

    def reachable(self, a: str, b: str) -> bool:
        """Does anything that `a` sends arrive at `b`?"""
        if not (self._up.get(a, a in (OUTSIDE, EDGE)) and self._up.get(b, b in (OUTSIDE, EDGE))):
            return False
        return not self._cuts or a == b or frozenset((a, b)) not in self._cuts

    def latency(self, a: str, b: str) -> float:
        """Seconds from `a` to `b`."""
        if a == b:
            return SAME_PLACE
        return FROM_OUTSIDE if OUTSIDE in (a, b) else BETWEEN_NODES

    # Requests -------------------------------------------------------------------------------------------------------

    def resolve(self, host: str, source: str = OUTSIDE) -> str | None:
        """The address of a host name, or of an address itself, for a client at `source`; None if nobody knows it."""
        if host.replace(".", "").isdigit():
            return host
        if self.resolver is not None and source != OUTSIDE:
            found = self.resolver(host)
            if found is not None:
                return found
        return self.names.get(host)

    def request(
        self,
        source: str,
        ip: str,
        port: int,
        host: str,
        path: str,
        client: str,
        reply: Reply,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        timeout: float = TIMEOUT,
    ) -> None:
        """Send a request from the place `source` to `ip`:`port`; `reply` hears of its end, later.

        `host` and `path` are what an HTTP request names, `client` the address it comes from.
        """
        gateway = self._gateways.get(ip)
        if gateway is not None:
            if not self.reachable(source, EDGE):
                self._fail(reply, TIMED_OUT, connect_timeout)
                return
            exchange = _Exchange(self, source, EDGE, reply, "", timeout)
            self.loop.call_later(
                self.latency(source, EDGE), gateway.accept, ip, port, host, path, client, exchange.answered
            )
            return
        node = self._addresses.get(ip)
        if node is not None:
            if not self.reachable(source, node):
                self._fail(reply, TIMED_OUT, connect_timeout)
                return
            self.via_node(source, node, "", port, host, path, client, reply, connect_timeout, timeout)
            return
        if source in self._up and ip not in self._pods:
            self.via_node(source, source, ip, port, host, path, client, reply, connect_timeout, timeout)
            return
        self._to_pod(source, source, ip, port, host, path, client, reply, connect_timeout, timeout)

    def via_node(
        self,
        source: str,
        node: str,
        ip: str,
        port: int,
        host: str,
        path: str,
        client: str,
        reply: Reply,
        connect_timeout: float = CONNECT_TIMEOUT,
        timeout: float = TIMEOUT,
    ) -> None:
        """Arrive on `node` for an address that its rules know; `ip` "" is the node's own."""
        rules = self._rules.get(node)
        target = rules.route(ip, port, client) if rules is not None else None
        if isinstance(target, tuple):
            self._to_pod(source, node, *target, host, path, client, reply, connect_timeout, timeout)
        elif target == REFUSED or (target is None and not ip):
            self._fail(reply, REFUSED, 2 * self.latency(source, node))
        else:
            self._fail(reply, TIMED_OUT, connect_timeout)

    def _to_pod(
        self,
        source: str,
        via: str,
        ip: str,
        port: int,
        host: str,
        path: str,
        client: str,
        reply: Reply,
        connect_timeout: float,
        timeout: float,
    ) -> None:
        place = self._pods.get(ip)
        if (source == OUTSIDE and via == OUTSIDE) or place is None or not self.reachable(via, place.node):
            self._fail(reply, TIMED_OUT, connect_timeout)  # Pod addresses mean nothing outside the cluster
            return
        way = self.latency(via, place.node) + (self.latency(source, via) if source != via else 0.0)
        exchange = _Exchange(self, via, place.node, reply, place.pod, timeout, way)
        self.loop.call_later(way, self._arrive, ip, place, port, host, path, client, exchange)

    def _arrive(
        self, ip: str, place: _Place, port: int, host: str, path: str, client: str, exchange: _Exchange
    ) -> None:
        if self._pods.get(ip) is place:
            place.endpoint.serve(port, host, path, client, exchange.raw)
        elif self.is_up(place.node):
            exchange.raw(0, REFUSED, "")

    def _fail(self, reply: Reply, error: str, delay: float) -> None:
        self.loop.call_later(delay, reply, Answer(0, error=error))


class _Exchange:
    """A request that is under way: its answer, or the client's patience, ends it."""

    __slots__ = ("network", "here", "there", "reply", "pod", "way", "timer", "done")

    def __init__(
        self, network: Network, here: str, there: str, reply: Reply, pod: str, timeout: float, way: float | None = None
    ) -> None:
        self.network = network
        self.here = here
        self.there = there
        self.reply = reply
        self.pod = pod
        self.way = network.latency(here, there) if way is None else way
        self.done = False
        self.timer: Timer = network.loop.call_later(timeout, self._expired)

    def raw(self, status: int, body: str, version: str) -> None:
        """A Pod's answer."""
        if status:
            self.answered(Answer(status, body, version, self.pod, self.there))
        else:
            self.answered(Answer(0, "", version, self.pod, self.there, body))

    def answered(self, answer: Answer) -> None:
        network = self.network
        if not self.done and network.reachable(self.there, self.here):  # else it is lost on the way back
            self.done = True
            self.timer.cancel()
            network.loop.call_later(self.way, self.reply, answer)

    def _expired(self) -> None:
        if not self.done:
            self.done = True
            self.reply(Answer(0, pod=self.pod, node=self.there if self.pod else "", error=NO_ANSWER))
