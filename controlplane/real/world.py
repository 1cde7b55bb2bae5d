"""What a cluster of real processes has besides: addresses of this computer, a thread for its sockets, and runtimes."""

from __future__ import annotations

from typing import Any

from controlplane.client.base import Client
from controlplane.clock import Loop, WallLoop
from controlplane.node.process_addresses import Addresses
from controlplane.node.process_io import InputOutput
from controlplane.node.process_runtime import ProcessRuntime
from controlplane.real.http_proxy import HttpProxy
from controlplane.real.ingress import ADDRESS as INGRESS
from controlplane.real.ingress import ProcessIngress
from controlplane.real.network import ProcessNetwork
from controlplane.traffic.load_balancer import LoadBalancer

POOL = "{}.255.{{}}"  # no Service is given a cluster IP in there


class RealWorld:
    """The part of one cluster that is not simulated.  `close` leaves no process, no socket and no file behind.

    `url` and `tls_url` are where its Ingress controller answers.
    """

    def __init__(self, loop: Loop) -> None:
        if not isinstance(loop, WallLoop):
            raise ValueError('real processes do not wait for virtual time: runtime="process" needs clock="wall"')
        self.loop = loop
        self.addresses = Addresses()
        self.io = InputOutput(loop)
        self.network = ProcessNetwork(loop, self.io, self.addresses)
        self.runtimes: dict[str, ProcessRuntime] = {}
        self.proxy = HttpProxy()
        self.url = f"http://{INGRESS}:{self.io.wait(self.proxy.listen(INGRESS))}/"
        self.tls_url = f"https://{INGRESS}:{self.io.wait(self.proxy.listen(INGRESS, tls=True))}/"

    def machine(self, name: str, number: int) -> dict[str, Any]:
        """What makes the cluster's next machine a real one: address, runtime and the range of its Pods."""
        address, pod_cidr = self.addresses.node(number)
        runtime = self.runtimes[name] = ProcessRuntime(self.loop, self.io, self.addresses, name, address, self.network)
        self.network.add_node(name, pod_cidr)
        return {"address": address, "runtime": runtime, "pod_cidr": pod_cidr}

    def ingress(self, loop: Loop, client: Client) -> ProcessIngress:
        """The Ingress controller, as a part of a cluster."""
        return ProcessIngress(loop, client, self.network, self.proxy)

    def load_balancer(self, loop: Loop, client: Client) -> LoadBalancer:
        """What gives Services of type LoadBalancer an address, as a part of a cluster."""
        return LoadBalancer(loop, client, self.network, pool=POOL.format(self.addresses.service_net))

    def close(self) -> None:
        """Stop everything.  May be called again."""
        for runtime in self.runtimes.values():
            runtime.power_off()
        self.io.close()
        self.addresses.close()
