"""OpenAPI: what kubectl validates, explains and merges by."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from controlplane.apiserver import protobuf
from controlplane.apiserver.api import Request
from controlplane.apiserver.crd_schema import CustomType
from controlplane.apiserver.errors import StatusError
from controlplane.apiserver.openapi import handle
from controlplane.apiserver.resources import ResourceInfo, ResourceRegistry
from controlplane.apiserver.server import ApiServer
from controlplane.client.local import LocalClient
from controlplane.clock import Loop

SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A widget.",
    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
}
WIDGET = CustomType({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": SCHEMA}}]}}, "v1")
CORE = "io.k8s.api.core.v1."
META = "io.k8s.apimachinery.pkg.apis.meta.v1."


class Custom:
    def type_of(self, api_version, kind):
        return WIDGET if kind == "Widget" else None


@pytest.fixture(scope="module")
def registry():
    registry = ResourceRegistry()
    registry.add(
        ResourceInfo("example.com", "v1", "Widget", "widgets", "widget", True, custom=True, list_kind="WidgetList")
    )
    return registry


def ask(registry, path, accept="application/json"):
    request = Request("GET", f"/openapi/{path}", headers={"accept": accept})
    response = handle(registry, Custom(), path.split("/"), request)
    return None if response is None else json.loads(response.payload())


@pytest.fixture(scope="module")
def core(registry):
    return ask(registry, "v3/api/v1")


def test_the_index_leads_to_every_document(registry):
    paths = ask(registry, "v3")["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/autoscaling/v1", "apis/autoscaling/v2", "apis/example.com/v1"} <= set(paths)
    for name, entry in paths.items():
        assert re.fullmatch(rf"/openapi/v3/{re.escape(name)}\?hash=[0-9A-F]{{128}}", entry["serverRelativeURL"])


def test_a_document_may_be_kept_under_its_hash(registry):
    url = ask(registry, "v3")["paths"]["api/v1"]["serverRelativeURL"]
    digest = url.partition("hash=")[2]
    for query, kept in (({"hash": digest}, "public, immutable, max-age=31536000"), ({}, None), ({"hash": "old"}, None)):
        response = handle(registry, Custom(), ["v3", "api", "v1"], Request("GET", "/openapi/v3/api/v1", query))
        assert response is not None
        assert response.headers["etag"] == f'"{digest}"'
        assert response.headers.get("cache-control") == kept


def test_every_document_is_whole(registry):
    for name in ask(registry, "v3")["paths"]:
        document = ask(registry, f"v3/{name}")
        text = json.dumps(document)
        assert document["openapi"] == "3.0.0" and document["paths"]
        missing = set(re.findall(r'"#/components/schemas/([^"]+)"', text)) - set(document["components"]["schemas"])
        assert not missing, name
        ids = re.findall(r'"operationId": "(\w+)"', text)
        assert len(ids) == len(set(ids))


def test_lists_tell_how_they_merge(core):
    spec = core["components"]["schemas"][f"{CORE}PodSpec"]
    containers = spec["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-patch-strategy"] == "merge"
    assert containers["x-kubernetes-list-type"] == "map"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["items"]["allOf"] == [{"$ref": f"#/components/schemas/{CORE}Container"}]
    assert "containers" in spec["required"]


def test_fields_have_types_defaults_values_and_texts(core):
    schemas = core["components"]["schemas"]
    port = schemas[f"{CORE}ContainerPort"]["properties"]
    assert (port["containerPort"]["type"], port["containerPort"]["format"]) == ("integer", "int32")
    assert port["protocol"]["default"] == "TCP"
    assert port["protocol"]["enum"] == ["SCTP", "TCP", "UDP"]
    assert all(field["description"] for field in port.values())
    assert schemas[f"{META}Time"]["format"] == "date-time"
    volume = schemas[f"{CORE}Volume"]["properties"]
    assert volume["emptyDir"]["description"]
    assert schemas[f"{CORE}Secret"]["properties"]["data"]["additionalProperties"] == {
        "type": "string",
        "format": "byte",
    }


def test_kinds_are_marked(core):
    schemas = core["components"]["schemas"]
    pod = {"group": "", "kind": "Pod", "version": "v1"}
    assert schemas[f"{CORE}Pod"]["x-kubernetes-group-version-kind"] == [pod]
    assert {"group": "apps", "kind": "DeleteOptions", "version": "v1"} in (
        schemas[f"{META}DeleteOptions"]["x-kubernetes-group-version-kind"]
    )


def test_kubectl_finds_the_parameters_that_it_looks_for(core):
    patch = core["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert {"fieldValidation", "dryRun", "fieldManager", "force"} <= {p["name"] for p in patch["parameters"]}
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_paths_follow_scope_and_verbs(core):
    paths = core["paths"]
    assert {"get", "post"} <= set(paths["/api/v1/nodes"])
    assert set(paths["/api/v1/pods"]) == {"get", "parameters"}
    assert set(paths["/api/v1/namespaces/{namespace}/bindings"]) == {"post", "parameters"}
    assert set(paths["/api/v1/namespaces/{namespace}/pods/{name}/status"]) == {"get", "put", "patch", "parameters"}
    assert "delete" not in paths["/api/v1/namespaces"]


def test_a_custom_resource_has_its_schema_and_no_strategic_merge(registry):
    document = ask(registry, "v3/apis/example.com/v1")
    widget = document["components"]["schemas"]["com.example.v1.Widget"]
    assert widget["description"] == "A widget."
    assert widget["properties"]["spec"] == SCHEMA["properties"]["spec"]
    assert set(widget["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    kind = {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert widget["x-kubernetes-group-version-kind"] == [kind]
    patch = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]
    assert "properties" not in SCHEMA["properties"]["spec"]["properties"]["size"]


@pytest.mark.parametrize("path", ["v3/api/v2", "v3/apis", "v3/apis/none.example/v1", "v4", "v3/api/v1/x"])
def test_what_is_not_there_is_none(registry, path):
    assert ask(registry, path) is None


def test_the_older_form_has_the_definitions(registry):
    swagger = ask(registry, "v2")
    assert swagger["swagger"] == "2.0"
    assert "#/components" not in json.dumps(swagger)
    assert f"{CORE}Pod" in swagger["definitions"]


def test_kubectl_gets_an_empty_protobuf_document_as_its_last_resort(registry):
    accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    response = handle(registry, Custom(), ["v2"], Request("GET", "/openapi/v2", headers={"accept": accept}))
    assert response is not None
    fields = dict(protobuf.fields(memoryview(response.payload())))
    assert (bytes(fields[1]), bytes(fields[8])) == (b"2.0", b"")


def test_whoever_accepts_nothing_that_there_is_hears_so(registry):
    with pytest.raises(StatusError) as caught:
        ask(registry, "v3", "application/com.github.proto-openapi.spec.v3@v1.0+protobuf")
    assert caught.value.code == 406


def test_documents_are_made_anew_when_a_resource_comes(registry):
    before = ask(registry, "v3")["paths"]["api/v1"]
    extra = ResourceInfo("more.example.com", "v1", "Widget", "widgets", "widget", True, custom=True, list_kind="Ws")
    registry.add(extra)
    try:
        assert "apis/more.example.com/v1" in ask(registry, "v3")["paths"]
    finally:
        registry.remove(extra)
    assert ask(registry, "v3")["paths"]["api/v1"] == before


def test_a_client_in_this_process_gets_values():
    client = LocalClient(ApiServer(Loop(0)))
    assert "api/v1" in client.request("GET", "/openapi/v3")["paths"]
    assert client.request("GET", "/openapi/v3/api/v1")["openapi"] == "3.0.0"
