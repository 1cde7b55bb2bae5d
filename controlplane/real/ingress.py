"""The Ingress controller of a cluster of real processes: the same configuration, served by a real HTTP proxy."""

from __future__ import annotations

import base64

from controlplane.client.base import Client
from controlplane.client.informer import Informer
from controlplane.clock import Loop
from controlplane.real.certificates import Pair
from controlplane.real.http_proxy import HttpProxy
from controlplane.real.network import ProcessNetwork
from controlplane.traffic.ingress import IngressController

ADDRESS = "127.0.0.1"
TLS = "kubernetes.io/tls"  # the type of Secrets that hold a certificate


class ProcessIngress(IngressController):
    """Tells an `HttpProxy` of every change of Ingresses and endpoints."""

    def __init__(self, loop: Loop, client: Client, network: ProcessNetwork, proxy: HttpProxy) -> None:
        super().__init__(loop, client, network, address=ADDRESS)
        self._places = network.addresses.place
        self._io = network.io
        self._proxy = proxy
        self._publishing = False
        self._secrets: Informer | None = None

    def start(self) -> None:
        if not self.running:
            super().start()
            self._secrets = Informer(self.loop, self.client, "secrets", field_selector=f"type={TLS}")
            self._secrets.add_handler(lambda type, old, new: self._publish_soon())
            self._secrets.start()

    def stop(self) -> None:
        super().stop()
        if self._secrets is not None:
            self._secrets.stop()
        self._io.call(self._proxy.configure, None, {}, {})

    def _endpoints_changed(self, key: str) -> None:
        super()._endpoints_changed(key)
        self._publish_soon()

    def _configure(self) -> None:
        super()._configure()
        self._publish_soon()

    def _publish_soon(self) -> None:
        if not self._publishing:
            self._publishing = True
            self.loop.call_soon(self._publish)

    def _publish(self) -> None:
        self._publishing = False
        if self.running:
            upstreams = {
                backend: [self._places(pod.ip, pod.port) for pod in self._upstream(backend) or ()]
                for backend in self._routes.backends
            }
            self._io.call(self._proxy.configure, self._routes, upstreams, self._certificates())

    def _certificates(self) -> dict[str, Pair]:
        """What the Ingresses' `tls` sections name, by host."""
        found: dict[str, Pair] = {}
        for ingress in self._ingresses.list():
            for entry in (ingress["spec"].get("tls") or ()) if self.serves(ingress) else ():
                key = f"{ingress['metadata']['namespace']}/{entry.get('secretName')}"
                data = ((self._secrets.get(key) if self._secrets is not None else None) or {}).get("data") or {}
                if "tls.crt" in data and "tls.key" in data:
                    pair = base64.b64decode(data["tls.crt"]), base64.b64decode(data["tls.key"])
                    found.update((host, pair) for host in entry.get("hosts") or ())
        return found
