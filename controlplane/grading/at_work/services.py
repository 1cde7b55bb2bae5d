"""Lab 06 at work: a learner's endpoints, balancers and ways to end, each in the place of the package's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from controlplane import demo
from controlplane.client.base import Client, Obj, Objs
from controlplane.client.informer import key_of, split_key
from controlplane.clock import Loop
from controlplane.cluster import Cluster
from controlplane.conditions import available, is_ready
from controlplane.controllers.base import Controller
from controlplane.controllers.endpointslice import SERVICE_NAME, EndpointSliceController
from controlplane.controllers.endpointslice_diff import ports_of
from controlplane.grading.at_work.controllers import controllers_with
from controlplane.machine import Machine, Part, default_kubelet
from controlplane.node.kube_proxy import KubeProxy
from controlplane.node.network import REFUSED
from controlplane.node.network import Reply as ProcessReply
from controlplane.node.runtime import Container, Failure
from controlplane.node.service_rules import NodeRules
from controlplane.node.simulated_process import Process
from controlplane.node.simulated_runtime import SimulatedRuntime
from controlplane.traffic.load import Load, Tally
from controlplane.traffic.network import EDGE, Answer, Reply

Backend = tuple[str, int]
Endpoints = Callable[[Obj, Objs], Objs]
EDGE_ADDRESS = "203.0.113.80"


class Ending(Protocol):
    """What a server knows about its own end."""

    def sigterm(self) -> object: ...
    def accepts(self) -> bool: ...
    def began(self) -> object: ...
    def ended(self) -> object: ...


MakeEnding = Callable[[Loop, Callable[[], object]], Ending]


def controllers_writing(endpoints: Endpoints) -> list[type[Controller]]:
    """The package's controllers; what stands in a Service's slice is what the learner's `endpoints` says."""

    class Slices(Controller):
        name = EndpointSliceController.name
        watches: ClassVar = {"services": "self", "pods": "concerned"}

        def concerned(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
            namespace = (new or old or {})["metadata"]["namespace"]
            return [key_of(s) for s in self.informer("services").list() if s["metadata"]["namespace"] == namespace]

        def reconcile(self, key: str) -> None:
            service, pods = self.informer("services").get(key), self.informer("pods").list()
            if service is None:
                return
            found, (namespace, name) = endpoints(service, pods), split_key(key)
            addresses = {address for endpoint in found for address in endpoint["addresses"]}
            behind = [pod for pod in pods if pod["status"].get("podIP") in addresses]
            part = {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": name, "labels": {SERVICE_NAME: name}},
                "addressType": "IPv4",
                "endpoints": found,
                "ports": ports_of(service, behind[0]) if behind else [],
            }
            how: dict[str, Any] = {"type": "apply", "field_manager": "slices", "force": True}
            self.client.patch("endpointslices", name, part, namespace, **how)

    Slices.__name__ = EndpointSliceController.__name__
    return controllers_with(Slices)


def proxy_choosing(choose: Callable[[list[Backend], str], Backend | None]) -> Callable[[Loop, Client, Machine], Part]:
    """A kube-proxy whose rules let `choose(backends, client)` say where a connection goes."""

    class Rules(NodeRules):
        def route(self, ip: str, port: int, client: str) -> Backend | str | None:
            target = self.table.get((ip, port))
            if target is None:
                return None
            candidates = target.rule.candidates(self.node, self.zone, target.external)
            return choose([(backend.ip, backend.port) for backend in candidates], client) or REFUSED

    class Choosing(KubeProxy):
        def __init__(self, loop: Loop, client: Client, machine: Machine) -> None:
            super().__init__(loop, client, machine.name, machine.network, services=machine.services)
            self._rules = Rules(loop, machine.name, "random")

    return Choosing


class EdgeBalancer:
    """A load balancer outside the Pods, at EDGE_ADDRESS: it carries each request to a ready Pod, and sees its end."""

    def __init__(
        self,
        cluster: Cluster,
        choose: Callable[[list[Backend]], Backend | None],
        closed: Callable[[Backend], object] = lambda backend: None,
    ) -> None:
        self.cluster, self.choose, self.closed = cluster, choose, closed
        cluster.network.set_gateway(EDGE_ADDRESS, self)

    def accept(self, ip: str, port: int, host: str, path: str, client: str, reply: Reply) -> None:
        pods = sorted((pod for pod in self.cluster.pods() if is_ready(pod)), key=key_of)
        backend = self.choose([(pod["status"]["podIP"], 8080) for pod in pods])
        if backend is None:
            reply(Answer(503))
            return

        def answered(answer: Answer) -> None:
            self.closed(backend)
            reply(answer)

        self.cluster.network.request(EDGE, *backend, host, path, client, answered)


def kubelet_running(make: MakeEnding) -> Callable[[Loop, Client, Machine], Part]:
    """A kubelet whose containers, all of them servers, end as the learner's part says."""

    class Server(Process):
        ending: Ending

        def start(self) -> None:
            self.ending = make(self.runtime.loop, lambda: self.exit(0))
            super().start()

        def _terminate(self) -> None:
            self.ending.sigterm()

        def listens(self, port: int) -> bool:
            return super().listens(port) and self.ending.accepts()

        def serve(self, path: str, reply: ProcessReply) -> None:
            self.ending.began()
            super().serve(path, reply)

        def _answer(self, number: int) -> None:
            super()._answer(number)
            self.ending.ended()

    class Runtime(SimulatedRuntime):
        def create_container(self, pod: Obj, spec: Obj, attempt: int, env: Mapping[str, str]) -> Container | Failure:
            container = super().create_container(pod, spec, attempt, env)
            if isinstance(container, Container):
                old = self._processes[container.id]
                process = Server(self, container, old.behaviour, spec, old.pod)
                self._processes[container.id] = self._by_pod[container.pod_uid][-1] = process
            return container

    def kubelet(loop: Loop, client: Client, machine: Machine) -> Part:
        machine.runtime = Runtime(loop, machine.name, machine.network, machine.runtime.table)
        return default_kubelet(loop, client, machine)

    return kubelet


def rolled_out(cluster: Cluster, rate: float = 50, image: str = "app:v2") -> Tally:
    """Start the shop of the map, send it requests from node-a, and roll out an image; what became of the requests."""
    cluster.apply(demo.APP)
    cluster.run_until(available("deployment/web"), timeout="40s")
    cluster.run_for("3s")
    load = Load(cluster.loop, cluster.network, "http://web/", rate=rate, source="node-a")
    load.start()
    cluster.run_for("2s")
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
    cluster.client.patch("deployments", "web", patch, type="strategic")
    cluster.run_until(available("deployment/web"), timeout="40s")
    cluster.run_for("12s")
    load.stop()
    cluster.run_for("6s")
    return load.tally
