"""Bodies that are nothing: what each way in says of them."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.apiserver.api import Request
from controlplane.apiserver.server import ApiServer
from controlplane.clock import Loop

PATH = "/api/v1/namespaces/default/configmaps"
JSON, MERGE, APPLY = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"
NO_JSON = "couldn't get version/kind; json parse error: "
NO_YAML = "error converting YAML to JSON: yaml: "
INTO = "json: cannot unmarshal"
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): "


@pytest.fixture(scope="module")
def server():
    return ApiServer(Loop(0))


def ask(server, method: str, path: str, body: bytes, content_type: str) -> tuple[int, str]:
    query = {"fieldManager": "me"} if method == "PATCH" else {}
    response = server.handle(Request(method, path, query, {"content-type": content_type}, body))
    answer: Any = response.body
    return response.status, (answer or {}).get("message", "")


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        (JSON, b'{"a" 1}', f"{NO_JSON}invalid character '1' after object key ({{\"a\" 1}})"),
        (JSON, b"", f"{NO_JSON}unexpected end of JSON input (<empty>)"),
        (JSON, b'{"kind":5}', f'{NO_JSON}{INTO} number into Go struct field .kind of type string ({{"kind":5}})'),
        ("application/yaml", b"a: b: c", "yaml: mapping values are not allowed in this context (613a20623a2063)"),
    ],
)
def test_a_body_that_cannot_be_read(server, content_type, body, said):
    assert ask(server, "POST", PATH, body, content_type) == (400, UNRECOGNIZED + said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"metadata":{"name":5}}', f"{INTO} number into Go struct field ObjectMeta.metadata.name of type string"),
        (b'{"data":[]}', f"{INTO} array into Go struct field ConfigMap.data of type map[string]string"),
        (b'{"immutable":"yes"}', f"{INTO} string into Go struct field ConfigMap.immutable of type bool"),
        (b'{"binaryData":{"a":"!"}}', "illegal base64 data at input byte 0"),
    ],
)
def test_a_body_of_the_wrong_types(server, body, said):
    message = f'ConfigMap in version "v1" cannot be handled as a ConfigMap: {said}'
    assert ask(server, "POST", PATH, body, "application/json") == (400, message)


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        (MERGE, b"nope", "error decoding patch: invalid character 'o' in literal null (expecting 'u')"),
        (APPLY, b"a: [\n", f"error decoding YAML: {NO_YAML}line 1: did not find expected node content"),
    ],
)
def test_a_patch_that_cannot_be_read(server, content_type, body, message):
    ask(server, "POST", PATH, b'{"metadata":{"name":"c"}}', "application/json")
    assert ask(server, "PATCH", f"{PATH}/c", body, content_type) == (400, message)


def test_strict_validation_tells_all_at_once(server):
    body = b'{"metadata":{"name":"d","name":"e","foo":1},"dta":{},"data":{"k":"1","k":"2"}}'
    response = server.handle(Request("POST", PATH, {"fieldValidation": "Strict"}, {}, body))
    assert response.status == 400
    assert response.body["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field '
        '"metadata.name", unknown field "metadata.foo", unknown field "dta", duplicate field "data.k"'
    )
