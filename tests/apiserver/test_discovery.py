"""Discovery: every client gets what it asks for, in the version in which it asks."""

from __future__ import annotations

import pytest

from controlplane.apiserver.discovery import handle
from controlplane.apiserver.errors import StatusError
from controlplane.apiserver.resources import ResourceInfo, ResourceRegistry, Subresource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
KUBECTL_1_37 = f"{AGGREGATED.format('v2')},application/json"
KUBECTL_1_32 = f"{AGGREGATED.format('v2')},{AGGREGATED.format('v2beta1')},application/json"
KUBECTL_1_29 = f"{AGGREGATED.format('v2beta1')},application/json"


@pytest.fixture
def registry():
    return ResourceRegistry()


def ask(registry, path, accept="application/json"):
    return handle(registry, path.strip("/").split("/"), accept, "127.0.0.1:6443")


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        (KUBECTL_1_37, "v2"),
        (KUBECTL_1_32, "v2"),
        (KUBECTL_1_29, "v2beta1"),
        ("application/json", ""),
        ("*/*", ""),
        ("", ""),
        ("application/vnd.kubernetes.protobuf, application/json", ""),
        (f"{AGGREGATED.format('v3')},application/json", ""),
    ],
)
def test_the_answer_is_in_the_version_that_was_asked_for(registry, accept, version):
    response = ask(registry, "/apis", accept)
    if version:
        assert response.content_type == AGGREGATED.format(version)
        assert response.body["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    else:
        assert response.content_type == "application/json"
        assert response.body["kind"] == "APIGroupList"


def test_whoever_accepts_nothing_that_there_is_hears_so(registry):
    with pytest.raises(StatusError) as caught:
        ask(registry, "/apis", "application/vnd.kubernetes.protobuf")
    assert caught.value.code == 406


def test_api_tells_the_versions_and_the_address(registry):
    assert ask(registry, "/api").body == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
    }


def test_groups_have_a_preferred_version(registry):
    groups = ask(registry, "/apis").body["groups"]
    assert [group["name"] for group in groups[:3]] == ["apiregistration.k8s.io", "apps", "events.k8s.io"]
    assert ask(registry, "/apis/autoscaling").body == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": "autoscaling",
        "versions": [
            {"groupVersion": "autoscaling/v2", "version": "v2"},
            {"groupVersion": "autoscaling/v1", "version": "v1"},
        ],
        "preferredVersion": {"groupVersion": "autoscaling/v2", "version": "v2"},
    }


def test_a_version_lists_resources_and_subresources(registry):
    listed = ask(registry, "/apis/apps/v1").body
    assert (listed["kind"], listed["apiVersion"], listed["groupVersion"]) == ("APIResourceList", "v1", "apps/v1")
    by_name = {resource["name"]: resource for resource in listed["resources"]}
    assert by_name["deployments"] == {
        "name": "deployments",
        "singularName": "deployment",
        "namespaced": True,
        "kind": "Deployment",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["deploy"],
        "categories": ["all"],
        "storageVersionHash": "8aSe+NMegvE=",
    }
    assert by_name["deployments/scale"] == {
        "name": "deployments/scale",
        "singularName": "",
        "namespaced": True,
        "kind": "Scale",
        "verbs": ["get", "patch", "update"],
        "group": "autoscaling",
        "version": "v1",
    }
    assert list(by_name) == sorted(by_name)


def test_drain_finds_the_eviction_subresource(registry):
    resources = ask(registry, "/api/v1").body["resources"]
    assert {"pods/eviction"} == {
        r["name"] for r in resources if (r.get("group"), r.get("version"), r["kind"]) == ("policy", "v1", "Eviction")
    }


@pytest.mark.parametrize("path", ["/apis/none.example", "/apis/none.example/v1", "/api/v2", "/apis/apps/v1/x/y"])
def test_what_is_not_there_is_none(registry, path):
    assert ask(registry, path) is None


def test_the_aggregated_document_has_it_all(registry):
    core = ask(registry, "/api", KUBECTL_1_37).body["items"]
    assert [item["metadata"] for item in core] == [{}]
    items = {item["metadata"]["name"]: item for item in ask(registry, "/apis", KUBECTL_1_37).body["items"]}
    assert [version["version"] for version in items["autoscaling"]["versions"]] == ["v2", "v1"]
    deployments = next(r for r in items["apps"]["versions"][0]["resources"] if r["resource"] == "deployments")
    assert deployments["scope"] == "Namespaced"
    assert deployments["responseKind"] == {"group": "", "version": "", "kind": "Deployment"}
    assert [(s["subresource"], s["responseKind"]["kind"]) for s in deployments["subresources"]] == [
        ("scale", "Scale"),
        ("status", "Deployment"),
    ]


def test_a_custom_resource_shows_at_once(registry):
    assert "example.com" not in str(ask(registry, "/apis", KUBECTL_1_37).body)
    status = Subresource("status", "Widget", "example.com", "v1")
    registry.add(
        ResourceInfo(
            "example.com", "v1", "Widget", "widgets", "widget", True, subresources={"status": status}, custom=True
        )
    )
    assert "example.com" in str(ask(registry, "/apis", KUBECTL_1_37).body)
    listed = ask(registry, "/apis/example.com/v1").body["resources"]
    assert [resource["name"] for resource in listed] == ["widgets", "widgets/status"]
