"""What a cloud does for Services of type LoadBalancer: an address from a pool, and packets from it to a node.

The balancer knows nothing of Pods.  It picks a node that its health checks find alive (for externalTrafficPolicy:
Local, one that has a Pod of the Service), and the rules of that node do the rest.  Upstream: cloud-provider's service
controller.  *Note*: the finalizer that keeps a Service until its balancer is gone is left out here.
"""

from __future__ import annotations

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.events import EventRecorder
from controlplane.client.informer import InformerFactory, key_of
from controlplane.clock import Loop
from controlplane.traffic.network import CONNECT_TIMEOUT, EDGE, TIMED_OUT, Answer, Network, Reply

POOL = "203.0.113.{}"  # RFC 5737's third range for documentation
FIRST, LAST = 100, 254
CHECK = 2.0  # seconds between two health checks of a node
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
RETRY = 10.0


class LoadBalancer:
    """The load balancers of one cluster, with addresses of `pool`.  `informers` may be shared."""

    def __init__(
        self,
        loop: Loop,
        client: Client,
        network: Network,
        *,
        informers: InformerFactory | None = None,
        pool: str = POOL,
    ) -> None:
        self.loop = loop
        self.pool = pool
        self.client = client
        self.network = network
        self.running = False
        self._healthy: dict[str, list[str]] = {}  # service key -> the nodes that passed the last health check
        self._shared = informers
        self._own: InformerFactory | None = None
        self._addresses: dict[str, str] = {}  # service key -> address
        self._recorder = EventRecorder(loop, client, "service-controller")
        self._rng = loop.rng("load-balancer")
        self._epoch = 0

    def start(self) -> None:
        if self.running:
            return
        self.running = True
        self._epoch += 1
        informers = self._shared or InformerFactory(self.loop, self.client)
        self._own = informers if self._shared is None else None
        self._services = informers.informer("services")
        self._nodes = informers.informer("nodes")
        self._services.add_handler(self._changed)
        informers.start()

    def stop(self) -> None:
        """The controller ends.  The balancers that it set up stay, with the nodes that they knew."""
        self.running = False
        self._epoch += 1
        if self._own is not None:
            self._own.stop()

    # Addresses ------------------------------------------------------------------------------------------------------

    def _changed(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if not self.running:
            return
        if new is None or new["spec"].get("type") != "LoadBalancer" or new["spec"].get("loadBalancerClass"):
            gone = new if new is not None else old
            if gone is not None:
                self._release(key_of(gone), new)
            return
        key, status = key_of(new), new.get("status") or {}
        if key not in self._addresses:
            self._recorder.event(new, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer")
            self._addresses[key] = self._free(status, new["spec"].get("loadBalancerIP"))
            self.network.set_gateway(self._addresses[key], self)
            if len(self._addresses) == 1:
                self._check(self._epoch)
            self._recorder.event(new, "Normal", "EnsuredLoadBalancer", "Ensured load balancer")
        self._report(new, {"ingress": [{"ip": self._addresses[key], "ipMode": "VIP"}]})

    def _free(self, status: Obj, wanted: str | None) -> str:
        """The address that the Service has, the one it asks for, or the next of the pool."""
        taken = set(self._addresses.values())
        had: list[str] = [i["ip"] for i in (status.get("loadBalancer") or {}).get("ingress") or () if i.get("ip")]
        pool = [self.pool.format(n) for n in range(FIRST, LAST + 1)]
        return next(ip for ip in (*had, *([wanted] if wanted else []), *pool) if ip not in taken)

    def _release(self, key: str, service: Obj | None) -> None:
        address = self._addresses.pop(key, None)
        if address is not None:
            self.network.set_gateway(address, None)
            if service is not None:
                self._report(service, {})

    def _report(self, service: Obj, wanted: Obj) -> None:
        status = service.get("status") or {}
        if (status.get("loadBalancer") or {}) == wanted:
            return
        try:
            self.client.update_status({**service, "status": {**status, "loadBalancer": wanted}})
        except ApiError as error:
            if not error.conflict and not error.not_found:  # else the watch brings the newer one
                self.loop.call_later(RETRY, self._again, key_of(service))

    def _again(self, key: str) -> None:
        service = self._services.get(key)
        if self.running and service is not None:
            self._changed("MODIFIED", None, service)

    # Traffic --------------------------------------------------------------------------------------------------------

    def _check(self, epoch: int) -> None:
        """Ask every node whether it is there; goes on as long as there is anything to balance."""
        if epoch != self._epoch or not self._addresses:
            return
        nodes = [
            node["metadata"]["name"]
            for node in self._nodes.list()
            if EXCLUDED not in (node["metadata"].get("labels") or {})
            and self.network.reachable(EDGE, node["metadata"]["name"])
        ]
        self._healthy = {key: self._fit(key, address, nodes) for key, address in self._addresses.items()}
        self.loop.call_later(CHECK, self._check, epoch)

    def _fit(self, key: str, address: str, nodes: list[str]) -> list[str]:
        """Of the nodes that answer, those that may get connections for a Service (its healthCheckNodePort says so)."""
        service = self._services.get(key)
        if service is None or service["spec"].get("externalTrafficPolicy") != "Local":
            return nodes
        port = service["spec"]["ports"][0]["port"]
        rules = {node: self.network.rules(node) for node in nodes}
        return [node for node, known in rules.items() if known is not None and known.has_local(address, port)]

    def accept(self, ip: str, port: int, host: str, path: str, client: str, reply: Reply) -> None:
        """A connection from outside."""
        key = next((key for key, address in self._addresses.items() if address == ip), "")
        nodes = self._healthy.get(key)
        if not nodes:
            self.loop.call_later(CONNECT_TIMEOUT, reply, Answer(0, error=TIMED_OUT))
            return
        node = nodes[int(self._rng.random() * len(nodes))]
        if self.network.reachable(EDGE, node):
            self.network.via_node(EDGE, node, ip, port, host, path, client, reply)
        else:  # it died since the last health check
            self.loop.call_later(CONNECT_TIMEOUT, reply, Answer(0, node=node, error=TIMED_OUT))
