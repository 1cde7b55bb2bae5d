"""A control plane for tests of controllers: API server, controllers, scheduler, and kubelets that make Pods ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controlplane.apiserver.server import ApiServer
from controlplane.client.base import Client, Obj, Objs
from controlplane.client.local import LocalClient
from controlplane.clock import Loop
from controlplane.controllers.base import Controller
from controlplane.controllers.manager import ControllerManager, ReconcileError
from controlplane.scheduler.scheduler import Scheduler
from tests.conformance.stand_in_kubelet import StandInKubelets

NAMESPACE = "default"
Lines = list[str]


class Plane:
    """Everything in one process on the virtual clock.  `wrap` may put faults into the controllers' client."""

    def __init__(
        self,
        controllers: Sequence[type[Controller]] | None = None,
        *,
        nodes: Sequence[str] = ("node-a", "node-b"),
        seed: int = 0,
        wrap: Any = None,
        start: bool = True,
    ) -> None:
        self.loop = Loop(seed)
        self.server = ApiServer(self.loop)
        self.client: Client = LocalClient(self.server)
        self.kubelets = StandInKubelets(self.loop, self.client, *nodes)
        self.kubelets.start()
        inner: Client = LocalClient(self.server, "system:kube-controller-manager")
        self.controllers_client: Any = wrap(self.loop, inner) if wrap is not None else inner
        self.errors: list[ReconcileError] = []
        self.classes = controllers
        self.manager = self.new_manager()
        if start:
            self.manager.start()
        self.scheduler = Scheduler(self.loop, LocalClient(self.server, "system:kube-scheduler"))
        self.scheduler.start()
        self.run(1)

    def new_manager(self, **options: Any) -> ControllerManager:
        return ControllerManager(
            self.loop, self.controllers_client, self.classes, on_error=self.errors.append, **options
        )

    def run(self, seconds: float) -> None:
        self.loop.run_for(seconds)

    # Objects ----------------------------------------------------------------------------------------------------------

    def create(self, kind: str, name: str, spec: Obj | None = None, *, meta: Obj | None = None, **top: Any) -> Obj:
        """Create an object of a kind given as "apps/v1/Deployment"."""
        api_version, _, kind = kind.rpartition("/")
        obj: Obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **(meta or {})}, **top}
        if spec is not None:
            obj["spec"] = spec
        return self.client.create(obj, NAMESPACE)

    def workload(self, kind: str, name: str, replicas: int | None = 3, image: str = "app:v1", **spec: Any) -> Obj:
        """A Deployment, ReplicaSet, StatefulSet or DaemonSet of Pods labelled app=NAME."""
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
        full: Obj = {"selector": {"matchLabels": labels}, "template": template, **spec}
        if replicas is not None:
            full["replicas"] = replicas
        return self.create(f"apps/v1/{kind}", name, full)

    def job(self, name: str, image: str = "i", **spec: Any) -> Obj:
        pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": image}]}
        return self.create("batch/v1/Job", name, {"template": {"spec": pod}, **spec})

    def get(self, resource: str, name: str) -> Obj:
        return self.client.get(resource, name, NAMESPACE)

    def list(self, resource: str, labels: str = "") -> Objs:
        items: Objs = self.client.list(resource, NAMESPACE, label_selector=labels)["items"]
        return items

    def patch(self, resource: str, name: str, patch: Obj, **options: Any) -> Obj:
        return self.client.patch(resource, name, patch, NAMESPACE, **options)

    def scale(self, resource: str, name: str, replicas: int) -> None:
        self.patch(resource, name, {"spec": {"replicas": replicas}})

    def set_image(self, resource: str, name: str, image: str) -> None:
        containers = [{"name": "app", "image": image}]
        self.patch(resource, name, {"spec": {"template": {"spec": {"containers": containers}}}}, type="strategic")

    def set_ready(self, pod: str, ready: bool) -> None:
        condition = {"type": "Ready", "status": str(ready)}
        self.patch("pods", pod, {"status": {"conditions": [condition]}}, type="strategic", subresource="status")

    def finish(self, pod: str, phase: str, code: int = 0) -> None:
        """End a Pod as its kubelet would."""
        state = {"terminated": {"exitCode": code, "reason": "Completed" if phase == "Succeeded" else "Error"}}
        statuses = [{"name": "a", "ready": False, "restartCount": 0, "image": "i", "imageID": "", "state": state}]
        self.patch(
            "pods", pod, {"status": {"phase": phase, "containerStatuses": statuses}}, type="merge", subresource="status"
        )

    def events(self, reason: str = "") -> Lines:
        """ "Kind/name reason: message" of the namespace's events."""
        return [
            f"{e['involvedObject']['kind']}/{e['involvedObject']['name']} {e['reason']}: {e['message']}"
            for e in self.list("events")
            if reason in ("", e["reason"])
        ]


def names(objects: Objs) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in objects)


def images(pods: Objs) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"] for pod in pods)
