"""No patch, of whatever type and however wrong, makes the server fail or leaves something that it cannot read."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.apiserver.api import Request
from controlplane.apiserver.server import ApiServer
from controlplane.clock import Loop

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Since", "type": "date", "jsonPath": ".spec.since"},
                    {"name": "Part", "type": "string", "jsonPath": '.spec.parts[?(@.id=="a")].text'},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                                "properties": {
                                    "parts": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["id"],
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
                                        },
                                    },
                                    "tags": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "set",
                                        "items": {"type": "string"},
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}
OBJECTS: dict[str, dict[str, Any]] = {
    "/api/v1/namespaces/ns/pods": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "o", "labels": {"a": "b"}, "finalizers": ["example.com/a"]},
        "spec": {
            "initContainers": [{"name": "i", "image": "x"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {"name": "a", "image": "x", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}]}
            ],
        },
    },
    "/apis/apps/v1/namespaces/ns/deployments": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "o"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "a", "image": "x"}]},
            },
        },
    },
    "/api/v1/namespaces/ns/services": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "o"},
        "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}},
    },
    "/apis/example.com/v1/namespaces/ns/widgets": {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "o"},
        "spec": {"parts": [{"id": "a", "text": "1"}], "tags": ["q"], "size": 1, "since": "never"},
    },
}
TYPES = ["strategic-merge-patch+json", "merge-patch+json", "json-patch+json", "apply-patch+yaml"]
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

SCALARS = st.sampled_from([None, True, 0, -1, 3.5, 2**70, "", "a", "é", "10Gi", "$patch", "replace", "delete"])
KEYS = st.sampled_from(
    [
        *("$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers"),
        *("a", "name", "id", "containers", "metadata", "spec", "status", "labels", "finalizers", "ports", "parts"),
        *("tags", "managedFields", "annotations", "ownerReferences", "f:a"),
    ]
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


def parts(value: Any, path: str = "") -> list[str]:
    """Every path in a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(part for key, child in children for part in parts(child, f"{path}/{key}"))]


@st.composite
def mutations(draw, value):
    """The value with something of it gone, changed or added."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        here = value
        while isinstance(here, dict | list) and here and draw(st.booleans()):
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            key = draw(st.sampled_from(keys))
            if draw(st.integers(0, 3)) == 0 or not isinstance(here[key], dict | list):
                if draw(st.booleans()):
                    here[key] = draw(JSON)
                else:
                    del here[key]
                break
            here = here[key]
        else:
            if isinstance(here, dict):
                here[draw(KEYS)] = draw(JSON)
            elif isinstance(here, list):
                here.append(draw(JSON))
    return value


@st.composite
def patches(draw):
    path = draw(st.sampled_from(list(OBJECTS)))
    media = draw(st.sampled_from(TYPES))
    obj = OBJECTS[path]
    if draw(st.integers(0, 9)) == 0:
        return path, media, draw(JSON)
    if media != "json-patch+json":
        return path, media, draw(mutations(obj))
    places = st.sampled_from(parts(obj))
    op = st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "remove", "replace", "test", "move", "copy"]),
            "path": st.tuples(places, st.sampled_from(["", "", "/-", "/0", "/new"])).map("".join),
            "from": places,
            "value": JSON,
        }
    )
    return path, media, draw(st.lists(op, min_size=1, max_size=3))


def send(server, method, path, body=None, media="json", accept="application/json", **query):
    headers = {"content-type": f"application/{media}", "accept": accept}
    response = server.handle(Request(method, path, query, headers, json.dumps(body).encode()))
    return response.status, json.loads(response.payload())


@pytest.fixture(scope="module")
def server():
    server = ApiServer(Loop(1))
    send(server, "POST", "/api/v1/namespaces", {"metadata": {"name": "ns"}})
    send(server, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
    server.loop.run_for(1)
    for path, obj in OBJECTS.items():
        code, answer = send(server, "POST", path, obj, dryRun="All")
        assert code == 201, answer
    return server


@settings(max_examples=600, deadline=None)
@given(patches(), st.booleans(), st.booleans(), st.sampled_from(["", "", "/status"]))
def test_any_patch_is_answered(server, patch, force, tracked, subresource):
    path, media, body = patch
    send(server, "POST", path, OBJECTS[path], **({"fieldManager": "creator"} if tracked else {}))
    query = {"fieldManager": "tester"} if tracked or media == "apply-patch+yaml" else {}
    if media == "apply-patch+yaml":
        query["force"] = str(force).lower()
    code, answer = send(server, "PATCH", f"{path}/o{subresource}", body, media, **query)
    assert code < 500, answer
    assert send(server, "GET", path, accept=TABLE)[0] == 200
    if code == 200 and "managedFields" in answer["metadata"]:
        assert all(entry.get("fieldsType") == "FieldsV1" for entry in answer["metadata"]["managedFields"])
    send(server, "PATCH", f"{path}/o", {"metadata": {"finalizers": None}}, "merge-patch+json")
    send(server, "DELETE", f"{path}/o", {"gracePeriodSeconds": 0})
    assert send(server, "GET", f"{path}/o")[0] == 404
