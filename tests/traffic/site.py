"""A network with Pods that answer as they are told, an API server behind it, and all that balances in front of it."""

from __future__ import annotations

from typing import Any

from controlplane.client.base import Obj
from controlplane.clock import Loop
from controlplane.node.kube_proxy import KubeProxy
from controlplane.traffic.dns import ClusterDns
from controlplane.traffic.ingress import IngressController
from controlplane.traffic.load import Clients, Tally
from controlplane.traffic.load_balancer import LoadBalancer
from controlplane.traffic.network import Network, RawReply
from tests.node.fake_api import FakeApi

VIP = "10.96.0.10"


class App:
    """What answers at a Pod's address.  `status` 0 refuses; `answers` False takes requests and never answers."""

    def __init__(self, loop: Loop, version: str = "v1") -> None:
        self.loop = loop
        self.version = version
        self.status = 200
        self.answers = True
        self.latency = 0.005
        self.seen: list[tuple[str, str, str]] = []  # (host, path, client)

    def serve(self, port: int, host: str, path: str, client: str, reply: RawReply) -> None:
        self.seen.append((host, path, client))
        if self.status == 0:
            reply(0, "connection refused", self.version)
        elif self.answers:
            self.loop.call_later(self.latency, reply, self.status, f"App {self.version}", self.version)


class Site:
    """Nodes a and b with two Pods each, the Service "web" in front of them, and an Ingress for shop.example."""

    def __init__(self, seed: int = 0, **service: Any) -> None:
        self.loop = Loop(seed)
        self.network = Network(self.loop)
        self.api = FakeApi(self.loop)
        self.apps: dict[str, App] = {}
        for number, node in enumerate(("a", "b")):
            self.network.node_up(node)
            self.network.set_address(node, f"192.168.0.{number + 2}")
            self.api.create("nodes", {"metadata": {"name": node}})
            KubeProxy(self.loop, self.api.client(f"proxy-{node}"), node, self.network).start()
            for i in (1, 2):
                self.apps[f"{node}{i}"] = App(self.loop)
                self.network.attach(f"10.244.{number}.{i}", node, f"default/{node}{i}", self.apps[f"{node}{i}"])
        self.ingress = IngressController(self.loop, self.api.client("ingress"), self.network)
        self.balancer = LoadBalancer(self.loop, self.api.client("cloud"), self.network)
        ClusterDns(self.loop, self.api.client("dns"), self.network).start()
        self.ingress.start()
        self.balancer.start()
        self.service("web", **service)
        self.endpoints(list(self.apps))
        self.add_ingress("web", host="shop.example")
        self.loop.run_for(3)

    def service(self, name: str, **spec: Any) -> Obj:
        return self.api.create(
            "services",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"type": "LoadBalancer", "clusterIP": VIP, "ports": [{"port": 80, "nodePort": 30080}], **spec},
            },
        )

    def endpoints(self, ready: list[str], terminating: tuple[str, ...] = (), service: str = "web") -> None:
        """What the EndpointSlice says of the Pods a1, a2, b1, b2."""
        rows = [
            {
                "addresses": [f"10.244.{'ab'.index(pod[0])}.{pod[1]}"],
                "nodeName": pod[0],
                "hostname": pod,
                "conditions": {"ready": pod in ready, "serving": True, "terminating": pod in terminating},
            }
            for pod in (*ready, *terminating)
        ]
        self.api.store(
            "endpointslices",
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"{service}-x",
                    "namespace": "default",
                    "labels": {"kubernetes.io/service-name": service},
                },
                "ports": [{"name": "", "port": 8080}],
                "endpoints": rows,
            },
            "MODIFIED",
        )
        self.loop.run_for(2)

    def add_ingress(self, name: str, *, host: str = "", service: str = "web", **spec: Any) -> None:
        backend = {"service": {"name": service, "port": {"number": 80}}}
        rule: Obj = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        self.api.create(
            "ingresses",
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"rules": [{**rule, **({"host": host} if host else {})}], **spec},
            },
        )
        self.loop.run_for(1)

    def send(self, url: str, n: int = 100, source: str = "internet", wait: float = 100.0, **options: float) -> Tally:
        """Send requests within a second, and wait until all have ended."""
        clients = Clients(self.loop, self.network, url, source=source, **options)
        clients.send(n, over=1.0)
        self.loop.run_for(wait)
        assert clients.tally.pending == 0
        return clients.tally
