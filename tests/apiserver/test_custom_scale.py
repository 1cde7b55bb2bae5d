"""The Scale of a custom resource is where its definition says."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.apiserver.api import Request
from controlplane.apiserver.server import ApiServer
from controlplane.clock import Loop

PATH = "/apis/example.com/v1/namespaces/default/widgets"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"plural": "widgets", "kind": "Widget"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
                            "status": {
                                "type": "object",
                                "properties": {"size": {"type": "integer"}, "pods": {"type": "string"}},
                            },
                        },
                    }
                },
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.size",
                        "statusReplicasPath": ".status.size",
                        "labelSelectorPath": ".status.pods",
                    },
                },
            }
        ],
    },
}


@pytest.fixture
def ask():
    server = ApiServer(Loop(0))

    def ask(method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        response = server.handle(Request(method, path, body=body, headers={"content-type": content_type}))
        found = response.entry.obj if response.entry is not None else response.body
        return response.status, found

    assert ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)[0] == 201
    return ask


def widget(**parts: Any) -> Any:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, **parts}


def test_it_is_read_and_written_where_the_definition_says(ask):
    meta = ask("POST", PATH, widget(spec={"size": 2}))[1]["metadata"]
    ask("PUT", f"{PATH}/w/status", {**widget(status={"size": 1, "pods": "a=b"}), "metadata": meta})
    scale = ask("GET", f"{PATH}/w/scale")[1]
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 1, "selector": "a=b"}
    status, scale = ask("PATCH", f"{PATH}/w/scale", {"spec": {"replicas": 5}}, "application/merge-patch+json")
    assert (status, scale["spec"]) == (200, {"replicas": 5})
    assert ask("GET", f"{PATH}/w")[1]["spec"] == {"size": 5}


def test_an_object_without_a_spec_can_be_scaled(ask):
    ask("POST", PATH, widget())
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "w"}, "spec": {"replicas": 3}}
    assert ask("PUT", f"{PATH}/w/scale", scale)[0] == 200
    assert ask("GET", f"{PATH}/w")[1]["spec"] == {"size": 3}


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"metadata":true}', b'{"metadata":{"name":5}}', b"{}"])
def test_a_binding_that_is_none_is_refused(ask, body):
    assert ask("POST", "/api/v1/namespaces/default/bindings", body)[0] == 400
