"""What runs on a machine can be left out, be somebody else's, or be replaced while it runs."""

from __future__ import annotations

import pytest

from controlplane import demo
from controlplane.client.base import Client, Obj
from controlplane.clock import Loop
from controlplane.cluster import Cluster
from controlplane.conditions import available, nodes_ready
from controlplane.machine import Machine, default_kubelet, default_proxy
from controlplane.traffic.load import Clients


class Agent:
    """Registers the machine as a Node and notes what it is told to do."""

    def __init__(self, loop: Loop, client: Client, machine: Machine) -> None:
        self.client, self.machine = client, machine
        self.pods: list[str] = []
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")
        node: Obj = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.machine.name}}
        ready = {"type": "Ready", "status": "True"}
        node["status"] = {"conditions": [ready], "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}
        self.client.create(node)
        mine = f"spec.nodeName={self.machine.name}"
        self.client.watch("pods", lambda type, pod: self.pods.append(pod["metadata"]["name"]), field_selector=mine)

    def stop(self) -> None:
        self.told.append("stop")


def test_a_kubelet_of_ones_own() -> None:
    cluster = Cluster(nodes=["node-a"], kubelet=Agent)
    cluster.run_until(nodes_ready(1))
    cluster.apply(demo.APP)
    cluster.run_for(5)
    agent = cluster.machine("node-a").parts["kubelet"]
    assert isinstance(agent, Agent)
    assert agent.client.user == "system:node:node-a"
    assert set(agent.pods) == {pod["metadata"]["name"] for pod in cluster.pods()}
    cluster.kill_node("node-a")
    assert agent.told == ["start", "stop"]
    assert not cluster.network.is_up("node-a")
    with pytest.raises(LookupError, match="node-a does not run the package's kubelet"):
        _ = cluster.machine("node-a").kubelet


def test_no_kubelet_no_node() -> None:
    cluster = Cluster(nodes=2, kubelet=None)
    cluster.run_for("1m")
    assert cluster.client.list("nodes")["items"] == []


def test_one_machine_may_differ_from_the_others() -> None:
    cluster = Cluster(nodes=["node-a"])
    cluster.add_node("node-b", kubelet=Agent)
    cluster.run_until(nodes_ready(2))
    assert cluster.machine("node-a").kubelet.name == "node-a"
    assert isinstance(cluster.machine("node-b").parts["kubelet"], Agent)


def test_containers_go_on_while_the_kubelet_is_replaced() -> None:
    cluster = demo.boot()
    machine = cluster.machine("node-a")
    before = machine.runtime.pod_uids()
    machine.replace("kubelet", default_kubelet)
    cluster.run_for(30)
    assert machine.runtime.pod_uids() == before
    assert demo.send(cluster).ok == 1000


def test_without_kube_proxy_the_address_of_a_service_leads_nowhere() -> None:
    cluster = Cluster(nodes=2, proxy=None)
    cluster.apply(demo.APP)
    cluster.run_until(available("deployment/web"))
    address = cluster.client.get("services", "web", "default")["spec"]["clusterIP"]

    def answered() -> int:
        tally = Clients(cluster.loop, cluster.network, f"http://{address}/", source="node-a").send(10)
        cluster.run_for(10)
        return tally.ok

    assert answered() == 0
    cluster.machine("node-a").replace("kube-proxy", default_proxy)
    cluster.run_for(2)
    assert answered() == 10
