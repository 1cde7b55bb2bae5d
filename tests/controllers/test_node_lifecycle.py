"""Nodes that go silent are noticed on time, emptied slowly, and taken back when they return."""

from __future__ import annotations

import pytest

from controlplane.client.base import Obj
from controlplane.clock import rfc3339
from controlplane.controllers.node_zones import Zone, zone_state
from controlplane.controllers.taint_eviction import tolerated_for
from tests.controllers.plane import Plane, names

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def ready(plane: Plane, node: str) -> str:
    conditions = plane.client.get("nodes", node)["status"]["conditions"]
    return str(next(c["status"] for c in conditions if c["type"] == "Ready"))


def taints(plane: Plane, node: str) -> list[str]:
    spec = plane.client.get("nodes", node)["spec"]
    return sorted(f"{t['key'].rpartition('/')[2]}:{t['effect']}" for t in spec.get("taints", ()))


def leaving(plane: Plane) -> list[str]:
    return names([p for p in plane.list("pods") if "deletionTimestamp" in p["metadata"]])


def set_ready(plane: Plane, node: str, status: str) -> None:
    condition = {"type": "Ready", "status": status, "lastHeartbeatTime": rfc3339(plane.loop.now()), "reason": "x"}
    plane.client.patch("nodes", node, {"status": {"conditions": [condition]}}, type="strategic", subresource="status")


def test_a_silent_node_is_unknown_after_its_grace_and_comes_back() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 4)
    plane.run(10)
    plane.kubelets.stop("node-b")
    plane.run(44)
    assert ready(plane, "node-b") == "True"
    plane.run(12)
    assert ready(plane, "node-b") == "Unknown"
    assert taints(plane, "node-b") == ["unreachable:NoExecute", "unreachable:NoSchedule"]
    reasons = {c["type"]: c["reason"] for c in plane.client.get("nodes", "node-b")["status"]["conditions"]}
    assert reasons["Ready"] == "NodeStatusUnknown"
    assert reasons["MemoryPressure"] == "NodeStatusNeverUpdated"
    assert len(plane.events("NodeNotReady")) >= 2
    plane.kubelets.resume("node-b")
    plane.run(11)
    assert (ready(plane, "node-b"), taints(plane, "node-b")) == ("True", [])
    plane.run(400)
    assert leaving(plane) == []


def test_pods_leave_after_five_minutes_unless_they_tolerate_more_or_less() -> None:
    plane = Plane()
    for name, seconds in (("default", -1), ("soon", 20), ("never", None)):
        spec: Obj = {"containers": [{"name": "a", "image": "i"}], "nodeName": "node-b"}
        if seconds != -1:
            more = {"tolerationSeconds": seconds} if seconds is not None else {}
            spec["tolerations"] = [{"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", **more}]
        plane.create("v1/Pod", name, spec)
    plane.run(5)
    plane.kubelets.stop("node-b")
    plane.run(90)
    assert leaving(plane) == ["soon"]
    plane.run(290)
    assert leaving(plane) == ["default", "soon"]
    plane.run(2000)
    assert leaving(plane) == ["default", "soon"]
    assert "Pod/soon TaintManagerEviction: Marking for deletion Pod default/soon" in plane.events()
    conditions = plane.get("pods", "soon")["status"]["conditions"]
    assert [c["reason"] for c in conditions if c["type"] == "DisruptionTarget"] == ["DeletionByTaintManager"]


def test_a_node_that_says_it_is_not_ready_is_tainted_so() -> None:
    plane = Plane()
    plane.kubelets.stopped.add("node-b")
    for _ in range(10):
        set_ready(plane, "node-b", "False")
        plane.run(2)
    assert taints(plane, "node-b") == ["not-ready:NoExecute", "not-ready:NoSchedule"]
    plane.run(60)
    assert taints(plane, "node-b") == ["unreachable:NoExecute", "unreachable:NoSchedule"]


