"""The schema: what Go's decoder and encoder would make of a JSON object, and what they would say of it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.apiserver.codec import DecodeError, decode_noting_duplicates
from controlplane.apiserver.schema import kinds_of, named
from controlplane.apiserver.schema import type_of as found_type
from controlplane.quantity import WRONG_FORMAT

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "labels": {"a": "b"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "i",
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1000m", "memory": 1024}},
                "livenessProbe": {"httpGet": {"port": "http", "path": "/"}},
            }
        ]
    },
}
RECORDED = json.loads((Path(__file__).parent / "recorded_objects.json").read_text())


def type_of(api_version: str, kind: str) -> Any:
    return found_type(api_version, kind)


def decode(obj, mode="Strict", old=None):
    return type_of(obj["apiVersion"], obj["kind"]).decode(obj, mode, old)


def changed(path, value):
    """POD with another value at `path`."""
    pod = copy.deepcopy(POD)
    at: Any = pod
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return pod


CONTAINER = ("spec", "containers", 0)
PORT = (*CONTAINER, "ports", 0)
PROBE = (*CONTAINER, "livenessProbe", "httpGet")
CREATED = ("metadata", "creationTimestamp")


def test_values_are_made_canonical_and_what_go_always_writes_is_added():
    pod, problems = decode(POD)
    assert problems == []
    container = pod["spec"]["containers"][0]
    assert container["resources"] == {"limits": {"cpu": "1", "memory": "1024"}}
    assert pod["status"] == {}
    assert pod["metadata"] == {"name": "p", "labels": {"a": "b"}}


def test_the_result_shares_nothing_with_what_was_decoded():
    sent = copy.deepcopy(POD)
    pod, _ = decode(sent)
    sent["metadata"]["labels"]["a"] = "changed"
    sent["spec"]["containers"][0]["ports"][0]["containerPort"] = 1
    assert pod["metadata"]["labels"] == {"a": "b"}
    assert pod["spec"]["containers"][0]["ports"] == [{"containerPort": 80}]


def test_decoding_again_changes_nothing():
    pod, _ = decode(POD)
    assert decode(pod) == (pod, [])


def test_parts_that_are_the_very_same_as_before_are_taken_as_they_are():
    old, _ = decode(POD)
    new, _ = decode({**old, "status": {"phase": "Running"}}, old=old)
    assert new["spec"] is old["spec"]
    assert new["metadata"] is old["metadata"]
    assert new["status"] == {"phase": "Running"}
    equal, _ = decode(copy.deepcopy(old), old=old)
    assert equal == old and equal["spec"] is not old["spec"]


@pytest.mark.parametrize(
    ("path", "sent", "kept"),
    [
        (("spec", "hostname"), "", None),
        (("spec", "hostNetwork"), False, None),
        (("spec", "nodeSelector"), {}, None),
        (("spec", "tolerations"), [], None),
        (("spec", "nodeName"), None, None),
        (("spec", "priority"), 0, 0),  # a pointer: zero is not nothing
        (("spec", "securityContext"), {}, {}),
        (("spec", "runtimeClassName"), "", ""),
    ],
)
def test_zero_values_are_left_out_where_upstream_leaves_them_out(path, sent, kept):
    pod, _ = decode(changed(path, sent))
    assert pod["spec"].get(path[-1]) == kept
    assert (path[-1] in pod["spec"]) == (kept is not None)


@pytest.mark.parametrize(
    ("api_version", "kind", "obj", "written"),
    [
        ("rbac.authorization.k8s.io/v1", "Role", {"rules": []}, {"metadata": {}, "rules": None}),
        (
            "discovery.k8s.io/v1",
            "EndpointSlice",
            {},
            {"metadata": {}, "addressType": "", "endpoints": None, "ports": None},
        ),
        ("apps/v1", "Deployment", {"spec": {"replicas": 0}}, None),
        ("v1", "Secret", {"data": {"a": "", "b": None}}, {"metadata": {}, "data": {"a": "", "b": ""}}),
        ("v1", "ConfigMap", {"data": {"a": None}}, {"metadata": {}, "data": {"a": ""}}),
    ],
)
def test_what_has_no_omitempty_is_always_written(api_version, kind, obj, written):
    value, _ = type_of(api_version, kind).decode(obj)
    if written is None:
        template: dict[str, Any] = {"metadata": {}, "spec": {"containers": []}}
        written = {
            "metadata": {},
            "spec": {"replicas": 0, "selector": None, "template": template, "strategy": {}},
            "status": {},
        }
    assert value == written


def test_times_that_were_never_set_are_null_where_go_writes_them():
    conditions = [{"type": "Ready", "status": "True"}]
    pod, _ = type_of("v1", "Pod").decode({"status": {"conditions": conditions}})
    assert pod["status"]["conditions"] == [
        {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": None}
    ]


def test_the_head_comes_first():
    pod, _ = decode({"spec": POD["spec"], "metadata": POD["metadata"], "kind": "Pod", "apiVersion": "v1"})
    assert list(pod)[:3] == ["apiVersion", "kind", "metadata"]


@pytest.mark.parametrize(
    ("path", "value", "what", "field", "type_"),
    [
        (("spec",), "x", "string", "Pod.spec", "v1.PodSpec"),
        (("spec", "containers"), {}, "object", "PodSpec.spec.containers", "[]v1.Container"),
        ((*CONTAINER, "image"), 5, "number", "Container.spec.containers.image", "string"),
        ((*CONTAINER, "imagePullPolicy"), [], "array", "Container.spec.containers.imagePullPolicy", "v1.PullPolicy"),
        ((*PORT, "containerPort"), 1.5, "number 1.5", "ContainerPort.spec.containers.ports.containerPort", "int32"),
        ((*PORT, "hostPort"), 2**31, "number 2147483648", "ContainerPort.spec.containers.ports.hostPort", "int32"),
        (("spec", "hostNetwork"), "yes", "string", "PodSpec.spec.hostNetwork", "bool"),
        (("metadata", "labels"), {"a": 1}, "number", "ObjectMeta.metadata.labels", "string"),
        (("metadata", "labels"), [], "array", "ObjectMeta.metadata.labels", "map[string]string"),
        (("metadata", "uid"), {}, "object", "ObjectMeta.metadata.uid", "types.UID"),
        (("metadata", "creationTimestamp"), 1, "number", "ObjectMeta.metadata.creationTimestamp", "string"),
        ((*PROBE, "port"), True, "bool", "HTTPGetAction.spec.containers.livenessProbe.httpGet.port", "int32"),
    ],
)
def test_a_wrong_type_is_refused_in_gos_words(path, value, what, field, type_):
    with pytest.raises(DecodeError) as caught:
        decode(changed(path, value))
    assert str(caught.value) == f"json: cannot unmarshal {what} into Go struct field {field} of type {type_}"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (CREATED, "x", 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'),
        (CREATED, "2020-13-01T00:00:00Z", 'parsing time "2020-13-01T00:00:00Z": month out of range'),
        (CREATED, "2020-02-30T00:00:00Z", 'parsing time "2020-02-30T00:00:00Z": day out of range'),
        ((*CONTAINER, "resources", "limits", "cpu"), "1 core", WRONG_FORMAT),
        ((*CONTAINER, "resources", "limits", "cpu"), [], WRONG_FORMAT),
    ],
)
def test_a_value_that_cannot_be_read_is_refused(path, value, message):
    with pytest.raises(DecodeError) as caught:
        decode(changed(path, value))
    assert str(caught.value) == message


def test_the_first_wrong_value_in_the_document_is_told():
    pod = changed(("spec", "hostNetwork"), "yes")
    pod["spec"]["containers"][0]["image"] = 1
    with pytest.raises(DecodeError, match=r"Container\.spec\.containers\.image"):
        decode(pod)


def test_bad_base64_says_where():
    with pytest.raises(DecodeError, match=r"^illegal base64 data at input byte 4$"):
        type_of("v1", "Secret").decode({"data": {"a": "YWJj!"}})


def test_unknown_fields_are_dropped_and_told_with_their_path():
    pod = changed((*CONTAINER, "foo"), 1)
    pod["spec"]["bar"] = pod["baz"] = None
    value, problems = decode(pod)
    assert problems == ['unknown field "spec.containers[0].foo"', 'unknown field "spec.bar"', 'unknown field "baz"']
    assert "foo" not in value["spec"]["containers"][0] and "bar" not in value["spec"] and "baz" not in value
    assert decode(pod, "Warn")[1] == problems
    assert decode(pod, "Ignore")[1] == []


def test_repeated_fields_are_told_of():
    head = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","name":"b"},'
    raw = head + b'"data":{"k":"1","k":"2"},"x":1,"x":2}'
    value, problems = decode(decode_noting_duplicates(raw))
    assert problems == ['duplicate field "metadata.name"', 'duplicate field "data.k"', 'unknown field "x"']
    assert value["data"] == {"k": "2"} and value["metadata"] == {"name": "b"}


def test_at_most_a_hundred_problems_are_told():
    pod = {**POD, **{f"x{i}": 1 for i in range(150)}}
    assert len(decode(pod)[1]) == 100


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
        ("2020-01-02T03:04:05.987Z", "2020-01-02T03:04:05Z"),
        ("2020-01-02T03:04:05+02:00", "2020-01-02T01:04:05Z"),
        ("2020-01-02T3:04:05Z", "2020-01-02T03:04:05Z"),
    ],
)
def test_times_are_written_in_utc(sent, written):
    value, _ = type_of("v1", "Pod").decode({"metadata": {"creationTimestamp": sent}})
    assert value["metadata"]["creationTimestamp"] == written


def test_micro_times_need_all_their_digits():
    lease = type_of("coordination.k8s.io/v1", "Lease")
    value, _ = lease.decode({"spec": {"renewTime": "2020-01-02T03:04:05.123456+01:00"}})
    assert value["spec"]["renewTime"] == "2020-01-02T02:04:05.123456Z"
    with pytest.raises(DecodeError, match=r'cannot parse "Z" as ".000000"$'):
        lease.decode({"spec": {"renewTime": "2020-01-02T03:04:05Z"}})


def test_fields_tell_how_they_merge():
    spec = type_of("v1", "Pod").fields["spec"].type
    containers = spec.fields["containers"]
    assert (containers.patch_merge_key, containers.patch_strategy) == ("name", "merge")
    assert (containers.list_type, containers.list_map_keys) == ("map", ("name",))
    ports = containers.type.elem.fields["ports"]
    assert (ports.patch_merge_key, ports.list_map_keys) == ("containerPort", ("containerPort", "protocol"))
    assert ports.type.elem.fields["protocol"].default == "TCP"
    assert spec.fields["nodeSelector"].map_type == "atomic"
    assert spec.fields["volumes"].patch_strategy == "merge,retainKeys"
    selector = type_of("apps/v1", "Deployment").fields["spec"].type.fields["selector"]
    assert selector.map_type == "atomic"


def test_embedded_structs_lend_their_fields():
    volume = named("core/v1.Volume")
    assert {"name", "configMap", "emptyDir"} <= set(volume.fields)
    ephemeral = type_of("v1", "Pod").fields["spec"].type.fields["ephemeralContainers"].type.elem
    assert ephemeral.fields["env"].patch_merge_key == "name"


def test_options_belong_to_every_version():
    assert type_of("apps/v1", "DeleteOptions") is type_of("v1", "DeleteOptions")
    assert type_of("v1", "Status") is not None
    assert type_of("apps/v1", "Nonsense") is None


def test_definitions_of_custom_resources_keep_their_schemas():
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "string"}},
            "b": {"additionalProperties": {"type": "integer"}},
            "c": {"default": {"x": [None]}, "additionalProperties": True},
        },
    }
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {**schema, "nonsense": 1}}}]},
    }
    value, problems = decode(crd)
    assert value["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == schema
    assert problems == ['unknown field "spec.versions[0].schema.openAPIV3Schema.nonsense"']


def test_a_schema_that_goes_deeper_than_any_is_refused_politely():
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(2000):
        schema = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(DecodeError):
        type_of("apiextensions.k8s.io/v1", "CustomResourceDefinition").decode(
            {"spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}}
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "metadata",
                    "containers",
                    "name",
                    "labels",
                    "ports",
                    "resources",
                    "limits",
                    "status",
                    "conditions",
                    "data",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON, st.sampled_from(["Pod", "Service", "Secret", "ConfigMap", "Node", "PersistentVolume"]))
@settings(max_examples=150)
def test_no_value_raises_anything_but_a_refusal(value, kind):
    try:
        decoded, _ = type_of("v1", kind).decode(value, "Strict")
    except DecodeError as problem:
        assert str(problem)
    else:
        assert type_of("v1", kind).decode(decoded, "Strict") == (decoded, [])


def test_every_kind_can_be_empty():
    for group in ("v1", "apps/v1", "batch/v1", "apiextensions.k8s.io/v1", "storage.k8s.io/v1", "networking.k8s.io/v1"):
        for type_ in kinds_of(group).values():
            empty, _ = type_.decode({})
            assert empty == type_.zero()
            assert type_.decode(empty)[0] == empty


@pytest.mark.parametrize("obj", RECORDED, ids=lambda obj: obj["kind"])
def test_what_a_real_server_answered_is_as_it_would_be_stored(obj):
    assert decode(obj) == (obj, [])
