"""One object in two versions."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.apiserver.api import Request
from controlplane.apiserver.server import ApiServer
from controlplane.client.local import LocalClient
from controlplane.clock import Loop

HPA = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
MEMORY = {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}}


@pytest.fixture
def client() -> LocalClient:
    return LocalClient(ApiServer(Loop()))


def test_an_autoscaler_of_v1_is_one_of_v2(client):
    spec = {"scaleTargetRef": TARGET, "maxReplicas": 3, "targetCPUUtilizationPercentage": 70}
    client.request("POST", HPA.format("v1"), body={"metadata": {"name": "a"}, "spec": spec})
    found = client.request("GET", HPA.format("v2") + "/a")
    target = {"type": "Utilization", "averageUtilization": 70}
    assert found["apiVersion"] == "autoscaling/v2"
    assert found["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    patch = {"spec": {"targetCPUUtilizationPercentage": 50}}
    client.request("PATCH", HPA.format("v1") + "/a", body=patch, content_type="application/merge-patch+json")
    found = client.request("GET", HPA.format("v2") + "/a")
    assert found["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50


def test_what_v1_can_not_say_is_not_lost(client):
    spec = {"scaleTargetRef": TARGET, "maxReplicas": 3, "metrics": [MEMORY]}
    client.request("POST", HPA.format("v2"), body={"metadata": {"name": "a"}, "spec": spec})
    shown = client.request("GET", HPA.format("v1") + "/a")
    assert shown["apiVersion"] == "autoscaling/v1" and "metrics" not in shown["spec"]
    shown["spec"]["maxReplicas"] = 5
    client.request("PUT", HPA.format("v1") + "/a", body=shown)
    found = client.request("GET", HPA.format("v2") + "/a")
    assert found["spec"]["metrics"] == [MEMORY] and found["spec"]["maxReplicas"] == 5


def event(**more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "e"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reportingController": "me",
        "reportingInstance": "me-1",
        "action": "Look",
        "reason": "Seen",
        "type": "Normal",
        **more,
    }


def test_an_event_has_two_forms(client):
    client.request("POST", "/apis/events.k8s.io/v1/namespaces/default/events", body=event(note="hello"))
    old = client.request("GET", "/api/v1/namespaces/default/events/e")
    assert (old["message"], old["involvedObject"]["name"], old["reportingComponent"]) == ("hello", "p", "me")
    new = client.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e")
    assert (new["note"], new["regarding"]["name"], new["reportingController"]) == ("hello", "p", "me")
    assert "message" not in new and new["apiVersion"] == "events.k8s.io/v1"


def test_a_watch_shows_its_own_version(client):
    server = client.server
    answer = server.handle(Request("GET", "/apis/events.k8s.io/v1/events", {"watch": "1"}))
    seen: list[str] = []
    assert answer.watch is not None
    answer.watch.attach(lambda type, entry: seen.append(entry.obj["apiVersion"]), lambda status: None)
    body = {
        "metadata": {"name": "old", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Seen",
        "message": "m",
        "type": "Normal",
        "source": {"component": "me"},
    }
    client.request("POST", "/api/v1/namespaces/default/events", body=body)
    assert seen == ["events.k8s.io/v1"]


def version(name: str, *, storage: bool) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}


def test_versions_of_a_custom_kind_share_their_objects(client):
    definition = {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version("v1", storage=True), version("v1beta1", storage=False)],
        },
    }
    client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=definition)
    path = "/apis/example.com/{}/namespaces/default/things"
    body = {"apiVersion": "example.com/v1beta1", "kind": "Thing", "metadata": {"name": "t"}, "size": 1}
    assert client.request("POST", path.format("v1beta1"), body=body)["apiVersion"] == "example.com/v1beta1"
    found = client.request("GET", path.format("v1") + "/t")
    assert found["apiVersion"] == "example.com/v1" and found["size"] == 1


def test_a_name_that_is_taken_is_not_served(client):
    def define(name: str, kind: str) -> dict[str, Any]:
        names = {"plural": name, "kind": kind}
        spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version("v1", storage=True)]}
        body = {"metadata": {"name": f"{name}.example.com"}, "spec": spec}
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        client.request("POST", path, body=body)
        return client.request("GET", f"{path}/{name}.example.com")["status"]

    first, second = define("things", "Thing"), define("others", "Thing")
    assert [(c["type"], c["status"]) for c in first["conditions"]] == [
        ("NamesAccepted", "True"),
        ("Established", "True"),
    ]
    assert [(c["reason"], c["status"]) for c in second["conditions"]][1] == ("NotAccepted", "False")
    assert "already in use" in second["conditions"][0]["message"]
    assert first["storedVersions"] == ["v1"] and second["acceptedNames"]["kind"] == ""
