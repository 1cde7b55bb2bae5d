"""One machine of a cluster: its link to the control plane, its container runtime, and the agents that run on it.

The agents are a kubelet and a kube-proxy, the package's or yours: an agent is made by a function
`(loop, client, machine) -> part` and finds on the machine what it works with, `runtime` and `network`.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from controlplane.client.base import Client
from controlplane.client.link import Link, LinkedClient
from controlplane.clock import Loop
from controlplane.node.images import ImageTable
from controlplane.node.kube_proxy import KubeProxy, ServiceTable
from controlplane.node.kubelet import Kubelet
from controlplane.node.kubelet_api import KubeletApi
from controlplane.node.runtime import Runtime
from controlplane.node.simulated_runtime import SimulatedRuntime
from controlplane.traffic.network import Network


class Part(Protocol):
    """A part of the cluster: a scheduler, a controller manager, an ingress controller, a kubelet, a kube-proxy."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


ClientAs = Callable[..., Client]  # (user, *groups) -> a client that calls as that user


class Machine:
    """A machine called `name` with its own `address`; `capacity` is what its kubelet reports.

    Its `runtime` is a simulated one if none is given; `pod_cidr` is for the addresses of its Pods, if they are not
    left to the cluster.
    """

    def __init__(
        self,
        loop: Loop,
        name: str,
        address: str,
        *,
        network: Network,
        images: ImageTable,
        client_as: ClientAs,
        capacity: Mapping[str, str] | None = None,
        services: ServiceTable | None = None,
        runtime: Runtime | None = None,
        pod_cidr: str | None = None,
    ) -> None:
        self.loop = loop
        self.name = name
        self.address = address
        self.network = network
        self.capacity = dict(capacity) if capacity else None
        self.services = services
        self.link = Link(loop)
        network.set_address(name, address)
        self.pod_cidr = pod_cidr
        # Who looks into containers knows which kind of runtime the cluster has: to the others it is a Runtime.
        self.runtime: Any = runtime if runtime is not None else SimulatedRuntime(loop, name, network, images)
        self.parts: dict[str, Part] = {}
        self.powered = False
        self._client_as = client_as

    @property
    def kubelet(self) -> Kubelet:
        """The package's kubelet.  LookupError if this machine runs none, or another one."""
        kubelet = self.parts.get("kubelet")
        if not isinstance(kubelet, Kubelet):
            raise LookupError(f"{self.name} does not run the package's kubelet")
        return kubelet

    def kubelet_api(self) -> KubeletApi | None:
        """Where the API server asks for logs and figures, if the kubelet has it and can be reached."""
        kubelet = self.parts.get("kubelet")
        return kubelet.api if isinstance(kubelet, Kubelet) and self.powered and self.link.up else None

    def install(self, name: str, make: MakeAgent) -> Part:
        """Put an agent on the machine, which starts with it."""
        user, group = USERS.get(name, (f"system:{name}", "system:nodes"))
        client = LinkedClient(self._client_as(user.format(self.name), group), self.link)
        part = self.parts[name] = make(self.loop, client, self)
        return part

    def replace(self, name: str, make: MakeAgent) -> Part:
        """Stop the agent called `name` ("kubelet", "kube-proxy"), if there is one, and start another in its place."""
        self.remove(name)
        part = self.install(name, make)
        part.start()
        return part

    def remove(self, name: str) -> None:
        """Stop an agent and take it off the machine.  Its containers, or its rules, stay."""
        part = self.parts.pop(name, None)
        if part is not None:
            part.stop()

    def start(self) -> None:
        """Switch it on."""
        self.powered = True
        for part in self.parts.values():
            part.start()

    def stop(self) -> None:
        """End the agents in good order."""
        for part in self.parts.values():
            part.stop()

    def kill(self) -> None:
        """Power off, in the middle of whatever it does."""
        self.powered = False
        for part in self.parts.values():
            if isinstance(part, Kubelet | KubeProxy):
                part.kill()
            else:
                part.stop()
        if not isinstance(self.parts.get("kubelet"), Kubelet):
            self.runtime.power_off()


MakeAgent = Callable[[Loop, Client, Machine], Part]
Agent = MakeAgent | Literal["default"] | None
USERS = {"kubelet": ("system:node:{}", "system:nodes"), "kube-proxy": ("system:kube-proxy", "system:node-proxier")}


def default_kubelet(loop: Loop, client: Client, machine: Machine) -> Part:
    """The package's kubelet."""
    return Kubelet(
        loop,
        client,
        machine.name,
        runtime=machine.runtime,
        capacity=machine.capacity,
        address=machine.address,
        pod_cidr=machine.pod_cidr,
    )


def default_proxy(loop: Loop, client: Client, machine: Machine) -> Part:
    """The package's kube-proxy."""
    return KubeProxy(loop, client, machine.name, machine.network, services=machine.services)


def node_names(count: int) -> list[str]:
    """node-a, node-b, ...; beyond 26 they are numbered."""
    if count < 0:
        raise ValueError(f"a cluster cannot have {count} nodes")
    if count <= len(string.ascii_lowercase):
        return [f"node-{letter}" for letter in string.ascii_lowercase[:count]]
    width = len(str(count))
    return [f"node-{number:0{width}}" for number in range(1, count + 1)]


def node_address(number: int) -> str:
    """The address of the machine with this number, from 172.18.0.2 on, as kind gives them."""
    third, fourth = divmod(number + 2, 256)
    return f"172.{18 + third // 256}.{third % 256}.{fourth}"
