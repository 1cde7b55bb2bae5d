"""Cluster DNS: what names of Services mean inside the cluster (docs: DNS for Services and Pods).

`web.shop.svc.cluster.local`, `web.shop.svc` and `web.shop` are the Service's cluster IP, or the Pods of a headless
Service in turn; `db-0.db.shop...` is one Pod of a StatefulSet.  A name without a namespace means one in "default".
"""

from __future__ import annotations

from controlplane.client.base import Client, Objs
from controlplane.client.informer import InformerFactory
from controlplane.clock import Loop
from controlplane.traffic.endpoints import ServiceEndpoints
from controlplane.traffic.network import Network

SUFFIXES = (".svc.cluster.local", ".svc")


class ClusterDns:
    """Answers for the network's clients inside the cluster.  `informers` may be shared."""

    def __init__(
        self, loop: Loop, client: Client, network: Network, *, informers: InformerFactory | None = None
    ) -> None:
        self.loop = loop
        self.client = client
        self.network = network
        self._shared = informers
        self._own: InformerFactory | None = None
        self._endpoints: ServiceEndpoints | None = None
        self._turns: dict[str, int] = {}

    def start(self) -> None:
        if self._endpoints is None:
            informers = self._shared or InformerFactory(self.loop, self.client)
            self._own = informers if self._shared is None else None
            self._endpoints = ServiceEndpoints(informers, lambda key: None)
            self.network.resolver = self.lookup
            informers.start()

    def stop(self) -> None:
        self.network.resolver = None
        self._endpoints = None
        if self._own is not None:
            self._own.stop()

    def lookup(self, name: str) -> str | None:
        """The address that a name means now, or None."""
        if self._endpoints is None:
            return None
        name = name.rstrip(".")
        for suffix in SUFFIXES:
            name = name.removesuffix(suffix)
        labels = name.split(".")
        host = labels.pop(0) if len(labels) == 3 else ""
        if len(labels) > 2:
            return None
        key = f"{labels[1] if len(labels) == 2 else 'default'}/{labels[0]}"
        service = self._endpoints.services.get(key)
        if service is None:
            return None
        address = service["spec"].get("clusterIP")
        if address and address != "None":
            return None if host else str(address)
        pods = _addresses(self._endpoints.slices.by_index("service", key), host)
        if not pods:
            return None
        turn = self._turns[key] = self._turns.get(key, -1) + 1
        return pods[turn % len(pods)]


def _addresses(slices: Objs, host: str) -> list[str]:
    """The ready Pods of a headless Service, or the one whose host name is asked for."""
    return [
        ip
        for slice_ in slices
        for endpoint in slice_.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False and host in ("", endpoint.get("hostname"))
        for ip in endpoint.get("addresses") or ()
    ]
