"""JSON patch and JSON merge patch, with what RFC 6902 and RFC 7386 say and what upstream answers to bad ones."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver.errors import StatusError
from controlplane.apiserver.patch import apply_json_patch, apply_merge_patch

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text("ab~/", max_size=3))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text("ab~/", max_size=2), JSON, max_size=4)


def without_nulls(value):
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def merge_difference(old, new):
    """The merge patch that turns `old` into `new`."""
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(old[key], dict):
            patch[key] = merge_difference(old[key], value)
        elif old[key] != value or type(old[key]) is not type(value):
            patch[key] = value
    return patch


# Merge patch -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [  # the appendix of RFC 7386, where both are objects
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target, patch, expected):
    assert apply_merge_patch(target, patch) == expected


@given(OBJECTS, OBJECTS)
def test_merging_a_difference_gives_the_other(old, new):
    new = without_nulls(new)
    assert apply_merge_patch(old, merge_difference(old, new)) == new


@given(OBJECTS, OBJECTS)
def test_merging_twice_is_merging_once_and_changes_no_input(obj, patch):
    before = copy.deepcopy((obj, patch))
    once = apply_merge_patch(obj, patch)
    assert apply_merge_patch(once, patch) == once
    assert (obj, patch) == before


def test_a_merge_shares_what_it_does_not_touch():
    obj: dict[str, Any] = {"spec": {"a": {}, "b": {"c": 1}}, "status": {"x": []}}
    merged = apply_merge_patch(obj, {"spec": {"b": {"c": 2}}})
    assert merged["status"] is obj["status"]
    assert merged["spec"]["a"] is obj["spec"]["a"]
    assert obj["spec"]["b"] == {"c": 1}


@pytest.mark.parametrize(("patch", "what"), [([], "array"), ("x", "string"), (1, "number"), (True, "bool")])
def test_a_merge_patch_is_an_object(patch, what):
    with pytest.raises(StatusError) as caught:
        apply_merge_patch({}, patch)
    assert caught.value.status["message"] == (
        f"error decoding patch: json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
    )
    assert caught.value.code == 400


# JSON patch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("doc", "op", "expected"),
    [
        ({"a": 1}, {"op": "add", "path": "/b", "value": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"op": "add", "path": "/a", "value": 2}, {"a": 2}),
        ({"a": 1}, {"op": "add", "path": "/b"}, {"a": 1, "b": None}),
        ({"a": [1, 3]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2, 3]}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": [1]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2]}),
        ({"a": [1, 2]}, {"op": "add", "path": "/a/-1", "value": 3}, {"a": [1, 2, 3]}),
        ({"a/b": 1, "c~d": 2}, {"op": "remove", "path": "/a~1b"}, {"c~d": 2}),
        ({"a/b": 1, "c~d": 2}, {"op": "replace", "path": "/c~0d", "value": 3}, {"a/b": 1, "c~d": 3}),
        ({"a": [1, 2, 3]}, {"op": "remove", "path": "/a/1"}, {"a": [1, 3]}),
        ({"a": [1, 2]}, {"op": "replace", "path": "/a/0", "value": 9}, {"a": [9, 2]}),
        ({"a": {"b": 1}}, {"op": "move", "from": "/a/b", "path": "/c"}, {"a": {}, "c": 1}),
        ({"a": {"b": 1}}, {"op": "copy", "from": "/a", "path": "/c"}, {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1}, {"a": 1}),
        ({"a": 1}, {"op": "test", "path": "/b", "value": None}, {"a": 1}),
        ({"a": 1}, {"op": "test", "path": "", "value": {"a": 1}}, {"a": 1}),
        ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 2}}, {"b": 2}),
    ],
)
def test_json_patch(doc, op, expected):
    before = copy.deepcopy(doc)
    assert apply_json_patch(doc, [op]) == expected
    assert doc == before


@pytest.mark.parametrize(
    "op",
    [
        {"op": "remove", "path": "/none"},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "add", "path": "/none/b", "value": 1},
        {"op": "add", "path": "/list/5", "value": 1},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "remove", "path": "/list/-"},
        {"op": "remove", "path": "/list/2"},
        {"op": "remove", "path": "/text/0"},
        {"op": "test", "path": "/list", "value": [1, True]},
        {"op": "test", "path": "/null/x", "value": None},
        {"op": "move", "from": "/none", "path": "/b"},
        {"op": "move", "path": "/b"},
        {"op": "copy", "from": "/none", "path": "/b"},
        {"op": "add", "path": "", "value": {}},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "", "value": 1},
        {"op": "nonsense", "path": "/text"},
        {"op": "add", "value": 1},
        {"path": "/text"},
        None,
    ],
)
def test_what_does_not_apply_is_refused_without_saying_which(op):
    doc = {"list": [1, 1], "text": "t", "null": None}
    with pytest.raises(StatusError) as caught:
        apply_json_patch(doc, [op])
    assert caught.value.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server rejected our request due to an error in our request",
        "reason": "Invalid",
        "details": {},
        "code": 422,
    }
    assert doc == {"list": [1, 1], "text": "t", "null": None}


@pytest.mark.parametrize(
    ("ops", "error"),
    [
        ({}, "json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        (["x"], "json: cannot unmarshal string into Go value of type handlers.jsonPatchOp"),
        (
            [{"op": "add", "path": 1}],
            "json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string",
        ),
    ],
)
def test_what_is_no_list_of_operations(ops, error):
    with pytest.raises(StatusError) as caught:
        apply_json_patch({}, ops)
    assert caught.value.code == 400
    assert caught.value.status["message"] == f"error decoding patch: {error}"


def test_too_many_operations_and_too_much_copying():
    with pytest.raises(StatusError) as caught:
        apply_json_patch({}, [{"op": "test", "path": "/a"}] * 10_001)
    assert caught.value.code == 413
    bomb = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 40
    with pytest.raises(StatusError) as caught:
        apply_json_patch({"a": ["x" * 1000]}, bomb)
    assert caught.value.code == 422


def test_a_document_cannot_be_nested_beyond_what_can_be_read():
    nest = [{"op": "copy", "from": "/a", "path": "/a" + "/x" * 2**n} for n in range(12)]
    adds = [{"op": "add", "path": "/a" + "/x" * n, "value": {}} for n in range(300)]
    move = [{"op": "add", "path": "/b", "value": {}}, {"op": "move", "from": "/a", "path": "/b/x"}]
    back = [{"op": "add", "path": "/a", "value": {}}, {"op": "move", "from": "/b", "path": "/a/x"}]
    for ops in (nest, adds, (move + back) * 200):
        with pytest.raises(StatusError) as caught:
            apply_json_patch({"a": {}}, ops)
        assert caught.value.code == 422


def test_a_copy_is_a_value_of_its_own():
    ops = [{"op": "copy", "from": "/a", "path": "/c"}, {"op": "add", "path": "/c/b", "value": 2}]
    assert apply_json_patch({"a": {"b": 1}}, ops) == {"a": {"b": 1}, "c": {"b": 2}}


def test_a_json_patch_shares_what_it_does_not_touch():
    obj = {"spec": {"a": {"x": 1}, "b": [1]}, "status": {}}
    patched = apply_json_patch(obj, [{"op": "add", "path": "/spec/b/0", "value": 0}])
    assert patched["status"] is obj["status"]
    assert patched["spec"]["a"] is obj["spec"]["a"]
    assert obj["spec"]["b"] == [1]


def places(value, path=""):
    """Every path in a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        here = f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
        yield here, child
        yield from places(child, here)


@given(OBJECTS.filter(bool), st.data(), JSON)
def test_an_operation_and_its_inverse_leave_nothing(obj, data, value):
    before = copy.deepcopy(obj)
    path, old = data.draw(st.sampled_from(list(places(obj))))
    replaced = apply_json_patch(obj, [{"op": "replace", "path": path, "value": value}])
    assert apply_json_patch(replaced, [{"op": "replace", "path": path, "value": old}]) == before
    removed = apply_json_patch(obj, [{"op": "remove", "path": path}])
    assert apply_json_patch(removed, [{"op": "add", "path": path, "value": old}]) == before
    assert obj == before
