"""The table of resources: names, scopes, storage."""

from __future__ import annotations

import pytest

from controlplane.apiserver.resources import ResourceInfo, ResourceRegistry, version_rank
from controlplane.apiserver.schema import type_of


@pytest.fixture
def registry():
    return ResourceRegistry()


WIDGETS = ResourceInfo(
    "example.com",
    "v1",
    "Widget",
    "widgets",
    "widget",
    True,
    short_names=("wd",),
    custom=True,
    etcd_prefix="/registry/example.com/widgets/",
    list_kind="WidgetList",
)


@pytest.mark.parametrize(
    ("name", "api_version", "plural"),
    [
        ("deployments", "apps/v1", "deployments"),
        ("deployments.apps", "apps/v1", "deployments"),
        ("deployments.v1.apps", "apps/v1", "deployments"),
        ("Deployment", "apps/v1", "deployments"),
        ("deploy", "apps/v1", "deployments"),
        ("po", "v1", "pods"),
        ("events", "v1", "events"),
        ("events.events.k8s.io", "events.k8s.io/v1", "events"),
        ("hpa", "autoscaling/v2", "horizontalpodautoscalers"),
        ("horizontalpodautoscalers.v1.autoscaling", "autoscaling/v1", "horizontalpodautoscalers"),
        ("ing", "networking.k8s.io/v1", "ingresses"),
        ("crds", "apiextensions.k8s.io/v1", "customresourcedefinitions"),
    ],
)
def test_every_name_that_kubectl_takes(registry, name, api_version, plural):
    info = registry.by_name(name)
    assert (info.api_version, info.plural) == (api_version, plural)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("pods", "/registry/pods/ns/x"),
        ("nodes", "/registry/minions/x"),
        ("services", "/registry/services/specs/ns/x"),
        ("endpoints", "/registry/services/endpoints/ns/x"),
        ("replicationcontrollers", "/registry/controllers/ns/x"),
        ("deployments", "/registry/deployments/ns/x"),
        ("leases", "/registry/leases/ns/x"),
        ("crds", "/registry/apiextensions.k8s.io/customresourcedefinitions/x"),
    ],
)
def test_objects_are_stored_where_the_real_server_stores_them(registry, name, key):
    assert registry.by_name(name).key("ns", "x") == key


def test_versions_of_one_kind_share_their_storage(registry):
    old = registry.find("autoscaling", "v1", "horizontalpodautoscalers")
    new = registry.find("autoscaling", "v2", "horizontalpodautoscalers")
    assert (old.etcd_prefix, old.storage_version) == (new.etcd_prefix, new.storage_version)
    assert registry.find("events.k8s.io", "v1", "events").storage_version == "v1"


def test_subresources_say_what_they_speak(registry):
    pods = registry.by_name("pods").subresources
    assert (pods["eviction"].group, pods["eviction"].version, pods["eviction"].kind) == ("policy", "v1", "Eviction")
    assert pods["status"].kind == "Pod"
    assert registry.by_name("deploy").subresources["scale"].group == "autoscaling"
    assert registry.by_name("ns").subresources["finalize"].verbs == ("update",)


def test_every_kind_has_a_type(registry):
    for info in registry:
        assert type_of(info.api_version, info.kind), info
        for subresource in info.subresources.values():
            group = f"{subresource.group}/" if subresource.group else ""
            assert type_of(f"{group}{subresource.version}", subresource.kind), subresource


def test_a_custom_resource_comes_and_goes(registry):
    before = registry.generation
    registry.documents["kept"] = 1
    registry.add(WIDGETS)
    assert registry.by_name("wd") is WIDGETS
    assert registry.for_kind("example.com/v1", "Widget") is WIDGETS
    assert registry.groups()[-1] == "example.com"
    assert registry.generation > before
    assert not registry.documents
    registry.remove(WIDGETS)
    assert registry.by_name("widgets") is None
    assert "example.com" not in registry.groups()


def test_a_custom_short_name_hides_no_built_in_one(registry):
    registry.add(ResourceInfo("example.com", "v1", "Pool", "pools", "pool", True, short_names=("po", "pods")))
    assert registry.by_name("po").kind == "Pod"
    assert registry.by_name("pods").kind == "Pod"


def test_versions_are_ranked_by_stability_then_number():
    names = ["foo", "v1beta1", "v1", "v10", "v2", "v1alpha2", "v1beta2"]
    assert sorted(names, key=version_rank) == ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha2", "foo"]
