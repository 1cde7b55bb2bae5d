"""A namespace takes everything in it along, and says what it still waits for."""

from __future__ import annotations

import pytest

from controlplane.client.base import ApiError, Obj
from tests.controllers.plane import Plane, names


def conditions(plane: Plane) -> dict[str, Obj]:
    status = plane.client.get("namespaces", "other")["status"]
    return {c["type"]: c for c in status.get("conditions", ()) if c["status"] == "True"}


def make(plane: Plane) -> None:
    plane.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})


def test_everything_goes() -> None:
    plane = Plane()
    make(plane)
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
    plane.client.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "other"},
            "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": template},
        }
    )
    plane.run(3)
    plane.client.delete("namespaces", "other")
    assert plane.client.get("namespaces", "other")["status"]["phase"] == "Terminating"
    plane.run(60)
    with pytest.raises(ApiError):
        plane.client.get("namespaces", "other")
    assert plane.client.list("pods", "other")["items"] == []


def test_a_finalizer_that_nobody_removes_is_named() -> None:
    plane = Plane()
    make(plane)
    held = {"name": "held", "namespace": "other", "finalizers": ["example.com/hold"]}
    plane.client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
    plane.client.delete("namespaces", "other")
    plane.run(60)
    found = conditions(plane)
    assert sorted(found) == ["NamespaceContentRemaining", "NamespaceFinalizersRemaining"]
    assert found["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    assert found["NamespaceFinalizersRemaining"]["message"] == (
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    )
    plane.client.patch("configmaps", "held", {"metadata": {"finalizers": None}}, "other")
    plane.run(60)
    assert "other" not in names(plane.client.list("namespaces")["items"])


def test_every_namespace_has_a_default_account_even_after_it_was_deleted() -> None:
    plane = Plane()
    make(plane)
    plane.run(1)
    assert names(plane.client.list("serviceaccounts", "other")["items"]) == ["default"]
    plane.client.delete("serviceaccounts", "default", "other")
    plane.run(1)
    assert names(plane.client.list("serviceaccounts", "other")["items"]) == ["default"]
