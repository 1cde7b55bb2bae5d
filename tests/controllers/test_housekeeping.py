"""The controllers that tidy, count and hand out: Pod collection, budgets, quotas, addresses, volumes, old kinds."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.client.base import ApiError, Obj
from controlplane.controllers.resourcequota import in_scope, pod_amounts
from tests.controllers.plane import Plane, names


def pod(plane: Plane, name: str, **spec: Any) -> None:
    plane.create("v1/Pod", name, {"containers": [{"name": "a", "image": "i"}], **spec})


def test_pods_on_a_node_that_is_gone_are_collected_after_a_while() -> None:
    plane = Plane()
    pod(plane, "lost", nodeName="node-b")
    plane.run(5)
    plane.kubelets.stop("node-b")
    plane.client.delete("nodes", "node-b")
    plane.run(30)
    assert names(plane.list("pods")) == ["lost"]
    plane.run(40)
    assert plane.list("pods") == []


def test_a_terminating_pod_on_a_node_out_of_service_is_let_go() -> None:
    plane = Plane()
    pod(plane, "stuck", nodeName="node-b")
    plane.run(5)
    plane.kubelets.stop("node-b")
    plane.client.delete("pods", "stuck", "default")
    plane.run(120)
    assert names(plane.list("pods")) == ["stuck"]
    taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute", "value": "off"}
    plane.client.patch("nodes", "node-b", {"spec": {"taints": [taint]}}, type="strategic")
    plane.run(30)
    assert plane.list("pods") == []


def budget(plane: Plane, **spec: Any) -> Obj:
    plane.create("policy/v1/PodDisruptionBudget", "b", {"selector": {"matchLabels": {"app": "web"}}, **spec})
    plane.run(2)
    status: Obj = plane.get("poddisruptionbudgets", "b")["status"]
    return status


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        ({"minAvailable": 3}, 3, 1),
        ({"minAvailable": "50%"}, 2, 2),
        ({"maxUnavailable": 1}, 3, 1),
        ({"maxUnavailable": "30%"}, 2, 2),
        ({"minAvailable": 5}, 5, 0),
    ],
)
def test_a_budget_says_how_many_may_be_disrupted(spec: Obj, desired: int, allowed: int) -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 4)
    plane.run(3)
    status = budget(plane, **spec)
    assert (status["desiredHealthy"], status["disruptionsAllowed"]) == (desired, allowed)
    assert (status["currentHealthy"], status["expectedPods"]) == (4, 4)
    assert status["conditions"][0]["reason"] == ("SufficientPods" if allowed else "InsufficientPods")
    plane.set_ready(names(plane.list("pods"))[0], False)
    plane.run(1)
    assert plane.get("poddisruptionbudgets", "b")["status"]["disruptionsAllowed"] == max(allowed - 1, 0)


def test_a_budget_over_nothing() -> None:
    plane = Plane()
    status = budget(plane, minAvailable=1)
    assert (status["disruptionsAllowed"], status["expectedPods"]) == (0, 0)
    assert plane.events("NoPods") == ["PodDisruptionBudget/b NoPods: No matching pods found"]


def test_a_quota_counts_what_is_there() -> None:
    plane = Plane()
    hard = {"pods": "9", "requests.cpu": "2", "limits.memory": "1Gi", "services": "3", "count/deployments.apps": "4"}
    plane.create("v1/ResourceQuota", "q", {"hard": hard})
    plane.run(1)
    amounts = {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    for name in ("one", "two"):
        pod(plane, name, containers=[{"name": "a", "image": "i", "resources": amounts}])
    plane.create("v1/Service", "s", {"ports": [{"port": 80}]})
    plane.run(301)
    used = plane.get("resourcequotas", "q")["status"]["used"]
    assert used["pods"] == "2"
    assert used["requests.cpu"] == "500m"
    assert used["limits.memory"] == "256Mi"
    plane.client.delete("pods", "one", "default")
    plane.run(1)
    assert plane.get("resourcequotas", "q")["status"]["used"]["pods"] == "1"


def test_what_a_pod_asks_for() -> None:
    def with_cpu(cpu: str) -> Obj:
        return {"resources": {"requests": {"cpu": cpu}}}

    spec = {
        "containers": [with_cpu("1"), with_cpu("500m")],
        "initContainers": [with_cpu("2")],
        "overhead": {"cpu": "1m"},
    }
    assert pod_amounts({"spec": spec}, "requests", "cpu") == ["2", "1m"]
    assert pod_amounts({"spec": {**spec, "initContainers": []}}, "requests", "cpu") == ["1", "500m", "1m"]


def test_scopes() -> None:
    best_effort = {"spec": {}, "status": {"qosClass": "BestEffort"}}
    quota = {"spec": {"scopes": ["NotBestEffort"]}}
    assert not in_scope(quota, best_effort)
    assert in_scope({"spec": {"scopes": ["BestEffort", "NotTerminating"]}}, best_effort)


def test_each_node_gets_a_range_of_its_own() -> None:
    plane = Plane(nodes=["node-a", "node-b", "node-c"])
    ranges = [plane.client.get("nodes", f"node-{n}")["spec"]["podCIDR"] for n in "abc"]
    assert len(set(ranges)) == 3
    assert all(r.startswith("10.244.") and r.endswith(".0/24") for r in ranges)


def test_a_replication_controller() -> None:
    plane = Plane()
    template = {"metadata": {"labels": {"app": "old"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
    plane.create("v1/ReplicationController", "old", {"replicas": 3, "selector": {"app": "old"}, "template": template})
    plane.run(3)
    status = plane.get("replicationcontrollers", "old")["status"]
    assert (status["replicas"], status["readyReplicas"], len(plane.list("pods"))) == (3, 3, 3)
    assert "terminatingReplicas" not in status


def volume(plane: Plane, name: str, size: str, **more: Any) -> None:
    spec = {"hostPath": {"path": "/x"}, "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, **more}
    plane.client.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})


def test_a_claim_takes_the_smallest_volume_that_fits_and_gives_it_back() -> None:
    plane = Plane()
    for name, size in (("big", "10Gi"), ("fit", "2Gi"), ("small", "1Gi")):
        volume(plane, name, size)
    need = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    plane.create("v1/PersistentVolumeClaim", "c", need)
    plane.run(1)
    claim = plane.get("persistentvolumeclaims", "c")
    assert (claim["spec"]["volumeName"], claim["status"]["phase"]) == ("fit", "Bound")
    phases = {v["metadata"]["name"]: v["status"]["phase"] for v in plane.client.list("persistentvolumes")["items"]}
    assert phases == {"big": "Available", "fit": "Bound", "small": "Available"}
    mount = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    pod(plane, "user", volumes=[mount])
    plane.run(1)
    plane.client.delete("persistentvolumeclaims", "c", "default")
    plane.run(1)
    assert "deletionTimestamp" in plane.get("persistentvolumeclaims", "c")["metadata"]  # still in use
    plane.client.delete("pods", "user", "default")
    plane.run(1)
    assert plane.list("persistentvolumeclaims") == []
    assert plane.client.get("persistentvolumes", "fit")["status"]["phase"] == "Released"


def test_a_claim_that_nothing_fits_says_so() -> None:
    plane = Plane()
    need = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    plane.create("v1/PersistentVolumeClaim", "c", need)
    plane.run(1)
    assert plane.events("FailedBinding")[0].endswith(
        "no persistent volumes available for this claim and no storage class is set"
    )
    volume(plane, "late", "5Gi")
    plane.run(1)
    assert plane.get("persistentvolumeclaims", "c")["status"]["phase"] == "Bound"


def test_unknown_names_are_errors() -> None:
    plane = Plane()
    with pytest.raises(ApiError):
        plane.get("poddisruptionbudgets", "none")
