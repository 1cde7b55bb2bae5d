"""Deployments roll as upstream's do: within their bounds, forward and back, and they say how it goes."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.client.base import Obj
from controlplane.controllers.deployment_scale import shrunk
from tests.controllers.plane import Plane, images, names

TOO_LATE = "ProgressDeadlineExceeded"


def condition(obj: Obj, type: str) -> tuple[str, str]:
    found = [c for c in obj["status"]["conditions"] if c["type"] == type]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


def sizes(plane: Plane) -> dict[str, int]:
    """image -> replicas asked of its ReplicaSet."""
    return {
        s["spec"]["template"]["spec"]["containers"][0]["image"]: s["spec"]["replicas"]
        for s in plane.list("replicasets")
    }


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "least"),
    [
        (1, 0, 11, 10),
        (0, 1, 10, 9),
        ("25%", "25%", 13, 8),
        ("100%", "100%", 20, 0),
        (0, 0, 10, 9),
        ("1%", "1%", 11, 10),
    ],
)
def test_a_rolling_update_keeps_to_its_bounds(surge: Any, unavailable: Any, most: int, least: int) -> None:
    plane = Plane()
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    if surge == unavailable == 0:  # refused by the API server, but an object may be older than its validation
        rolling = {"maxSurge": 0, "maxUnavailable": "5%"}
    plane.workload("Deployment", "web", 10, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    plane.run(5)
    plane.set_image("deployments", "web", "app:v2")
    for _ in range(300):
        plane.run(0.01)
        pods = [p for p in plane.list("pods") if "deletionTimestamp" not in p["metadata"]]
        ready = [
            p for p in pods for c in p["status"].get("conditions", ()) if (c["type"], c["status"]) == ("Ready", "True")
        ]
        assert len(pods) <= most
        assert len(ready) >= least
    assert images(plane.list("pods")) == ["app:v2"] * 10


def test_scaling_in_the_middle_of_a_roll_out_is_shared_out() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 10, strategy={"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    plane.run(5)
    plane.set_image("deployments", "web", "app:broken")
    plane.run(5)
    assert sizes(plane) == {"app:v1": 8, "app:broken": 5}
    plane.scale("deployments", "web", 15)
    plane.run(5)
    assert sizes(plane) == {"app:v1": 11, "app:broken": 7}


def test_a_pause_holds_the_roll_out_and_not_the_scaling() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 4)
    plane.run(5)
    plane.patch("deployments", "web", {"spec": {"paused": True}})
    plane.set_image("deployments", "web", "app:v2")
    plane.scale("deployments", "web", 6)
    plane.run(5)
    assert images(plane.list("pods")) == ["app:v1"] * 6
    assert condition(plane.get("deployments", "web"), "Progressing") == ("Unknown", "DeploymentPaused")
    plane.patch("deployments", "web", {"spec": {"paused": False}})
    plane.run(5)
    assert images(plane.list("pods")) == ["app:v2"] * 6


def test_rolling_back_reuses_the_old_replica_set_and_numbers_it_anew() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 2)
    plane.run(5)
    first = names(plane.list("replicasets"))
    for image in ("app:v2", "app:v1"):
        plane.set_image("deployments", "web", image)
        plane.run(5)
    notes = {s["metadata"]["name"]: s["metadata"]["annotations"] for s in plane.list("replicasets")}
    assert notes[first[0]]["deployment.kubernetes.io/revision"] == "3"
    assert notes[first[0]]["deployment.kubernetes.io/revision-history"] == "1"
    assert plane.get("deployments", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert images(plane.list("pods")) == ["app:v1"] * 2


def test_a_roll_out_that_is_stuck_is_called_so_on_time() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 2, progressDeadlineSeconds=60)
    plane.run(5)
    plane.set_image("deployments", "web", "app:broken")
    plane.run(58)
    assert condition(plane.get("deployments", "web"), "Progressing") == ("True", "ReplicaSetUpdated")
    plane.run(5)
    assert condition(plane.get("deployments", "web"), "Progressing") == ("False", TOO_LATE)
    plane.set_image("deployments", "web", "app:v3")
    plane.run(5)
    assert condition(plane.get("deployments", "web"), "Progressing") == ("True", "NewReplicaSetAvailable")


def test_min_ready_seconds_delays_availability() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 2, minReadySeconds=30)
    plane.run(20)
    assert plane.get("deployments", "web")["status"].get("availableReplicas", 0) == 0
    plane.run(15)
    assert plane.get("deployments", "web")["status"]["availableReplicas"] == 2


def test_recreate_never_mixes_versions() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 3, strategy={"type": "Recreate"})
    plane.run(5)
    plane.set_image("deployments", "web", "app:v2")
    for _ in range(100):
        plane.run(0.005)
        assert len({*images(plane.list("pods"))}) <= 1
    assert images(plane.list("pods")) == ["app:v2"] * 3


def test_a_stranger_with_the_replica_sets_name_is_a_collision() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 1)
    plane.run(2)
    replica_set = plane.list("replicasets")[0]
    plane.client.delete("deployments", "web", "default", propagation_policy="Background")
    plane.run(5)
    stranger = {k: v for k, v in replica_set["metadata"].items() if k in ("name", "labels")}
    other = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
    plane.create(
        "apps/v1/ReplicaSet",
        stranger["name"],
        {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": other},
    )
    plane.workload("Deployment", "web", 1)
    plane.run(5)
    assert plane.get("deployments", "web")["status"]["collisionCount"] == 1
    assert plane.get("deployments", "web")["status"]["availableReplicas"] == 1


def test_a_status_edited_by_hand_is_set_right() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 2)
    plane.run(5)
    before = plane.get("deployments", "web")["status"]
    plane.patch("deployments", "web", {"status": {"readyReplicas": 7, "replicas": 9}}, subresource="status")
    plane.run(1)
    assert plane.get("deployments", "web")["status"] == before


def test_two_deployments_with_one_selector_keep_their_own_pods() -> None:
    plane = Plane()
    labels = {"app": "same"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v1"}]}}
    for name, count in (("one", 2), ("two", 3)):
        plane.create(
            "apps/v1/Deployment", name, {"replicas": count, "selector": {"matchLabels": labels}, "template": template}
        )
    plane.run(10)
    assert [plane.get("deployments", n)["status"]["availableReplicas"] for n in ("one", "two")] == [2, 3]
    assert len(plane.list("pods")) == 5


def test_annotations_are_passed_on_to_the_replica_set() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 1)
    plane.run(1)
    plane.patch("deployments", "web", {"metadata": {"annotations": {"kubernetes.io/change-cause": "because"}}})
    plane.run(1)
    assert plane.list("replicasets")[0]["metadata"]["annotations"]["kubernetes.io/change-cause"] == "because"


def test_a_replica_set_that_is_behind_its_spec_is_not_counted_on() -> None:
    def replica_set(name: str, asked: int, available: int) -> Obj:
        meta = {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"metadata": meta, "spec": {"replicas": asked}, "status": {"availableReplicas": available}}

    rolling = {"maxSurge": 2, "maxUnavailable": 1}
    web = {"spec": {"replicas": 6, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}
    old, new = replica_set("old", 4, 6), replica_set("new", 4, 2)
    assert shrunk(web, [old], new) == []
    old["status"]["availableReplicas"] = 4
    assert shrunk(web, [old], new) == [("old", 3)]
