"""DaemonSets: one Pod on each node that suits, and none elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.client.base import Obj, Objs
from controlplane.controllers.daemonset_nodes import suitable
from tests.controllers.plane import Plane, images


def places(plane: Plane) -> list[str]:
    return sorted(pod["spec"].get("nodeName", "") for pod in plane.list("pods"))


def numbers(plane: Plane, name: str = "agent") -> list[int]:
    status = plane.get("daemonsets", name)["status"]
    fields = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberMisscheduled")
    return [status[field] for field in fields]


def test_a_new_node_gets_one_and_a_tainted_node_keeps_its_own() -> None:
    plane = Plane()
    plane.workload("DaemonSet", "agent", None)
    plane.run(2)
    assert places(plane) == ["node-a", "node-b"]
    plane.kubelets.names.append("node-c")
    plane.kubelets._register("node-c")
    plane.client.patch("nodes", "node-a", {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}})
    plane.run(2)
    assert places(plane) == ["node-a", "node-b", "node-c"]
    assert numbers(plane) == [2, 2, 2, 1]
    plane.client.patch("nodes", "node-a", {"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}})
    plane.run(2)
    assert places(plane) == ["node-b", "node-c"]


def test_cordoned_and_silent_nodes_keep_their_daemons() -> None:
    plane = Plane()
    plane.workload("DaemonSet", "agent", None)
    plane.run(2)
    plane.client.patch("nodes", "node-a", {"spec": {"unschedulable": True}})
    plane.kubelets.stop("node-b")
    plane.run(600)
    assert places(plane) == ["node-a", "node-b"]
    assert all("deletionTimestamp" not in pod["metadata"] for pod in plane.list("pods"))


def test_a_node_selector_that_comes_to_fit() -> None:
    plane = Plane()
    spec = {"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "app", "image": "app:v1"}]}
    plane.workload("DaemonSet", "agent", None, template={"metadata": {"labels": {"app": "agent"}}, "spec": spec})
    plane.run(1)
    assert places(plane) == []
    plane.client.patch("nodes", "node-b", {"metadata": {"labels": {"disk": "ssd"}}})
    plane.run(1)
    assert places(plane) == ["node-b"]


@pytest.mark.parametrize("rolling", [{"maxUnavailable": 1}, {"maxSurge": 1, "maxUnavailable": 0}])
def test_a_rolling_update_keeps_all_but_one_ready(rolling: Obj) -> None:
    plane = Plane(nodes=[f"node-{n}" for n in range(4)])
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    plane.workload("DaemonSet", "agent", None, updateStrategy=strategy)
    plane.run(2)
    plane.set_image("daemonsets", "agent", "app:v2")
    for _ in range(200):
        plane.run(0.01)
        ready = {
            pod["spec"]["nodeName"]
            for pod in plane.list("pods")
            if "deletionTimestamp" not in pod["metadata"]
            for c in pod["status"].get("conditions", ())
            if (c["type"], c["status"]) == ("Ready", "True")
        }
        assert len(ready) >= (3 if rolling["maxUnavailable"] else 4)
    assert images(plane.list("pods")) == ["app:v2"] * 4


def test_a_failed_daemon_is_replaced_later_and_later() -> None:
    plane = Plane(nodes=["node-a"])
    plane.workload("DaemonSet", "agent", None)
    times = []
    for _ in range(4):
        plane.run(2)
        name = plane.list("pods")[0]["metadata"]["name"]
        plane.finish(name, "Failed", 1)
        start = plane.loop.now()
        while any(pod["metadata"]["name"] == name for pod in plane.list("pods")):
            plane.run(0.1)
        times.append(plane.loop.now() - start)
    assert times == sorted(times)
    assert times[-1] > times[0]
    assert any("Found failed daemon pod default/agent-" in event for event in plane.events("FailedDaemonPod"))


def ds(**spec: Any) -> Obj:
    return {"spec": {"template": {"spec": {"containers": [], **spec}}}}


def node(taints: Objs = (), **labels: str) -> Obj:  # type: ignore[assignment]
    return {"metadata": {"name": "n", "labels": labels}, "spec": {"taints": list(taints)}}


@pytest.mark.parametrize(
    ("owner", "where", "want"),
    [
        (ds(), node(), (True, True)),
        (ds(nodeName="other"), node(), (False, False)),
        (ds(nodeSelector={"a": "1"}), node(a="1"), (True, True)),
        (ds(nodeSelector={"a": "1"}), node(a="2"), (False, False)),
        (ds(), node([{"key": "k", "effect": "NoSchedule"}]), (False, True)),
        (ds(), node([{"key": "k", "effect": "NoExecute"}]), (False, False)),
        (ds(), node([{"key": "k", "effect": "PreferNoSchedule"}]), (True, True)),
        (ds(), node([{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]), (True, True)),
        (
            ds(tolerations=[{"key": "k", "operator": "Exists"}]),
            node([{"key": "k", "effect": "NoExecute"}]),
            (True, True),
        ),
    ],
)
def test_which_nodes_suit(owner: Obj, where: Obj, want: tuple[bool, bool]) -> None:
    assert suitable(owner, [where]) == {"n": want}
