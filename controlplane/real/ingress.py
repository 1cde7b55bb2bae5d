"""The Ingress controller of a cluster of real processes: the same configuration, served by a real HTTP proxy."""

from __future__ import annotations

from controlplane.client.base import Client
from controlplane.clock import Loop
from controlplane.real.http_proxy import HttpProxy
from controlplane.real.network import ProcessNetwork
from controlplane.traffic.ingress import IngressController

ADDRESS = "127.0.0.1"


class ProcessIngress(IngressController):
    """Tells an `HttpProxy` of every change of Ingresses and endpoints."""

    def __init__(self, loop: Loop, client: Client, network: ProcessNetwork, proxy: HttpProxy) -> None:
        super().__init__(loop, client, network, address=ADDRESS)
        self._places = network.addresses.place
        self._io = network.io
        self._proxy = proxy
        self._publishing = False

    def stop(self) -> None:
        super().stop()
        self._io.call(self._proxy.configure, None, {})

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
            self._io.call(self._proxy.configure, self._routes, upstreams)
