"""Structural schemas: what is pruned, what is filled in, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver.codec import DecodeError, decode_noting_duplicates
from controlplane.apiserver.crd_schema import CustomType

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 1, "format": "int32"},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "port": {"x-kubernetes-int-or-string": True},
        "ratio": {"type": "number", "exclusiveMinimum": True, "minimum": 0},
        "text": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
        "when": {"type": "string", "format": "date-time"},
        "maybe": {"type": "string", "nullable": True},
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"strict": {"type": "object", "properties": {"a": {"type": "string"}}}},
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2},
        "parts": {
            "type": "array",
            "maxItems": 3,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "default": 1}},
            },
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "nested": {"type": "object", "default": {}, "properties": {"deep": {"type": "boolean", "default": True}}},
        "template": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "properties": {"spec": {"type": "object"}},
        },
        "either": {
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        },
    },
}
SCHEMA = {"type": "object", "required": ["spec"], "properties": {"spec": SPEC}}


def custom(schema=SCHEMA, **spec) -> Any:
    return CustomType({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}], **spec}}, "v1")


def widget(spec: Any, **more) -> Any:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec, **more}


def cleaned(spec, **more):
    return custom().decode(widget(spec, **more), "Strict")


def refused(spec):
    """What is said of an object with this spec."""
    return [str(error) for error in custom().validate(cleaned(spec)[0])]


def test_unknown_fields_are_pruned_and_told():
    spec = {
        "size": 1,
        "foo": 1,
        "parts": [{"name": "a", "bar": {}}],
        "free": {"any": {"thing": None}, "strict": {"b": 1}},
    }
    value, problems = cleaned(spec, baz=1)
    assert problems == [
        'unknown field "baz"',
        'unknown field "spec.foo"',
        'unknown field "spec.free.strict.b"',
        'unknown field "spec.parts[0].bar"',
    ]
    assert value["spec"]["parts"] == [{"name": "a", "weight": 1}]
    assert value["spec"]["free"] == {"any": {"thing": None}, "strict": {}}
    assert "baz" not in value and "foo" not in value["spec"]


def test_defaults_are_filled_in():
    value, _ = cleaned({"size": 1})
    assert value["spec"] == {"size": 1, "color": "red", "nested": {"deep": True}}


def test_a_default_is_nobodys_own():
    one, two = cleaned({"size": 1})[0], cleaned({"size": 1})[0]
    one["spec"]["nested"]["deep"] = False
    assert two["spec"]["nested"] == {"deep": True}


def test_a_null_stays_only_where_it_means_something():
    value, _ = cleaned({"size": None, "color": None, "maybe": None})
    assert value["spec"] == {"color": "red", "maybe": None, "nested": {"deep": True}}


def test_metadata_is_everywhere_the_same():
    embedded = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "x": 1}, "spec": {}, "y": 1}
    value, problems = custom().decode(
        {**widget({"size": 1, "template": embedded}), "metadata": {"name": "w", "zzz": 1, "labels": {}}}, "Strict"
    )
    assert value["metadata"] == {"name": "w"}
    assert value["spec"]["template"] == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}
    assert problems == [
        'unknown field "metadata.zzz"',
        'unknown field "spec.template.metadata.x"',
        'unknown field "spec.template.y"',
    ]


def test_metadata_that_is_none_is_refused():
    with pytest.raises(DecodeError, match=r"^metadata: Invalid value: .*ObjectMeta\.labels of type string$"):
        custom().decode({**widget({}), "metadata": {"labels": {"a": 1}}})


def test_repeated_fields_are_told():
    raw = b'{"apiVersion":"e/v1","kind":"W","metadata":{"name":"w"},"spec":{"size":1,"size":2}}'
    value, problems = custom().decode(decode_noting_duplicates(raw), "Warn")
    assert problems == ['duplicate field "spec.size"']
    assert value["spec"]["size"] == 2


def test_all_is_kept_where_the_definition_says_so():
    value, problems = custom({"type": "object"}, preserveUnknownFields=True).decode(
        widget({"a": [{"b": None}]}), "Strict"
    )
    assert value == widget({"a": [{"b": None}]})
    assert problems == []


def test_nothing_is_shared_but_what_is_the_same_as_before():
    sent = widget({"size": 1, "free": {"a": [1]}, "labels": {"a": "b"}})
    old, _ = custom().decode(sent)
    sent["spec"]["free"]["a"].append(2)
    assert old["spec"]["free"] == {"a": [1]}
    new, _ = custom().decode({**old, "status": {}}, "Strict", old)
    assert new["spec"] is old["spec"]


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"size": 1, "port": "http", "ratio": 1, "text": "abc", "when": "2020-01-01T00:00:00Z"}, []),
        ({"size": 1, "port": 80, "ratio": 0.5, "tags": ["a", "b"], "either": {"a": "x"}}, []),
        ({"size": 1.0}, []),
        ({}, ["spec.size: Required value"]),
        ("x", ['spec: Invalid value: "string": spec in body must be of type object: "string"']),
        ({"size": "x"}, ['spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"']),
        ({"size": True}, ['spec.size: Invalid value: "boolean": spec.size in body must be of type integer: "boolean"']),
        ({"size": 0}, ["spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"]),
        ({"size": 11}, ["spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"]),
        ({"size": 1, "ratio": 0}, ["spec.ratio: Invalid value: 0: spec.ratio in body should be greater than 0"]),
        ({"size": 1, "color": "pink"}, ['spec.color: Unsupported value: "pink": supported values: "red", "blue"']),
        ({"size": 1, "text": "A"}, ['spec.text: Invalid value: "A": spec.text in body should be at least 2 chars long',
                                    "spec.text: Invalid value: \"A\": spec.text in body should match '^[a-z]+$'"]),
        ({"size": 1, "text": "abcde"}, ["spec.text: Too long: may not be more than 4 bytes"]),
        ({"size": 1, "when": "now"}, ['spec.when: Invalid value: "now": spec.when in body must be of type date-time: '
                                      '"now"']),
        ({"size": 1, "port": 1.5}, ['spec.port: Invalid value: "number": spec.port in body must be of type '
                                    'integer,string: "number"']),
        ({"size": 1, "labels": {"a": 1}}, ['spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of '
                                           'type string: "integer"']),
        ({"size": 1, "labels": {"a": "", "b": "", "c": ""}}, ["spec.labels: Too many: 3: must have at most 2 items"]),
        ({"size": 1, "parts": [{}, {}, {}, {}]}, ["spec.parts: Too many: 4: must have at most 3 items"]),
        ({"size": 1, "parts": [{"name": "a"}, {"name": "a"}, {"name": "a"}]}, ['spec.parts[1]: Duplicate value: '
                                                                              '{"name":"a"}']),
        ({"size": 1, "tags": ["a", "b", "a"]}, ['spec.tags[2]: Duplicate value: "a"']),
        ({"size": 1, "either": {}}, ['<nil>: Invalid value: "": "spec.either" must validate one and only one schema '
                                     "(oneOf). Found none valid", "spec.either.a: Required value"]),
        ({"size": 1, "either": {"a": "", "b": ""}}, ['<nil>: Invalid value: "": "spec.either" must validate one and '
                                                     "only one schema (oneOf). Found 2 valid alternatives"]),
    ],
)  # fmt: skip
def test_what_the_schema_has_against_an_object(spec, errors):
    assert refused(spec) == errors


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (
            {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
            "x",
            '"spec" must validate at least one schema (anyOf)',
        ),
        ({"allOf": [{"minLength": 3}]}, "x", '"spec" must validate all the schemas (allOf). None validated'),
        ({"not": {"enum": ["x"]}}, "x", '"spec" must not validate the schema (not)'),
    ],
)
def test_schemas_that_are_made_of_others(schema, value, message):
    type_ = custom({"type": "object", "properties": {"spec": schema}})
    assert f'<nil>: Invalid value: "": {message}' in [str(error) for error in type_.validate(widget(value))]


def test_an_unchanged_part_may_stay_wrong():
    old = widget({"size": 0})
    assert custom().validate({**old, "metadata": {"name": "w", "labels": {"a": "b"}}}, old) == []
    assert custom().validate(widget({"size": 0, "text": "ab"}), old) != []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2020-02-29", "2019-02-29"),
        ("byte", "YQ==", "a"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("mac", "00:11:22:33:44:55", "00:11"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("email", "a@b.c", "a"),
        ("hostname", "a.example", "-a"),
        ("uri", "https://a.example/", "a b"),
        ("duration", "1h30m", "1x"),
        ("nonsense", "anything", None),
    ],
)
def test_formats(name, good, bad):
    type_ = custom({"type": "object", "properties": {"spec": {"type": "string", "format": name}}})
    assert type_.validate(widget(good)) == []
    assert bad is None or [e.message for e in type_.validate(widget(bad))] == [
        f'Invalid value: "{bad}": spec in body must be of type {name}: "{bad}"'
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SPEC["properties"], "name", "metadata", "a"]), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(JSON)
def test_no_value_raises_anything_but_a_refusal(spec):
    try:
        value, _ = cleaned(spec)
    except DecodeError:
        return
    custom().validate(value)
    assert custom().decode(value, "Strict") == (value, [])
