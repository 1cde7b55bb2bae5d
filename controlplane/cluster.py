"""A whole cluster from its parts: the one place that knows them all.

    >>> cluster = Cluster(nodes=2, seed=0)
    >>> cluster.apply("app.yaml")                                          # doctest: +SKIP
    >>> cluster.run_until(available("deployment/web"), timeout="1m")       # doctest: +SKIP
    >>> print(cluster)                                                     # doctest: +SKIP

Every part talks to the API server and to nothing else, so every part can be left out or be somebody else's:
`scheduler=None`, `scheduler=MyScheduler`, `controllers=[MyController]`.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from controlplane import conditions, manifests
from controlplane.apiserver import metrics
from controlplane.apiserver.admission import DEFAULT_PLUGINS, AdmissionPlugin
from controlplane.apiserver.api import AuditEvent, UserInfo
from controlplane.apiserver.server import ApiServer
from controlplane.client.base import ApiError, Client, Obj, Objs
from controlplane.client.informer import InformerFactory
from controlplane.client.local import LocalClient
from controlplane.clock import Loop, WallLoop, parse_duration, rfc3339_micro
from controlplane.controllers import DEFAULT_CONTROLLERS
from controlplane.controllers.base import Controller
from controlplane.controllers.manager import ControllerManager
from controlplane.etcd.api import EtcdStore
from controlplane.etcd.stores import open_store
from controlplane.machine import Agent, Machine, Part, default_kubelet, default_proxy, node_address, node_names
from controlplane.node.images import ImageTable
from controlplane.node.kube_proxy import ServiceTable
from controlplane.picture import Scene, scene
from controlplane.picture import html as render_html
from controlplane.picture import text as render_text
from controlplane.scheduler.scheduler import Scheduler
from controlplane.traffic.dns import ClusterDns
from controlplane.traffic.ingress import IngressController
from controlplane.traffic.load_balancer import LoadBalancer
from controlplane.traffic.network import Network

if TYPE_CHECKING:
    from controlplane.view.history import History
    from controlplane.view.map import Map

if TYPE_CHECKING:
    from controlplane.real.world import RealWorld

LOG_LENGTH = 1_000_000  # requests that the log keeps
OWN_CACHES = 50  # nodes; in a larger cluster the kube-proxies of all nodes share one cache, to save memory

MakePart = Callable[[Loop, Client], Part]
Condition = Callable[[Client], str | bool]


class NotReached(TimeoutError):
    """A condition did not come to hold in time; the message says what was still missing."""


class Cluster:
    """A cluster of `nodes` machines (a number, or their names), started and ready to run.

    - `seed` decides everything that is random: names, uids, ties.  The same seed gives the same run.
    - `clock` "virtual" lets time pass only in `run_for`, `run_until` and `step`; "wall" is the computer's clock.
    - `runtime` "process" starts every container as a process of this computer, and needs the "wall" clock.
    - `scheduler`, `ingress`, `load_balancer` and `dns` take a class, a function `(loop, client) -> part`, or None.
    - `controllers` takes a list of Controller classes, a function as above, or None.
    - `kubelet` and `proxy` run on the machines: a class, a function `(loop, client, machine) -> part`, or None.
    - `store` is any state store with etcd's interface, or a real etcd's address, "etcd://127.0.0.1:2379"; by default
      it is in memory, or with `etcd_members=3` on so many members that agree by Raft: `cluster.store.kill("etcd-0")`.
    - `capacity` is each node's: {"cpu": "4", "memory": "8Gi", "pods": "110"}.
    - `admission` are the API server's admission plugins.
    """

    def __init__(
        self,
        nodes: int | Sequence[str] = 2,
        *,
        seed: int = 0,
        clock: Literal["virtual", "wall"] = "virtual",
        runtime: Literal["simulated", "process"] = "simulated",
        scheduler: MakePart | None = Scheduler,
        controllers: Iterable[type[Controller]] | MakePart | None = tuple(DEFAULT_CONTROLLERS),
        ingress: MakePart | Literal["default"] | None = "default",
        load_balancer: MakePart | Literal["default"] | None = "default",
        dns: MakePart | Literal["default"] | None = "default",
        kubelet: Agent = "default",
        proxy: Agent = "default",
        store: EtcdStore | str | None = None,
        etcd_members: int = 1,
        capacity: Mapping[str, str] | None = None,
        admission: Iterable[type[AdmissionPlugin]] = DEFAULT_PLUGINS,
    ) -> None:
        # A cluster makes many objects that stay and few cycles: at Python's default the collector would take a fifth of
        # the time to find nothing.
        gc.set_threshold(50_000, 20, 50)
        self.loop: Loop = WallLoop(seed) if clock == "wall" else Loop(seed)
        self.seed = seed
        self.log: deque[AuditEvent] = deque(maxlen=LOG_LENGTH)
        self.store = open_store(self.loop, store, etcd_members)
        self._closes_store = isinstance(store, str)
        self.real = _real_world(self.loop) if runtime == "process" else None
        service_net = self.real.addresses.service_net if self.real is not None else "10.96"
        self.server = ApiServer(self.loop, self.store, plugins=admission, service_net=service_net)
        self.server.on_audit.append(self.log.append)
        self.client = self.client_as("kubernetes-admin", "system:masters")
        self.network = self.real.network if self.real is not None else Network(self.loop)
        self.parts: dict[str, Part] = {}
        self.machines: dict[str, Machine] = {}
        self.images = ImageTable()
        self._shared: InformerFactory | None = None
        self._services: ServiceTable | None = None
        self._add("scheduler", scheduler, "system:kube-scheduler")
        self._add("controllers", _as_part(controllers), "system:kube-controller-manager")
        for name, part, default, user in (
            ("ingress", ingress, IngressController, "system:serviceaccount:ingress:ingress-controller"),
            ("load_balancer", load_balancer, LoadBalancer, "system:cloud-controller-manager"),
            ("dns", dns, ClusterDns, "system:serviceaccount:kube-system:coredns"),
        ):
            self._add(name, self._with_network(name, default) if part == "default" else part, user)
        names = node_names(nodes) if isinstance(nodes, int) else list(nodes)
        self._share_caches = len(names) > OWN_CACHES
        for name in names:
            self.add_node(name, capacity, kubelet=kubelet, proxy=proxy)

    # Parts ----------------------------------------------------------------------------------------------------------

    def client_as(self, user: str, *groups: str) -> LocalClient:
        """A client that calls as `user`."""
        return LocalClient(self.server, UserInfo(user, (*groups, "system:authenticated")))

    def _with_network(self, name: str, part: Callable[[Loop, Client, Network], Part]) -> MakePart:
        return getattr(self.real, name, None) or (lambda loop, client: part(loop, client, self.network))

    def _add(self, name: str, make: MakePart | None, user: str) -> None:
        if make is not None:
            self.replace(name, make, user)

    def replace(self, name: str, make: MakePart, user: str = "") -> Part:
        """Stop the part called `name`, if there is one, and start `make(loop, client)` in its place."""
        self.remove(name)
        part = self.parts[name] = make(self.loop, self.client_as(user or f"system:{name}", "system:masters"))
        part.start()
        return part

    def remove(self, name: str) -> None:
        """Stop a part and take it out; what it did stays undone until another takes its place."""
        part = self.parts.pop(name, None)
        if part is not None:
            part.stop()

    def service_table(self) -> ServiceTable | None:
        """The rules that the kube-proxies of a large cluster share; None where each makes its own.

        *Note*: such a kube-proxy goes on hearing of changes while its node is cut off from the API server.
        """
        if not self._share_caches:
            return None
        if self._services is None:
            self._shared = InformerFactory(self.loop, self.client_as("system:kube-proxy", "system:node-proxier"))
            self._services = ServiceTable(self.loop, self._shared)
            self._shared.start()
        return self._services

    # Nodes ----------------------------------------------------------------------------------------------------------

    def add_node(
        self,
        name: str,
        capacity: Mapping[str, str] | None = None,
        *,
        kubelet: Agent = "default",
        proxy: Agent = "default",
    ) -> Machine:
        """Plug a machine in and switch it on."""
        if name in self.machines:
            raise ValueError(f"there is a node {name} already")
        number = len(self.machines)
        place = self.real.machine(name, number) if self.real is not None else {"address": node_address(number)}
        machine = self.machines[name] = Machine(
            self.loop,
            name,
            network=self.network,
            images=self.images,
            client_as=self.client_as,
            capacity=capacity,
            services=self.service_table(),
            **place,
        )
        agents = {"kubelet": (kubelet, default_kubelet), "kube-proxy": (proxy, default_proxy)}
        for agent, (make, default) in agents.items():
            if make is not None:
                machine.install(agent, default if make == "default" else make)
        self.server.kubelets[name] = machine.kubelet_api
        metrics.install(self.server)
        machine.start()
        return machine

    def machine(self, name: str) -> Machine:
        """The machine of a node; KeyError that names those there are."""
        if name not in self.machines:
            raise KeyError(f"there is no node {name}: the nodes are {', '.join(self.machines) or 'none'}")
        return self.machines[name]

    def kill_node(self, name: str) -> None:
        """Cut a machine's power: everything on it is gone, and nobody is told."""
        self.machine(name).kill()

    def restart_node(self, name: str) -> None:
        """Switch a machine on again, or restart one that runs."""
        machine = self.machine(name)
        if machine.powered:
            machine.kill()
        machine.start()

    def partition(self, name: str, other: str | None = None) -> None:
        """Cut a node off from the control plane, or from another node; its Pods go on, and clients reach them."""
        machine = self.machine(name)
        if other is None:
            machine.link.cut()
        else:
            self.network.cut(name, self.machine(other).name)

    def heal(self, name: str, other: str | None = None) -> None:
        """End a partition."""
        machine = self.machine(name)
        if other is None:
            machine.link.heal()
        else:
            self.network.heal(name, self.machine(other).name)

    # Time -----------------------------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds since the cluster was started."""
        return self.loop.now() - self.loop.start

    def run_for(self, duration: str | float) -> None:
        """Let `duration` ("5m", or seconds) pass."""
        self.loop.run_for(parse_duration(duration))

    def run_until(self, condition: Condition, timeout: str | float = "5m") -> float:
        """Run until `condition(client)` holds; returns the seconds that it took.

        A condition returns True or "" once it holds.  NotReached after `timeout` says what was still missing: the
        sentence that the condition returned, or the Pods and nodes that are not Ready.
        """
        began, limit = self.loop.now(), parse_duration(timeout)
        last: list[str | bool] = [False]

        def holds() -> bool:
            last[0] = condition(self.client)
            return last[0] is True or last[0] == ""

        if not self.loop.run_until(holds, limit):
            missing = last[0] if isinstance(last[0], str) and last[0] else conditions.everything_ready()(self.client)
            raise NotReached(
                f"after {limit:g} s the condition does not hold: {missing or 'all nodes and Pods are Ready'}"
            )
        return self.loop.now() - began

    def step(self) -> bool:
        """Run one callback, letting time pass to it first.  False if nothing waits."""
        return self.loop.step()

    def stop(self) -> None:
        """Stop everything."""
        for name in list(self.parts):
            self.remove(name)
        for machine in self.machines.values():
            machine.stop()
        if self._shared is not None:
            self._shared.stop()
        if self.real is not None:
            self.real.close()
        self.server.close()
        if self._closes_store:
            self.store.close()

    # Objects --------------------------------------------------------------------------------------------------------

    def apply(self, manifest: manifests.Manifest, namespace: str = "default") -> Objs:
        """Create or update the objects of a manifest, as `kubectl apply --server-side --force-conflicts` does.

        A dict, several, YAML text or a file's path.  All of it is checked by a dry run first: if anything is wrong,
        nothing changes and the error (ManifestError or ApiError) names the object and the field.
        """
        objects = manifests.load(manifest)
        made = {o["metadata"].get("name") for o in objects if o["kind"] == "Namespace"}
        made |= {o["spec"]["names"]["kind"] for o in objects if o["kind"] == "CustomResourceDefinition"}
        for obj in objects:
            if obj["metadata"].get("namespace") not in made and obj["kind"] not in made:
                self._apply(obj, namespace, dry_run=True)
        return [self._apply(obj, namespace) for obj in objects]

    def _apply(self, obj: Obj, namespace: str, *, dry_run: bool = False) -> Obj:
        resource = self.client.resource_for(obj["apiVersion"], obj["kind"])
        meta = obj["metadata"]
        where = meta.get("namespace") or namespace if resource.namespaced else None
        query = {"fieldManager": "controlplane", "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        answer: Obj
        if "name" not in meta:
            answer = self.client.request("POST", resource.path(where), body=obj, query=query)
        else:
            answer = self.client.request(
                "PATCH",
                resource.path(where, meta["name"]),
                body=obj,
                query=query,
                content_type="application/apply-patch+yaml",
            )
        return answer

    def delete(self, manifest: manifests.Manifest, namespace: str = "default") -> None:
        """Delete the objects of a manifest, the last one first; those that are gone already are no error."""
        for obj in reversed(manifests.load(manifest)):
            resource = self.client.resource_for(obj["apiVersion"], obj["kind"])
            meta = obj["metadata"]
            where = meta.get("namespace") or namespace if resource.namespaced else None
            try:
                self.client.request(
                    "DELETE",
                    resource.path(where, meta["name"]),
                    body={"kind": "DeleteOptions", "propagationPolicy": "Background"},
                )
            except ApiError as error:
                if not error.not_found:
                    raise

    def pods(self, selector: str = "", namespace: str | None = "default") -> Objs:
        """The Pods that a label selector chooses, shared: never change them."""
        return self.client.list_shared("pods", namespace, label_selector=selector)[0]

    # What happened --------------------------------------------------------------------------------------------------

    def event_log(self) -> str:
        """Every request that reached the API server, a line each: the same seed gives the same text to the byte."""
        return "".join(_line(event) for event in self.log)

    def explain(self, pod: str, namespace: str = "default") -> Any:
        """Why a Pod is where it is, or nowhere: the scheduler's decision as a table."""
        explain = getattr(self.parts.get("scheduler"), "explain", None)
        if explain is None:
            raise LookupError("the scheduler of this cluster does not explain its decisions")
        return explain(f"{namespace}/{pod}")

    @cached_property
    def history(self) -> History:
        """Every write that the store remembers when this is first asked for, and all that follow."""
        from controlplane.view.history import History

        return History(self)

    def show(self, first: int = 0, last: int = 0) -> Map:
        """The map as it moves: plays the history (or a part, by revisions) in a notebook, step by step."""
        from controlplane.view.map import Map

        return Map(self.history, first, last)

    def picture(self) -> str:
        """The cluster as text."""
        return render_text(self._scene())

    def _scene(self) -> Scene:
        names = {"scheduler": "scheduler", "controllers": "controller manager"}
        return scene(self.client, [names[part] for part in self.parts if part in names])

    def __str__(self) -> str:
        return self.picture()

    def __repr__(self) -> str:
        return f"<Cluster of {len(self.machines)} nodes, seed {self.seed}, after {self.elapsed:.1f} s>"

    def _repr_html_(self) -> str:
        return render_html(self._scene())


def _real_world(loop: Loop) -> RealWorld:
    from controlplane.real.world import RealWorld  # needs processes and sockets, which a browser does not have

    return RealWorld(loop)


def _as_part(controllers: Iterable[type[Controller]] | MakePart | None) -> MakePart | None:
    if controllers is None or callable(controllers):
        return controllers
    classes = list(controllers)
    return lambda loop, client: ControllerManager(loop, client, classes)


def _line(event: AuditEvent) -> str:
    resource = f"{event.resource}/{event.subresource}" if event.subresource else event.resource
    where = f"{event.namespace}/{event.name}" if event.namespace else event.name
    revision = event.revision or "-"
    return f"{rfc3339_micro(event.time)} {event.user} {event.verb} {resource} {where or '-'} {event.code} {revision}\n"
