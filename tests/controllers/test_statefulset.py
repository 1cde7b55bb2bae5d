"""StatefulSets: names and storage that stay, and an order that is kept."""

from __future__ import annotations

from controlplane.client.base import Obj
from tests.controllers.plane import Plane, images, names


def claim(name: str) -> Obj:
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def volume(plane: Plane, name: str, size: str) -> None:
    source = {"hostPath": {"path": f"/data/{name}"}, "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}}
    plane.client.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": source})


def by_name(plane: Plane) -> dict[str, str]:
    return {p["metadata"]["name"]: p["spec"]["containers"][0]["image"] for p in plane.list("pods")}


def test_pods_come_up_one_after_the_other() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 3, serviceName="db")
    seen = []
    for _ in range(200):
        plane.run(0.005)
        if (now := names(plane.list("pods"))) not in seen:
            seen.append(now)
    assert seen == [["db-0"], ["db-0", "db-1"], ["db-0", "db-1", "db-2"]]
    pod = plane.get("pods", "db-1")
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "db")
    assert pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert "StatefulSet/db SuccessfulCreate: create Pod db-1 in StatefulSet db successful" in plane.events()
    status = plane.get("statefulsets", "db")["status"]
    assert [
        status[f]
        for f in (
            "replicas",
            "readyReplicas",
            "currentReplicas",
            "updatedReplicas",
            "availableReplicas",
            "collisionCount",
        )
    ] == [3, 3, 3, 3, 3, 0]
    assert status["currentRevision"] == status["updateRevision"]


def test_one_that_is_not_ready_holds_up_the_rest_unless_parallel() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 3, "app:broken", serviceName="db")
    plane.workload("StatefulSet", "par", 3, "app:broken", serviceName="par", podManagementPolicy="Parallel")
    plane.run(5)
    assert names(plane.list("pods")) == ["db-0", "par-0", "par-1", "par-2"]


def test_scaling_down_goes_from_the_last() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 4, serviceName="db")
    plane.run(5)
    plane.scale("statefulsets", "db", 1)
    seen = []
    for _ in range(200):
        plane.run(0.005)
        if (now := names(plane.list("pods"))) not in seen:
            seen.append(now)
    assert [len(now) for now in seen] == [4, 3, 2, 1]
    assert seen[-1] == ["db-0"]


def test_an_update_goes_from_the_last_down_to_the_partition() -> None:
    plane = Plane()
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    plane.workload("StatefulSet", "db", 4, serviceName="db", updateStrategy=rolling)
    plane.run(5)
    plane.set_image("statefulsets", "db", "app:v2")
    plane.run(5)
    assert by_name(plane) == {"db-0": "app:v1", "db-1": "app:v1", "db-2": "app:v2", "db-3": "app:v2"}
    status = plane.get("statefulsets", "db")["status"]
    assert (status["currentReplicas"], status["updatedReplicas"]) == (2, 2)
    plane.client.delete("pods", "db-0", "default")
    plane.run(5)
    assert by_name(plane)["db-0"] == "app:v1"  # below the partition the old version comes back
    plane.patch("statefulsets", "db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    plane.run(5)
    assert images(plane.list("pods")) == ["app:v2"] * 4
    status = plane.get("statefulsets", "db")["status"]
    assert status["currentRevision"] == status["updateRevision"]


def test_an_update_that_breaks_stops_at_the_first() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 3, serviceName="db")
    plane.run(5)
    plane.set_image("statefulsets", "db", "app:broken")
    plane.run(5)
    assert by_name(plane) == {"db-0": "app:v1", "db-1": "app:v1", "db-2": "app:broken"}


def test_on_delete_waits_to_be_asked() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 2, serviceName="db", updateStrategy={"type": "OnDelete"})
    plane.run(5)
    plane.set_image("statefulsets", "db", "app:v2")
    plane.run(5)
    assert images(plane.list("pods")) == ["app:v1"] * 2
    plane.client.delete("pods", "db-1", "default")
    plane.run(5)
    assert by_name(plane) == {"db-0": "app:v1", "db-1": "app:v2"}


def test_claims_are_made_once_and_outlive_their_pods() -> None:
    plane = Plane()
    for n in range(3):
        volume(plane, f"disk-{n}", f"{n + 1}Gi")
    plane.workload("StatefulSet", "db", 2, serviceName="db", volumeClaimTemplates=[claim("data")])
    plane.run(5)
    claims = {c["metadata"]["name"]: c["metadata"]["uid"] for c in plane.list("persistentvolumeclaims")}
    assert sorted(claims) == ["data-db-0", "data-db-1"]
    plane.client.delete("pods", "db-1", "default")
    plane.scale("statefulsets", "db", 1)
    plane.run(5)
    plane.scale("statefulsets", "db", 2)
    plane.run(5)
    assert {c["metadata"]["name"]: c["metadata"]["uid"] for c in plane.list("persistentvolumeclaims")} == claims
    mounted = plane.get("pods", "db-1")["spec"]["volumes"][0]
    assert mounted["persistentVolumeClaim"]["claimName"] == "data-db-1"
    bound = plane.get("persistentvolumeclaims", "data-db-1")
    assert (bound["spec"]["volumeName"], bound["status"]["phase"]) == ("disk-1", "Bound")


def test_a_pod_that_failed_is_made_again() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 1, serviceName="db")
    plane.run(2)
    uid = plane.get("pods", "db-0")["metadata"]["uid"]
    plane.finish("db-0", "Failed", 1)
    plane.run(2)
    assert plane.get("pods", "db-0")["metadata"]["uid"] != uid
    assert any("is recreating failed Pod db-0" in event for event in plane.events("RecreatingFailedPod"))


def test_ordinals_may_start_elsewhere() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 2, serviceName="db", ordinals={"start": 5})
    plane.run(5)
    assert names(plane.list("pods")) == ["db-5", "db-6"]


def test_old_revisions_beyond_the_limit_go() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 1, serviceName="db", revisionHistoryLimit=1)
    for n in range(2, 6):
        plane.run(3)
        plane.set_image("statefulsets", "db", f"app:v{n}")
    plane.run(3)
    revisions = plane.list("controllerrevisions")
    assert sorted(r["revision"] for r in revisions) == [4, 5]


def test_on_a_dead_node_its_identity_is_not_given_twice() -> None:
    plane = Plane()
    plane.workload("StatefulSet", "db", 2, serviceName="db")
    plane.run(5)
    node = plane.get("pods", "db-1")["spec"]["nodeName"]
    plane.kubelets.stop(node)
    plane.run(600)
    assert len([name for name in names(plane.list("pods")) if name == "db-1"]) == 1
    assert plane.get("pods", "db-1")["metadata"]["deletionTimestamp"]


def test_claims_may_go_with_the_pod_or_with_the_set() -> None:
    plane = Plane()
    for n in range(3):
        volume(plane, f"disk-{n}", "1Gi")
    policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    plane.workload(
        "StatefulSet", "db", 2, serviceName="db", volumeClaimTemplates=[claim("data")],
        persistentVolumeClaimRetentionPolicy=policy,
    )  # fmt: skip
    plane.run(5)
    plane.client.delete("pods", "db-1", "default")
    plane.run(5)
    assert names(plane.list("persistentvolumeclaims")) == ["data-db-0", "data-db-1"]
    plane.scale("statefulsets", "db", 1)
    plane.run(5)
    assert names(plane.list("persistentvolumeclaims")) == ["data-db-0"]
    plane.client.delete("statefulsets", "db", "default", propagation_policy="Background")
    plane.run(5)
    assert plane.list("persistentvolumeclaims") == plane.list("pods") == []
