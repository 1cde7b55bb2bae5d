"""Memory: what containers use, their limits, and which Pod goes when the node runs short."""

from dataclasses import replace
from typing import Any

import pytest

from tests.node.cluster import INSTANT, Node

MiB = 1024**2


def node_with_leak(growth: float = 20 * MiB) -> Node:
    node = Node(capacity={"memory": "2Gi"})
    node.images.add("leak:v1", replace(INSTANT, memory=100 * MiB, memory_growth=growth))
    node.images.add("fat:v1", replace(INSTANT, memory=400 * MiB))
    return node


def memory(request: str = "", limit: str = "") -> dict[str, Any]:
    return {"resources": {k: {"memory": v} for k, v in (("requests", request), ("limits", limit)) if v}}


def test_a_container_above_its_limit_is_killed() -> None:
    node = node_with_leak()
    node.add(image="leak:v1", container=memory(limit="300Mi"))
    node.run(16)
    row = node.container()
    ended = row["lastState"].get("terminated") or row["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert node.condition("Ready")["status"] == "False" or row["restartCount"] == 1


def test_under_pressure_the_pod_that_exceeds_its_request_most_goes_first() -> None:
    node = node_with_leak()
    node.add("leak", image="leak:v1", container=memory(request="200Mi"))
    node.add("fat", image="fat:v1", container=memory(request="400Mi", limit="400Mi"))
    node.add("best-effort", image="instant:v1")
    node.run(120)
    status = node.pod("leak")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"].startswith("The node was low on resource: memory. Threshold quantity: 100Mi, available: ")
    assert "Container c was using" in status["message"] and "request is 200Mi" in status["message"]
    disrupted = node.condition("DisruptionTarget", "leak")
    assert disrupted["status"] == "True" and disrupted["reason"] == "TerminationByKubelet"
    assert node.ready("fat") and node.ready("best-effort")
    assert any(event.startswith("EvictionThresholdMet: Attempting to reclaim memory") for event in node.events("a"))


def pressure(node: Node) -> str:
    return str(next(c["status"] for c in node.node()["status"]["conditions"] if c["type"] == "MemoryPressure"))


def test_the_node_says_that_it_is_under_pressure_until_five_minutes_after() -> None:
    node = node_with_leak()
    node.add("leak", image="leak:v1")
    node.run(80)
    assert pressure(node) == "False"
    node.run(20)
    assert pressure(node) == "True"
    node.run(280)
    assert pressure(node) == "True"
    node.run(60)
    assert pressure(node) == "False"


def test_under_pressure_the_node_takes_no_best_effort_pods() -> None:
    node = node_with_leak()
    node.add("leak", image="leak:v1")
    node.run(110)
    node.add("beggar")
    node.add("payer", container=memory(request="10Mi"))
    node.run(5)
    status = node.pod("beggar")["status"]
    assert status["reason"] == "Evicted"
    assert status["message"] == "Pod was rejected: The node had condition: [MemoryPressure]. "
    assert node.phase("payer") == "Running"


def test_disk_pressure() -> None:
    node = Node(capacity={"ephemeral-storage": "2Gi"})
    node.images.add("writer:v1", replace(INSTANT, storage_growth=20 * MiB))
    node.add("writer", image="writer:v1")
    node.add("quiet")
    node.run(120)
    status = node.pod("writer")["status"]
    assert status["reason"] == "Evicted"
    assert status["message"].startswith("The node was low on resource: ephemeral-storage. Threshold quantity: ")
    assert node.ready("quiet")
    node.add("late", container=memory(request="10Mi"))
    node.run(1)
    assert node.pod("late")["status"]["message"] == "Pod was rejected: The node had condition: [DiskPressure]. "


def test_priority_and_critical_pods() -> None:
    node = node_with_leak(0)
    for name, priority in (("low", 1), ("high", 100), ("critical", 2_000_000_000)):
        node.add(name, image="fat:v1", priority=priority)
    node.run(5)
    node.process("critical").leak(60 * MiB)
    gone = []
    for _ in range(40):
        node.run(5)
        gone += [n for n in ("low", "high", "critical") if node.phase(n) == "Failed" and n not in gone]
    assert gone == ["low", "high"]


def test_summary() -> None:
    node = Node()
    node.images.add("busy:v1", replace(INSTANT, cpu=0.01, cpu_per_request=0.1, memory=50 * MiB))
    node.add(image="busy:v1")
    node.run(5)
    process = node.process()
    for _ in range(100):
        node.run(0.5)
        process.serve("/", lambda status, body, version: None)
    node.run(0.1)
    (pod,) = node.kubelet.summary()["pods"]
    (row,) = pod["containers"]
    assert pod["podRef"]["name"] == "p" and row["memory"]["workingSetBytes"] == 50 * MiB
    assert row["cpu"]["usageNanoCores"] / 1e9 == pytest.approx(0.21, abs=0.02)
    total = node.kubelet.summary()["node"]
    assert total["cpu"]["usageNanoCores"] / 1e9 == pytest.approx(0.31, abs=0.02)
    node.run(120)
    assert node.kubelet.summary()["pods"][0]["containers"][0]["cpu"]["usageNanoCores"] / 1e9 == pytest.approx(
        0.01, abs=0.01
    )


def test_a_cpu_limit_makes_requests_wait() -> None:
    node = Node()
    node.images.add("busy:v1", replace(INSTANT, cpu_per_request=0.01, latency=0.0))
    for name, limits in (("free", {}), ("slow", {"resources": {"limits": {"cpu": "100m"}}})):
        node.add(name, image="busy:v1", container=limits)
    node.run(5)
    answered: dict[str, list[float]] = {"free": [], "slow": []}
    began = node.loop.now()
    for name, times in answered.items():
        for _ in range(50):
            node.process(name).serve("/", lambda *_, times=times: times.append(node.loop.now() - began))
    node.run(20)
    assert answered["free"] == [0.0] * 50
    assert answered["slow"][-1] == pytest.approx(5.0), "50 requests of 10 ms at a tenth of a core"


def test_sums_stay_right_through_restarts() -> None:
    node = node_with_leak()
    idle = node.runtime.node_usage()
    node.add(image="leak:v1")
    node.run(20)
    node.process().exit(1)
    node.run(5)
    node.process().leak(0)
    assert node.runtime.node_usage().memory > idle.memory
    node.api.delete_pod("p", grace=0)
    node.run(60)
    assert node.runtime.node_usage().memory == idle.memory
    node.add("q", image="leak:v1")
    node.run(5)
    node.kubelet.kill()
    assert node.runtime.node_usage().memory == idle.memory
