"""ReplicaSets hold their number, take what nobody controls, and choose with care whom to delete."""

from __future__ import annotations

from controlplane.client.base import Obj
from controlplane.controllers import ReplicaSetController
from tests.controllers.plane import Plane, names


def lone_pod(plane: Plane, name: str, labels: dict[str, str], **meta: Obj) -> None:
    plane.create("v1/Pod", name, {"containers": [{"name": "app", "image": "app:v1"}]}, meta={"labels": labels, **meta})


def owner(pod: Obj) -> str:
    return ",".join(ref["name"] for ref in pod["metadata"].get("ownerReferences", ()))


def test_orphans_are_adopted_and_too_many_go() -> None:
    plane = Plane()
    for n in range(3):
        lone_pod(plane, f"lone-{n}", {"app": "web"})
    plane.run(1)
    plane.workload("ReplicaSet", "web", 2)
    plane.run(2)
    assert [owner(pod) for pod in plane.list("pods")] == ["web", "web"]
    assert plane.events("SuccessfulCreate") == []


def test_what_another_controls_is_left_alone() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 2)
    plane.run(2)
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v2"}]}}
    plane.create(
        "apps/v1/ReplicaSet", "rival", {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    )
    plane.run(5)
    assert sorted(owner(pod) for pod in plane.list("pods")) == ["rival", "rival", "web", "web"]


def test_a_pod_whose_owner_reference_is_removed_is_taken_back() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 2)
    plane.run(2)
    before = names(plane.list("pods"))
    plane.patch("pods", before[0], {"metadata": {"ownerReferences": None}})
    plane.run(2)
    assert [owner(pod) for pod in plane.list("pods")] == ["web", "web"]
    assert names(plane.list("pods")) == before


def test_a_released_pod_is_replaced() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 1)
    plane.run(2)
    released = names(plane.list("pods"))[0]
    plane.patch("pods", released, {"metadata": {"labels": {"app": "other"}}})
    plane.run(2)
    assert sorted(owner(pod) for pod in plane.list("pods")) == ["", "web"]


def test_the_unready_and_the_cheap_go_first() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 4)
    plane.run(5)
    first, second, third, fourth = names(plane.list("pods"))
    plane.set_ready(first, False)
    plane.patch("pods", second, {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}})
    plane.patch("pods", third, {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "7"}}})
    plane.run(1)
    for left in ([second, third, fourth], [third, fourth], [third]):
        plane.scale("replicasets", "web", len(left))
        plane.run(1)
        assert names(plane.list("pods")) == left


def test_the_crowded_node_is_relieved_first() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 7)
    plane.run(5)
    before = [pod["spec"]["nodeName"] for pod in plane.list("pods")]
    crowded = max(set(before), key=before.count)
    plane.scale("replicasets", "web", 3)
    plane.run(5)
    assert [pod["spec"]["nodeName"] for pod in plane.list("pods") if pod["spec"]["nodeName"] == crowded] == []


def test_a_quota_that_is_used_up_shows_as_a_failure_and_heals() -> None:
    plane = Plane()
    plane.create("v1/ResourceQuota", "few", {"hard": {"pods": "2"}})
    plane.run(1)
    plane.workload("ReplicaSet", "web", 5)
    plane.run(5)
    failure = plane.get("replicasets", "web")["status"]["conditions"][0]
    assert (failure["type"], failure["reason"]) == ("ReplicaFailure", "FailedCreate")
    assert failure["message"].endswith("exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2")
    assert len(plane.list("pods")) == 2
    assert any("Error creating: pods" in event for event in plane.events("FailedCreate"))
    plane.patch("resourcequotas", "few", {"spec": {"hard": {"pods": "9"}}})
    plane.run(600)
    assert len(plane.list("pods")) == 5
    assert "conditions" not in plane.get("replicasets", "web")["status"]


def test_finished_pods_do_not_count() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 2)
    plane.run(2)
    plane.finish(names(plane.list("pods"))[0], "Failed", 1)
    plane.run(2)
    assert plane.get("replicasets", "web")["status"]["replicas"] == 2
    assert len(plane.list("pods")) == 3


def test_terminating_pods_are_replaced_at_once_and_counted() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 2)
    plane.run(2)
    pod = plane.list("pods")[0]
    plane.kubelets.stop(pod["spec"]["nodeName"])
    plane.client.delete("pods", pod["metadata"]["name"], "default")
    plane.run(1)
    status = plane.get("replicasets", "web")["status"]
    assert (status["replicas"], status["terminatingReplicas"]) == (2, 1)


def test_the_tally_agrees_with_the_cache() -> None:
    plane = Plane()
    plane.workload("ReplicaSet", "web", 5)
    plane.run(2)
    plane.set_ready(names(plane.list("pods"))[0], False)
    plane.scale("replicasets", "web", 3)
    plane.run(2)
    controller = plane.manager.controller(ReplicaSetController)
    assert isinstance(controller, ReplicaSetController)
    count = controller.tally.of(plane.get("replicasets", "web")["metadata"]["uid"])
    assert (count.active, count.ready, count.terminating) == (3, 3, 0)
