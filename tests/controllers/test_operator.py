"""An operator: a learner's own controller for a custom resource, the same class for any client."""

from __future__ import annotations

from typing import Any, ClassVar

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.informer import split_key
from controlplane.clock import Loop
from controlplane.controllers import DEFAULT_CONTROLLERS
from controlplane.controllers.base import Controller, owner_reference
from tests.controllers.plane import Plane
from tests.faults import FaultyClient

CRD: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "websites.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"plural": "websites", "singular": "website", "kind": "Website"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"text": {"type": "string"}, "replicas": {"type": "integer"}},
                            },
                            "status": {"type": "object", "properties": {"ready": {"type": "integer"}}},
                        },
                    }
                },
            }
        ],
    },
}


class WebsiteController(Controller):
    """A Website is a Deployment and a Service; its status says how many Pods are up."""

    watches: ClassVar = {"websites.example.com": "self", "deployments": "owner", "services": "owner"}

    def reconcile(self, key: str) -> float | None:
        site = self.informer("websites.example.com").get(key)
        if site is None:
            return None  # what it owned, the garbage collector removes
        for make in (deployment, service):
            self.apply(make(site))
        namespace, name = split_key(key)
        there = self.client.get("deployments", name, namespace)
        ready = there.get("status", {}).get("readyReplicas", 0)
        if site.get("status", {}).get("ready") != ready:
            self.client.patch(
                "websites.example.com", name, {"status": {"ready": ready}}, namespace, subresource="status"
            )
            self.event(site, "Normal", "Scaled", f"{ready} Pods are ready")
        return None

    def apply(self, wanted: Obj) -> None:
        kind, meta = wanted["kind"].lower() + "s", wanted["metadata"]
        self.client.patch(
            kind, meta["name"], wanted, meta["namespace"], type="apply", field_manager=self.title, force=True
        )


def owned(site: Obj, api_version: str, kind: str, spec: Obj) -> Obj:
    meta = {
        "name": site["metadata"]["name"],
        "namespace": site["metadata"]["namespace"],
        "ownerReferences": [owner_reference(site)],
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}


def deployment(site: Obj) -> Obj:
    labels = {"site": site["metadata"]["name"]}
    container = {"name": "web", "image": "app:v1", "env": [{"name": "TEXT", "value": site["spec"]["text"]}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": site["spec"].get("replicas", 1), "selector": {"matchLabels": labels}, "template": template}
    return owned(site, "apps/v1", "Deployment", spec)


def service(site: Obj) -> Obj:
    spec = {"selector": {"site": site["metadata"]["name"]}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
    return owned(site, "v1", "Service", spec)


def start(wrap: Any = None) -> Plane:
    plane = Plane([WebsiteController, *DEFAULT_CONTROLLERS], wrap=wrap)
    plane.client.create(CRD)
    plane.run(60)
    plane.create("example.com/v1/Website", "blog", {"text": "hello", "replicas": 2})
    return plane


def test_an_operator_makes_keeps_and_removes_what_it_owns() -> None:
    plane = start()
    plane.run(10)
    assert plane.get("websites.example.com", "blog")["status"] == {"ready": 2}
    assert "Website/blog Scaled: 2 Pods are ready" in plane.events()
    plane.client.delete("services", "blog", "default")
    plane.scale("deployments", "blog", 5)  # meddling is undone
    plane.run(5)
    assert plane.get("services", "blog")["spec"]["selector"] == {"site": "blog"}
    assert plane.get("deployments", "blog")["spec"]["replicas"] == 2
    plane.patch("websites.example.com", "blog", {"spec": {"text": "goodbye", "replicas": 3}})
    plane.run(10)
    texts = {c["env"][0]["value"] for p in plane.list("pods") for c in p["spec"]["containers"]}
    assert (texts, plane.get("websites.example.com", "blog")["status"]["ready"]) == ({"goodbye"}, 3)
    plane.client.delete("websites.example.com", "blog", "default")
    plane.run(40)  # the garbage collector looks for new kinds every 30 s
    assert [plane.list(kind) for kind in ("deployments", "replicasets", "pods")] == [[], [], []]


def test_the_same_class_works_through_faults() -> None:
    faulty: list[FaultyClient] = []

    def wrap(loop: Loop, inner: Client) -> Client:
        faulty.append(FaultyClient(loop, inner))
        return faulty[-1]

    plane = start(wrap)
    plane.run(60)
    for client in faulty:
        client.heal()
    plane.run(400)
    assert plane.get("websites.example.com", "blog")["status"] == {"ready": 2}
    assert all(isinstance(error.error, ApiError) for error in plane.errors)


def test_a_controller_runs_without_a_manager() -> None:
    plane = Plane()
    plane.client.create(CRD)
    WebsiteController(plane.loop, plane.client).start()
    plane.create("example.com/v1/Website", "blog", {"text": "hello"})
    plane.run(10)
    assert plane.get("websites.example.com", "blog")["status"] == {"ready": 1}