def test_a_cordoned_node_and_one_under_pressure_get_no_new_pods() -> None:
    plane = Plane()
    plane.client.patch("nodes", "node-a", {"spec": {"unschedulable": True}})
    pressure = {"type": "MemoryPressure", "status": "True"}
    plane.client.patch(
        "nodes", "node-a", {"status": {"conditions": [pressure]}}, type="strategic", subresource="status"
    )
    plane.run(1)
    assert taints(plane, "node-a") == ["memory-pressure:NoSchedule", "unschedulable:NoSchedule"]
    plane.client.patch("nodes", "node-a", {"spec": {"unschedulable": False}})
    plane.run(1)
    assert taints(plane, "node-a") == ["memory-pressure:NoSchedule"]


def test_nodes_are_emptied_one_in_ten_seconds() -> None:
    plane = Plane(nodes=[f"node-{n}" for n in range(8)])
    plane.run(10)
    for n in range(4):
        plane.kubelets.stop(f"node-{n}")
    plane.run(57)
    tainted = []
    for _ in range(8):
        tainted.append(sum("unreachable:NoExecute" in taints(plane, f"node-{n}") for n in range(4)))
        plane.run(5)
    assert tainted[0] <= 2
    assert tainted == sorted(tainted)
    assert tainted[-1] == 4


def test_when_every_node_is_silent_nothing_is_evicted() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 2)
    plane.run(10)
    plane.kubelets.stop("node-a")
    plane.kubelets.stop("node-b")
    plane.run(1000)
    assert [ready(plane, node) for node in ("node-a", "node-b")] == ["Unknown", "Unknown"]
    assert leaving(plane) == []
    plane.kubelets.resume("node-a")
    plane.kubelets.resume("node-b")
    plane.run(20)
    assert [taints(plane, node) for node in ("node-a", "node-b")] == [[], []]


def test_a_clock_that_jumps_on_a_node_changes_nothing() -> None:
    plane = Plane()
    plane.run(10)
    for _ in range(40):  # heartbeats from a year ago, and each a new one
        plane.run(5)
        stamp = rfc3339(plane.loop.now() - 31_536_000)
        plane.client.patch(
            "leases", "node-a", {"spec": {"renewTime": stamp.replace("Z", ".000000Z")}}, "kube-node-lease"
        )
    assert ready(plane, "node-a") == "True"


@pytest.mark.parametrize(
    ("up", "down", "state"),
    [
        (2, 0, "Normal"),
        (1, 1, "Normal"),
        (1, 2, "Normal"),
        (2, 3, "PartialDisruption"),
        (4, 3, "Normal"),
        (0, 1, "FullDisruption"),
    ],
)
def test_the_state_of_a_zone(up: int, down: int, state: str) -> None:
    assert zone_state(["True"] * up + ["Unknown"] * down) == state


def test_tokens_of_a_zone() -> None:
    zone = Zone(0.0)
    assert [zone.take(t) for t in (0, 1, 9, 10, 11, 25)] == [True, False, False, True, False, True]
    zone.enter("PartialDisruption", 100, False)
    assert (zone.rate, zone.take(36.0)) == (0.01, False)
    zone.enter("PartialDisruption", 5, False)
    assert zone.rate == 0.0


def taint(key: str) -> Obj:
    return {"key": key, "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("tolerations", "want"),
    [
        ([], 0.0),
        ([{"operator": "Exists"}], None),
        ([{"key": "a", "operator": "Exists"}], 0.0),
        ([{"key": "a", "operator": "Exists", "tolerationSeconds": 9}, {"key": "b", "operator": "Exists"}], 9.0),
        ([{"operator": "Exists", "tolerationSeconds": 5}, {"key": "b", "operator": "Exists"}], 5.0),
        ([{"operator": "Exists", "tolerationSeconds": -5}], 0.0),
    ],
)
def test_how_long_taints_are_tolerated(tolerations: list[Obj], want: float | None) -> None:
    assert tolerated_for([taint("a"), taint("b")], tolerations) == want
