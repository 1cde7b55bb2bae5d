"""An Ingress controller: a reverse proxy at the edge of the cluster that Ingress objects configure.

It balances over the endpoints of a Service itself, round robin, as ingress-nginx does, and not through the cluster
IP.  Like nginx (proxy_next_upstream "error timeout") it tries the next Pod, up to three in all, when one refuses the
connection, cannot be connected to in 5 s, or breaks the connection off; clients in front of it see none of that.  It
answers 404 where no rule matches, 503 where a Service has no endpoints, 502 where all attempts failed and 504 where
the answer took too long.
"""

from __future__ import annotations

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.informer import InformerFactory
from controlplane.clock import Loop
from controlplane.traffic.endpoints import Address, ServiceEndpoints
from controlplane.traffic.ingress_rules import Backend, Routes
from controlplane.traffic.network import EDGE, NO_ANSWER, Answer, Network, Reply

CONTROLLER = "controlplane.example/ingress"  # what an IngressClass names in spec.controller
ADDRESS = "203.0.113.1"  # RFC 5737's third range for documentation
TRIES = 3
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 60.0  # seconds, ingress-nginx's defaults
RETRY = 10.0  # seconds until a status that could not be written is tried again


class IngressController:
    """One Ingress controller, reachable at `address`.

    It serves the Ingresses whose class names `controller`, and those without a class.  `informers` may be shared.
    """

    def __init__(
        self,
        loop: Loop,
        client: Client,
        network: Network,
        *,
        address: str = ADDRESS,
        controller: str = CONTROLLER,
        informers: InformerFactory | None = None,
    ) -> None:
        self.loop = loop
        self.client = client
        self.network = network
        self.address = address
        self.controller = controller
        self.running = False
        self._shared = informers
        self._own: InformerFactory | None = None
        self._routes = Routes(())
        self._upstreams: dict[Backend, list[Address] | None] = {}  # emptied by every change
        self._turns: dict[Backend, int] = {}
        self._named: list[str] = []
        self._planned = False

    def start(self) -> None:
        if self.running:
            return
        self.running = True
        informers = self._shared or InformerFactory(self.loop, self.client)
        self._own = informers if self._shared is None else None
        self._ingresses = informers.informer("ingresses.networking.k8s.io")
        self._classes = informers.informer("ingressclasses.networking.k8s.io")
        self._endpoints = ServiceEndpoints(informers, self._endpoints_changed)
        self._ingresses.add_handler(self._ingress_changed)
        self._classes.add_handler(self._ingress_changed)
        self.network.set_gateway(self.address, self)
        informers.start()

    def stop(self) -> None:
        """The proxy is gone: its address does not answer any more."""
        self.running = False
        self.network.set_gateway(self.address, None)
        if self._own is not None:
            self._own.stop()

    # Configuration --------------------------------------------------------------------------------------------------

    def serves(self, ingress: Obj) -> bool:
        """Is this Ingress ours?"""
        name = (ingress.get("spec") or {}).get("ingressClassName")
        if not name:
            old = (ingress["metadata"].get("annotations") or {}).get("kubernetes.io/ingress.class")
            return old is None
        found = self._classes.get(name)
        return found is not None and (found.get("spec") or {}).get("controller") == self.controller

    def _ingress_changed(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if not self._planned:
            self._planned = True
            self.loop.call_soon(self._configure)

    def _endpoints_changed(self, key: str) -> None:
        self._upstreams.clear()

    def _configure(self) -> None:
        self._planned = False
        if not self.running:
            return
        ours = [ingress for ingress in self._ingresses.list() if self.serves(ingress)]
        self._routes = Routes(ours)
        self._upstreams.clear()
        for host in self._named:
            if self.network.names.get(host) == self.address:
                del self.network.names[host]
        self._named = [host for host in self._routes.hosts if host not in self.network.names]
        self.network.names.update((host, self.address) for host in self._named)
        for ingress in ours:
            self._report(ingress)

    def _report(self, ingress: Obj) -> None:
        """Tell at which address the Ingress is served."""
        wanted = {"ingress": [{"ip": self.address}]}
        if (ingress.get("status") or {}).get("loadBalancer") == wanted:
            return
        try:
            self.client.update_status({**ingress, "status": {"loadBalancer": wanted}})
        except ApiError as error:
            if not error.conflict and not error.not_found:  # else the watch brings the newer one
                self.loop.call_later(RETRY, self._ingress_changed, "MODIFIED", None, None)

    # Requests -------------------------------------------------------------------------------------------------------

    def accept(self, ip: str, port: int, host: str, path: str, client: str, reply: Reply) -> None:
        """A request from outside."""
        backend = self._routes.match(host, path)
        if backend is None:
            reply(Answer(404, "default backend - 404", error="HTTP 404"))
            return
        pods = self._upstream(backend)
        if not pods:
            reply(Answer(503, "503 Service Temporarily Unavailable", error="HTTP 503: no endpoints"))
            return
        turn = self._turns[backend] = (self._turns.get(backend, -1) + 1) % len(pods)
        self._try(pods, turn, 1, host, path, client, reply)

    def _upstream(self, backend: Backend) -> list[Address] | None:
        if backend not in self._upstreams:
            self._upstreams[backend] = self._endpoints.addresses(backend.service, backend.port)
        return self._upstreams[backend]

    def _try(
        self, pods: list[Address], turn: int, attempt: int, host: str, path: str, client: str, reply: Reply
    ) -> None:
        pod = pods[turn % len(pods)]

        def ended(answer: Answer) -> None:
            if answer.status:
                reply(answer)
            elif answer.error == NO_ANSWER:
                reply(Answer(504, pod=answer.pod, node=answer.node, error="HTTP 504: the Pod did not answer in time"))
            elif attempt < min(TRIES, len(pods)):
                self._try(pods, turn + 1, attempt + 1, host, path, client, reply)
            else:
                reply(Answer(502, pod=answer.pod, node=answer.node, error=f"HTTP 502: {answer.error}"))

        self.network.request(
            EDGE, pod.ip, pod.port, host, path, client, ended, connect_timeout=CONNECT_TIMEOUT, timeout=READ_TIMEOUT
        )
