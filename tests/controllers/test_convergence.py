"""Whatever is lost, repeated, late or refused on the way, the cluster ends in the state that was asked for."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.client.base import Client, Obj, Objs
from controlplane.clock import Loop
from controlplane.controllers import (
    DaemonSetController,
    DeploymentController,
    EndpointSliceController,
    GarbageCollector,
    JobController,
    NodeLifecycleController,
    ReplicaSetController,
    StatefulSetController,
)
from tests.controllers.plane import Plane, images, names
from tests.faults import FaultyClient

WORKLOADS = [
    DeploymentController,
    ReplicaSetController,
    StatefulSetController,
    DaemonSetController,
    JobController,
    NodeLifecycleController,
    EndpointSliceController,
    GarbageCollector,
]
SETTLE = 1500.0  # seconds: the longest back-off of a key that kept failing, and then some


class Ordeal:
    """Changes drawn from a seed, while the controllers' requests and watches fail and the manager is restarted."""

    def __init__(self, seed: int) -> None:
        self.faulty: list[FaultyClient] = []
        self.plane = Plane(WORKLOADS, seed=seed, wrap=self._wrap)
        self.rng = random.Random(seed)
        self.size = {"web": 3, "db": 2}
        self.image = "app:v1"

    def _wrap(self, loop: Loop, inner: Client) -> Client:
        self.faulty.append(FaultyClient(loop, inner))
        return self.faulty[-1]

    def run(self) -> None:
        plane = self.plane
        plane.create("v1/Service", "web", {"selector": {"app": "web"}, "ports": [{"port": 80}]})
        plane.workload("Deployment", "web", self.size["web"])
        plane.workload("StatefulSet", "db", self.size["db"], serviceName="db")
        plane.workload("DaemonSet", "agent", None)
        plane.job("sum", completions=3, parallelism=2)
        actions = [self._scale, self._roll, self._kill_pods, self._restart]
        for _ in range(8):
            plane.run(self.rng.random() * 10)
            self.rng.choice(actions)()
        for client in self.faulty:
            client.heal()

    def _scale(self) -> None:
        resource, name = self.rng.choice([("deployments", "web"), ("statefulsets", "db")])
        self.size[name] = self.rng.randrange(6)
        self.plane.scale(resource, name, self.size[name])

    def _roll(self) -> None:
        self.image = f"app:v{self.rng.randrange(4)}"
        for resource, name in (("deployments", "web"), ("statefulsets", "db"), ("daemonsets", "agent")):
            self.plane.set_image(resource, name, self.image)

    def _kill_pods(self) -> None:
        for pod in self.plane.list("pods"):
            if self.rng.random() < 0.3 and "app" in (pod["metadata"].get("labels") or {}):
                self.plane.client.delete("pods", pod["metadata"]["name"], "default")

    def _restart(self) -> None:
        self.plane.manager.stop()
        self.plane.run(self.rng.random() * 5)
        self.plane.manager = self.plane.new_manager()
        self.plane.manager.start()


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_converges_through_faults(seed: int) -> None:
    ordeal = Ordeal(seed)
    ordeal.run()
    end = ordeal.plane.loop.now() + SETTLE
    while ordeal.plane.loop.now() < end:
        ordeal.plane.run(20)
        if not any(differences(ordeal)):
            return
    assert list(differences(ordeal)) == []


def differences(ordeal: Ordeal) -> Iterator[str]:
    """In what the cluster is not yet as it was asked to be."""
    plane, size, image = ordeal.plane, ordeal.size, ordeal.image
    web = plane.list("pods", "app=web")
    if images(web) != [image] * size["web"] or not all(map(_is_ready, web)):
        yield f"the Deployment's Pods are {images(web)}"
    sets = plane.list("replicasets")
    if sorted(s["spec"]["replicas"] for s in sets) != sorted([0] * (len(sets) - 1) + [size["web"]]):
        yield f"the ReplicaSets have {[s['spec']['replicas'] for s in sets]}"
    status = plane.get("deployments", "web").get("status", {})
    if [status.get(f, 0) for f in ("replicas", "updatedReplicas", "availableReplicas")] != [size["web"]] * 3:
        yield f"the Deployment's status is {status}"
    if _addresses(plane) != sorted(pod["status"].get("podIP", "") for pod in web):
        yield f"the endpoints are {_addresses(plane)}"

    db, agents = plane.list("pods", "app=db"), plane.list("pods", "app=agent")
    if names(db) != [f"db-{n}" for n in range(size["db"])] or images(db) != [image] * size["db"]:
        yield f"the StatefulSet's Pods are {names(db)} {images(db)}"
    if sorted(p["spec"]["nodeName"] for p in agents) != ["node-a", "node-b"] or images(agents) != [image] * 2:
        yield f"the DaemonSet's Pods are {images(agents)}"

    job = plane.get("jobs", "sum").get("status", {})  # a Pod whose making was not answered may succeed as a fourth
    done = [c["type"] for c in job.get("conditions", ()) if c["status"] == "True"]
    if job.get("succeeded", 0) < 3 or done != ["SuccessCriteriaMet", "Complete"]:
        yield f"the Job's status is {job}"
    for pod in plane.list("pods"):
        if "finalizers" in pod["metadata"] or not pod["metadata"].get("ownerReferences"):
            yield f"the Pod {pod['metadata']['name']} is left over"


def _is_ready(pod: Obj) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


def _addresses(plane: Plane) -> list[str]:
    parts: Objs = plane.list("endpointslices", "kubernetes.io/service-name=web")
    return sorted(e["addresses"][0] for part in parts for e in part.get("endpoints") or () if e["conditions"]["ready"])
