"""Nodes in a whole cluster that fail in every way there is: it always settles in what was asked for."""

import random

import pytest

from controlplane.client.base import Obj
from controlplane.cluster import Cluster

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: app:v1
        readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
FAULTS = ["kill", "restart", "cut", "heal", "kubelet", "crash", "delete", "roll", "wait"]


def ready(obj: Obj) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return str(next((c["status"] for c in conditions if c["type"] == "Ready"), "nobody says"))


def inflict(cluster: Cluster, fault: str, rng: random.Random) -> None:
    machine = cluster.machine(rng.choice(list(cluster.machines)))
    pods = cluster.pods()
    if fault == "kill":
        cluster.kill_node(machine.name)
    elif fault == "restart":
        cluster.restart_node(machine.name)
    elif fault == "cut":
        cluster.partition(machine.name)
    elif fault == "heal":
        cluster.heal(machine.name)
    elif fault == "kubelet" and machine.powered:
        machine.stop()
        cluster.run_for(rng.choice([1, 60]))
        machine.start()
    elif fault == "crash":
        for uid in machine.runtime.pod_uids():
            for process in machine.runtime.processes(uid):
                process.exit(1)
    elif fault == "delete" and pods:
        cluster.client.delete("pods", rng.choice(pods)["metadata"]["name"], "default")
    elif fault == "roll":
        image = f"app:v{rng.randint(1, 4)}"
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}
        cluster.client.patch("deployments.apps", "web", patch, "default", type="strategic")


@pytest.mark.parametrize("seed", range(10))
def test_after_any_faults_the_cluster_settles(seed: int) -> None:
    rng = random.Random(seed)
    cluster = Cluster(3, seed=seed)
    cluster.apply(DEPLOYMENT)
    cluster.run_for("20s")
    for _ in range(12):
        inflict(cluster, rng.choice(FAULTS), rng)
        cluster.run_for(rng.choice([0.1, 1, 10, 100, 400]))
    for name, machine in cluster.machines.items():
        cluster.heal(name)
        if not machine.powered:
            cluster.restart_node(name)
    cluster.run_for("25m")
    pods = cluster.pods()
    assert [ready(pod) for pod in pods] == ["True"] * 4
    assert not [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
    assert {ready(node) for node in cluster.client.list("nodes")["items"]} == {"True"}
    running = [uid for machine in cluster.machines.values() for uid in machine.runtime.pod_uids()]
    assert sorted(running) == sorted(pod["metadata"]["uid"] for pod in pods), "nothing else runs anywhere"
    slices = cluster.client.list("endpointslices.discovery.k8s.io", "default")["items"]
    ends = [ip for s in slices for e in s["endpoints"] if e["conditions"]["ready"] for ip in e["addresses"]]
    assert sorted(ends) == sorted(pod["status"]["podIP"] for pod in pods)


def test_a_clock_that_is_wrong_on_one_node_does_not_make_it_look_dead() -> None:
    cluster = Cluster(2)
    cluster.run_for("30s")
    for skew in (3600.0, -3600.0):
        cluster.machine("node-b").kubelet.clock_skew = skew
        for _ in range(20):
            cluster.run_for("10s")
            assert {ready(node) for node in cluster.client.list("nodes")["items"]} == {"True"}


def test_a_slow_disk_delays_pods_and_nothing_else() -> None:
    cluster = Cluster(2)
    cluster.machine("node-b").runtime.slowness = 60.0
    cluster.apply(DEPLOYMENT)
    cluster.run_for("15s")
    state = {node: {ready(p) for p in cluster.pods() if p["spec"].get("nodeName") == node} for node in cluster.machines}
    assert state == {"node-a": {"True"}, "node-b": {"False"}}
    cluster.run_for("2m")
    assert {ready(pod) for pod in cluster.pods()} == {"True"}
