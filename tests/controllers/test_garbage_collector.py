"""What an owner leaves behind goes with it, before it, or not at all, as the deletion asked for."""

from __future__ import annotations

from typing import Any

from controlplane.client.base import Obj
from controlplane.controllers.garbage_collector import GarbageCollector
from tests.controllers.plane import Plane, names


def ref(obj: Obj, **more: Any) -> Obj:
    meta = obj["metadata"]
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"], **more}


def config(plane: Plane, name: str, *owners: Obj, namespace: str = "default", **meta: Any) -> Obj:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": list(owners), **meta},
    }
    return plane.client.create(body)


def left(plane: Plane) -> list[str]:
    return [name for name in names(plane.list("configmaps")) if not name.startswith("kube-")]


def test_background_deletion_reaches_the_grandchildren() -> None:
    plane = Plane()
    a = config(plane, "a")
    b = config(plane, "b", ref(a))
    config(plane, "c", ref(b))
    plane.run(1)
    plane.client.delete("configmaps", "a", "default", propagation_policy="Background")
    assert left(plane) == ["b", "c"]
    plane.run(1)
    assert left(plane) == []


def test_foreground_deletion_waits_for_those_that_block() -> None:
    plane = Plane()
    a = config(plane, "a")
    config(plane, "blocker", ref(a, blockOwnerDeletion=True), finalizers=["example.com/hold"])
    config(plane, "other", ref(a), finalizers=["example.com/hold"])
    plane.run(1)
    plane.client.delete("configmaps", "a", "default", propagation_policy="Foreground")
    plane.run(60)
    assert plane.get("configmaps", "a")["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert all(
        "deletionTimestamp" in c["metadata"]
        for c in plane.list("configmaps")
        if c["metadata"]["name"] in ("a", "blocker", "other")
    )
    plane.patch("configmaps", "blocker", {"metadata": {"finalizers": None}})
    plane.run(1)
    assert left(plane) == ["other"]


def test_foreground_deletion_of_a_deployment() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 3)
    plane.run(2)
    plane.client.delete("deployments", "web", "default", propagation_policy="Foreground")
    seen = []
    for _ in range(400):
        plane.run(0.005)
        now = tuple(bool(plane.list(kind)) for kind in ("deployments", "replicasets", "pods"))
        if now not in seen:
            seen.append(now)
    assert seen[-1] == (False, False, False)
    assert not any(not owner and (sets or pods) for owner, sets, pods in seen)  # the owner goes last


def test_orphaning() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 2)
    plane.run(2)
    plane.client.delete("deployments", "web", "default", propagation_policy="Orphan")
    plane.run(2)
    assert plane.list("deployments") == []
    replica_set = plane.list("replicasets")[0]
    assert "ownerReferences" not in replica_set["metadata"]
    assert len(plane.list("pods")) == 2
    plane.workload("Deployment", "web", 2)  # and the next one of its kind takes them in
    plane.run(2)
    assert plane.list("replicasets")[0]["metadata"]["uid"] == replica_set["metadata"]["uid"]


def test_one_owner_of_two_is_enough_to_live() -> None:
    plane = Plane()
    a, b = config(plane, "a"), config(plane, "b")
    config(plane, "child", ref(a), ref(b))
    plane.run(1)
    plane.client.delete("configmaps", "a", "default")
    plane.run(1)
    child = plane.get("configmaps", "child")
    assert [r["name"] for r in child["metadata"]["ownerReferences"]] == ["b"]
    plane.client.delete("configmaps", "b", "default")
    plane.run(1)
    assert left(plane) == []


def test_an_owner_that_never_was() -> None:
    plane = Plane()
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}
    config(plane, "child", ghost)
    plane.run(1)
    assert left(plane) == []


def test_an_owner_of_a_kind_that_is_not_watched_yet_is_looked_for_later_and_later() -> None:
    plane = Plane()
    names = {"kind": "Widget", "plural": "widgets"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    plane.create("apiextensions.k8s.io/v1/CustomResourceDefinition", "widgets.example.com", spec)
    config(plane, "child", ref(plane.create("example.com/v1/Widget", "owner")))
    collector = plane.manager.controller(GarbageCollector)
    before = collector.reconciles
    plane.run(20)
    assert collector.reconciles - before < 20
    plane.run(30)
    plane.client.delete("widgets.example.com", "owner")
    plane.run(1)
    assert left(plane) == []


def test_an_owner_of_another_uid_is_not_the_owner() -> None:
    plane = Plane()
    a = config(plane, "a")
    config(plane, "child", {**ref(a), "uid": "00000000-0000-0000-0000-000000000001"})
    plane.run(1)
    assert left(plane) == ["a"]


def test_an_owner_in_another_namespace_is_refused_with_an_event() -> None:
    plane = Plane()
    plane.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    owner = config(plane, "owner", namespace="other")
    plane.run(1)
    config(plane, "child", ref(owner))
    plane.run(1)
    assert left(plane) == []
    uid = owner["metadata"]["uid"]
    assert plane.events("OwnerRefInvalidNamespace") == [
        "ConfigMap/child OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: default, name: owner, "
        f'uid: {uid}] does not exist in namespace "default"'
    ]
    assert plane.client.get("configmaps", "owner", "other")


def test_a_cluster_scoped_owner_may_own_anywhere() -> None:
    plane = Plane()
    namespace = plane.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    config(plane, "child", ref(namespace))
    plane.run(1)
    assert left(plane) == ["child"]


def test_a_finalizer_that_nobody_removes_holds_the_owner() -> None:
    plane = Plane()
    plane.workload("Deployment", "web", 1)
    plane.run(2)
    plane.patch("deployments", "web", {"metadata": {"finalizers": ["example.com/hold"]}})
    plane.client.delete("deployments", "web", "default", propagation_policy="Background")
    plane.run(600)
    assert "deletionTimestamp" in plane.get("deployments", "web")["metadata"]
    assert len(plane.list("pods")) == 1
    plane.patch("deployments", "web", {"metadata": {"finalizers": None}})
    plane.run(2)
    assert plane.list("pods") == plane.list("deployments") == []


def test_a_circle_in_the_foreground_ends() -> None:
    plane = Plane()
    a = config(plane, "a")
    b = config(plane, "b", ref(a, blockOwnerDeletion=True))
    plane.patch("configmaps", "a", {"metadata": {"ownerReferences": [ref(b, blockOwnerDeletion=True)]}})
    plane.run(1)
    plane.client.delete("configmaps", "a", "default", propagation_policy="Foreground")
    plane.run(60)
    assert left(plane) == []


def test_a_manager_that_comes_later_finishes_what_was_begun() -> None:
    plane = Plane(start=False)
    plane.workload("Deployment", "web", 1)
    a = config(plane, "a")
    config(plane, "child", ref(a))
    plane.client.delete("configmaps", "a", "default", propagation_policy="Background")
    plane.run(5)
    assert left(plane) == ["child"]
    plane.manager.start()
    plane.run(5)
    assert left(plane) == []
    assert len(plane.list("pods")) == 1
