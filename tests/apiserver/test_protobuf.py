"""Protobuf: what kubectl 1.33 sent for each of its create commands, and what nobody should send."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver.codec import DecodeError
from controlplane.apiserver.protobuf import decode
from controlplane.apiserver.schema import type_of

# kubectl create deployment web --image=nginx:1 --replicas=2 --port=80, and so on
SENT = {
    "deployment": (
        "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EroBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEogBCAISDAoK"
        "CgNhcHASA3dlYhpuChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEk4SMAoFbmdpbngSB25naW54OjEqADIKCgAQABhQ"
        "IgAqAEIAagByAIABAIgBAJABAKIBABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgA"
        "GgAiAA=="
    ),
    "cronjob": (
        "azhzAAoTCghiYXRjaC92MRIHQ3JvbkpvYhKoAQoSCgJjahIAGgAiACoAMgA4AEIAEo8BCgsqLzUgKiAqICogKhoAKn4KEgoC"
        "Y2oSABoAIgAqADIAOABCABJoMmYKEAoAEgAaACIAKgAyADgAQgASUhIrCgJjahIHYnVzeWJveBoFc2xlZXAaATEqAEIAagBy"
        "AIABAIgBAJABAKIBABoJT25GYWlsdXJlMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAaABoAIgA="
    ),
    "quota": (
        "azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRI1ChEKAXESABoAIgAqADIAOABCABIeCg4KA2NwdRIHCgUxNTAwbQoMCgRwb2Rz"
        "EgQKAjEwGgAaACIA"
    ),
    "pdb": (
        "azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSOgoRCgFwEgAaACIAKgAyADgAQgASGQoJCAEQABoDNTAl"
        "EgwKCgoDYXBwEgN3ZWIaCggAGAAgACgAMAAaACIA"
    ),
    "ingress": (
        "azhzAAofChRuZXR3b3JraW5nLms4cy5pby92MRIHSW5ncmVzcxJAChEKAWkSABoAIgAqADIAOABCABInGiUKA2EuYhIeChwK"
        "GgoCL2MSDSILCgNzdmMSBAoAEFAaBUV4YWN0GgIKABoAIgA="
    ),
    "rolebinding": (
        "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtSb2xlQmluZGluZxJgChIKAnJiEgAaACIAKgAyADgAQgAS"
        "GgoOU2VydmljZUFjY291bnQSABoCc2EiAm5zGi4KGXJiYWMuYXV0aG9yaXphdGlvbi5rOHMuaW8SC0NsdXN0ZXJSb2xlGgR2"
        "aWV3GgAiAA=="
    ),
    "secret": ("azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA="),
    "priorityclass": (
        "azhzAAolChRzY2hlZHVsaW5nLms4cy5pby92MRINUHJpb3JpdHlDbGFzcxI5ChIKAnBjEgAaACIAKgAyADgAQgAQ+///////"
        "////ARgAIgAqFFByZWVtcHRMb3dlclByaW9yaXR5GgAiAA=="
    ),
    "token": (
        "azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIdChAKABIAGgAiACoAMgA4AEIAEgMgkBwaBAoAEgAaACIA"
    ),
}


def sent(name: str) -> Any:
    """The object in what kubectl sent, as the server would store it."""
    return stored(base64.b64decode(SENT[name]))


def stored(raw: bytes) -> Any:
    obj = decode(raw)
    kind: Any = type_of(obj["apiVersion"], obj["kind"])
    value, problems = kind.decode(obj, "Strict")
    assert problems == []
    return value


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: int | bytes | str | float) -> bytes:
    """One field of a message, on the wire."""
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (2**64 - 1))
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def body(api_version: str, kind: str, message: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, message)


def test_a_deployment():
    assert sent("deployment") == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {"name": "nginx", "image": "nginx:1", "ports": [{"containerPort": 80}], "resources": {}}
                    ]
                },
            },
        },
        "status": {},
    }


@pytest.mark.parametrize(
    ("name", "part", "value"),
    [
        ("secret", "data", {"a": "Yg=="}),
        ("quota", "spec", {"hard": {"cpu": "1500m", "pods": "10"}}),
        ("pdb", "spec", {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}),
        ("rolebinding", "subjects", [{"kind": "ServiceAccount", "name": "sa", "namespace": "ns"}]),
        ("priorityclass", "value", -5),
        ("token", "spec", {"audiences": None, "boundObjectRef": None, "expirationSeconds": 3600}),
    ],
)
def test_other_kinds(name, part, value):
    assert sent(name)[part] == value


def test_a_struct_that_is_embedded_in_json_is_a_message_of_its_own():
    paths = sent("ingress")["spec"]["rules"][0]["http"]["paths"]
    assert paths == [
        {"path": "/c", "pathType": "Exact", "backend": {"service": {"name": "svc", "port": {"number": 80}}}}
    ]
    template = sent("cronjob")["spec"]["jobTemplate"]["spec"]["template"]
    assert template["spec"]["containers"][0]["command"] == ["sleep", "1"]


def test_delete_options():
    message = field(1, 0) + field(2, field(1, "the-uid")) + field(4, "Foreground") + field(5, "All")
    assert decode(body("v1", "DeleteOptions", message)) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": "the-uid"},
        "propagationPolicy": "Foreground",
        "dryRun": ["All"],
    }


def test_times():
    meta = field(1, "l") + field(8, field(1, 1_577_836_800)) + field(9, b"")
    spec = field(4, field(1, 1_577_836_800) + field(2, 123_456_789))
    lease = stored(body("coordination.k8s.io/v1", "Lease", field(1, meta) + field(2, spec)))
    assert lease["metadata"] == {"name": "l", "creationTimestamp": "2020-01-01T00:00:00Z"}
    assert lease["spec"] == {"renewTime": "2020-01-01T00:00:00.123456Z"}


def test_json_inside():
    revision = body("apps/v1", "ControllerRevision", field(2, field(1, b'{"spec":{"a":[1]}}')) + field(3, 7))
    assert stored(revision) == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {},
        "data": {"spec": {"a": [1]}},
        "revision": 7,
    }


def test_schemas_of_custom_resources():
    items = field(1, field(5, "string"))
    extra = field(2, field(5, "integer") + field(11, 1.5))
    schema = field(5, "object") + field(29, field(1, "a") + field(2, field(5, "array") + field(24, items)))
    schema += field(30, extra)
    version = field(1, "v1") + field(4, field(1, schema))
    crd = stored(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, field(7, version))))
    assert crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}}},
        "additionalProperties": {"type": "integer", "minimum": 1.5},
    }


def test_lists_that_are_messages():
    review = field(2, field(1, "token")) + field(3, field(2, field(4, field(1, "k") + field(2, field(1, "v")))))
    value = stored(body("authentication.k8s.io/v1", "TokenReview", review))
    assert value["status"]["user"]["extra"] == {"k": ["v"]}


def test_fields_of_a_newer_version_are_passed_over():
    message = field(1, field(1, "c") + field(999, "new")) + field(998, 5)
    assert stored(body("v1", "ConfigMap", message))["metadata"] == {"name": "c"}


def test_an_unknown_kind_is_for_others_to_refuse():
    assert decode(body("example.com/v1", "Widget", b"")) == {"apiVersion": "example.com/v1", "kind": "Widget"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"k8s\0\x0a",
        b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"k8s\0\x03",
        b"k8s\0\x00",
        body("v1", "Pod", field(1, 5)),
        body("v1", "Pod", field(2, field(4, "text"))),
        body("apps/v1", "ControllerRevision", field(2, field(1, b"{"))),
        body("v1", "Pod", field(1, field(8, field(1, 2**62)))),
    ],
)
def test_what_is_none_is_refused(raw):
    with pytest.raises(DecodeError):
        decode(raw)


def test_depth_has_a_limit():
    schema = b""
    for _ in range(300):
        schema = field(28, schema)
    crd = field(2, field(7, field(4, field(1, schema))))
    with pytest.raises(DecodeError, match="exceeded max depth"):
        decode(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd))


@given(st.sampled_from(sorted(SENT)), st.data())
def test_a_damaged_body_is_refused_or_read(name, data):
    raw = bytearray(base64.b64decode(SENT[name]))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(4, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(4, len(raw)))]
    try:
        obj = decode(bytes(raw))
        kind = type_of(obj.get("apiVersion", ""), obj.get("kind", ""))
        if kind is not None:
            kind.decode(obj, "Strict")
    except DecodeError as problem:
        assert str(problem)
