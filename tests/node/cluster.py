"""One node, or a few, on a stand-in API server."""

from __future__ import annotations

from typing import Any

from controlplane.client.base import Obj
from controlplane.clock import Loop
from controlplane.node.images import Behaviour, ImageTable
from controlplane.node.kubelet import Kubelet
from controlplane.node.simulated_process import Process
from controlplane.node.simulated_runtime import SimulatedRuntime
from tests.node.fake_api import FakeApi, FakeClient

INSTANT = Behaviour(boot=0.0, pull=0.1)


class Node:
    """A kubelet on a simulated machine, called "a"; it has registered when the constructor returns."""

    def __init__(self, seed: int = 0, capacity: dict[str, str] | None = None) -> None:
        self.loop = Loop(seed)
        self.api = FakeApi(self.loop)
        self.client: FakeClient = self.api.client("system:node:a")
        self.images = ImageTable()
        self.images.add("instant:v1", INSTANT)
        self.runtime = SimulatedRuntime(self.loop, "a", images=self.images)
        self.kubelet = Kubelet(
            self.loop,
            self.client,
            "a",
            runtime=self.runtime,
            capacity=capacity,
            pod_cidr="10.244.1.0/24",
            address="192.168.0.2",
        )
        self.kubelet.start()
        self.run(5)

    def run(self, seconds: float) -> None:
        self.loop.run_for(seconds)

    def add(self, name: str = "p", image: str = "instant:v1", **spec: Any) -> None:
        self.api.add_pod(name, "a", image, **spec)

    def pod(self, name: str = "p") -> Obj:
        found = self.api.get("pods", name)
        assert found is not None, f"there is no Pod {name}"
        return found

    def phase(self, name: str = "p") -> str:
        return str(self.pod(name)["status"]["phase"])

    def container(self, name: str = "p", container: str = "c") -> Obj:
        """The container's status."""
        status = self.pod(name)["status"]
        rows = [*status.get("initContainerStatuses", ()), *status["containerStatuses"]]
        return next(row for row in rows if row["name"] == container)

    def condition(self, type: str, name: str = "p") -> Obj:
        return next(c for c in self.pod(name)["status"]["conditions"] if c["type"] == type)

    def ready(self, name: str = "p") -> bool:
        return bool(self.condition("Ready", name)["status"] == "True")

    def events(self, name: str = "p") -> list[str]:
        return self.api.events(name)

    def process(self, name: str = "p", container: str = "c") -> Process:
        """The running process of a container."""
        processes = self.runtime.processes(self.pod(name)["metadata"]["uid"])
        return next(p for p in processes if p.container.name == container and p.container.state == "running")

    def node(self) -> Obj:
        found = self.api.get("nodes", "a")
        assert found is not None
        return found
