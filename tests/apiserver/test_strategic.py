"""Strategic merge patch: lists by key, directives, order, and what upstream says of patches that make no sense."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver.errors import StatusError
from controlplane.apiserver.schema import named
from controlplane.apiserver.strategic import apply_strategic_merge
from controlplane.apiserver.unstructured import first_problem

POD_SPEC = named("core/v1.PodSpec")
META = named("meta/v1.ObjectMeta")
DEPLOYMENT_SPEC = named("apps/v1.DeploymentSpec")


def patched(spec, patch, type_=POD_SPEC):
    before = copy.deepcopy((spec, patch))
    result = apply_strategic_merge(spec, patch, type_)
    assert (spec, patch) == before
    return result


def items(*names, **fields):
    return [{"name": name, **fields} for name in names]


def refusal(spec, patch, type_=POD_SPEC):
    with pytest.raises(StatusError) as caught:
        patched(spec, patch, type_)
    assert caught.value.code in (400, 422)
    return caught.value.status["message"]


def test_an_item_is_merged_by_its_key():
    live = {"containers": [{"name": "app", "image": "v1", "env": items("A", value="1")}]}
    patch = {"containers": [{"name": "app", "image": "v2", "env": items("B", value="2")}]}
    assert patched(live, patch) == {
        "containers": [{"name": "app", "image": "v2", "env": [*items("B", value="2"), *items("A", value="1")]}]
    }


def test_a_new_item_comes_before_what_only_the_server_has():
    assert patched({"containers": items("app")}, {"containers": items("side")}) == {"containers": items("side", "app")}


def test_an_item_is_deleted_or_the_whole_list_replaced():
    live = {"containers": items("a", "b", "c")}
    assert patched(live, {"containers": [{"$patch": "delete", "name": "b"}]}) == {"containers": items("a", "c")}
    assert patched(live, {"containers": [{"$patch": "replace"}, *items("d")]}) == {"containers": items("d")}
    assert patched(live, {"containers": None}) == {}


def test_the_order_that_a_patch_asks_for():
    live = {"containers": items("a", "b", "c", "d")}
    order = {"$setElementOrder/containers": items("c", "a")}
    assert patched(live, order) == {"containers": items("b", "c", "a", "d")}
    order["containers"] = [{"name": "c", "image": "x"}]
    assert patched(live, order) == {"containers": [*items("b"), *items("c", image="x"), *items("a", "d")]}
    added = {"$setElementOrder/containers": items("a", "e", "b"), "containers": items("e")}
    assert patched(live, added) == {"containers": items("a", "e", "b", "c", "d")}
    assert patched({}, added) == {"containers": items("e")}
    assert patched({}, {"$setElementOrder/containers": items("a")}) == {}


def test_kubectl_apply_deletes_and_orders_in_one_patch():
    live = {"containers": items("a", "b", "side")}
    patch = {
        "$setElementOrder/containers": items("a"),
        "containers": [{"$patch": "delete", "name": "b"}],
    }
    assert patched(live, patch) == {"containers": items("a", "side")}


def test_an_added_item_takes_the_place_of_a_deleted_one():
    patch = {
        "$setElementOrder/containers": items("b", "c"),
        "containers": [*items("c"), {"$patch": "delete", "name": "a"}],
    }
    assert patched({"containers": items("a", "b", "side")}, patch) == {"containers": items("b", "side", "c")}


def test_a_merged_list_of_plain_values():
    def finalizers(live, **patch):
        return patched({"finalizers": live}, patch, META)["finalizers"]

    assert finalizers(["a", "b"], finalizers=["b", "c"]) == ["a", "b", "c"]
    assert finalizers(["a", "b", "c"], **{"$deleteFromPrimitiveList/finalizers": ["b"]}) == ["a", "c"]
    assert finalizers(["a", "b", "c"], **{"$setElementOrder/finalizers": ["c", "a"]}) == ["b", "c", "a"]


def test_a_list_without_a_patch_strategy_is_replaced():
    assert patched({"tolerations": [{"key": "a"}]}, {"tolerations": [{}]}) == {"tolerations": [{}]}


def test_map_directives():
    live = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}
    retained = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    assert patched(live, retained, DEPLOYMENT_SPEC) == {"strategy": {"type": "Recreate"}}
    assert patched(live, {"strategy": {"$patch": "replace", "x": 1}}, DEPLOYMENT_SPEC) == {"strategy": {"x": 1}}
    assert patched(live, {"strategy": {"$patch": "delete"}}, DEPLOYMENT_SPEC) == {"strategy": {}}


def test_a_volume_changes_its_source():
    live = {"volumes": [{"name": "v", "emptyDir": {}}]}
    patch = {"volumes": [{"$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": {"path": "/"}}]}
    assert patched(live, patch) == {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}


def test_nulls_and_directives_in_what_is_added_leave_no_trace():
    patch = {"containers": [{"name": "a", "image": None, "env": [{"name": "A", "$patch": "delete"}]}]}
    assert patched({}, patch) == {"containers": [{"name": "a", "env": []}]}
    assert patched({"x": 1}, {"x": None, "y": None}) == {}


def test_what_is_not_touched_is_shared():
    live = {"containers": items("a", "b"), "securityContext": {}}
    result = apply_strategic_merge(live, {"containers": [{"name": "b", "image": "x"}]}, POD_SPEC)
    assert result["securityContext"] is live["securityContext"]
    assert result["containers"][0] is live["containers"][0]


def test_patches_that_make_no_sense():
    live = {"containers": items("a")}
    assert refusal(live, {"containers": [{"image": "x"}]}) == (
        "map: map[image:x] does not contain declared merge key: name"
    )
    assert refusal(live, {"containers": [{"$patch": "delete"}]}) == (
        "map: map[$patch:delete] does not contain declared merge key: name"
    )
    assert refusal(live, {"containers": [{"$patch": "x", "name": "a"}]}) == (
        "unknown patch type: x in map: map[$patch:x name:a]"
    )
    assert refusal(live, {"$patch": "sideways"}) == "unknown patch type: sideways in map: map[$patch:sideways]"
    assert refusal({}, {"$setElementOrder/containers": [], "containers": ["x"]}) == (
        "expected a map[string]interface {}, but received a string"
    )
    assert refusal(live, {"containers": ["x"]}).startswith("list element types are not identical: [[map[name:a]] [x]]")
    assert refusal(live, {"containers": [["x"]]}).startswith("list element types are not identical")
    assert refusal({"containers": []}, {"containers": [["x"]]}) == (
        "the server rejected our request due to an error in our request"
    )
    for strategy in ({"$retainKeys": 1}, {"$retainKeys": [], "type": 1}):
        error = refusal({"strategy": {}}, {"strategy": strategy}, DEPLOYMENT_SPEC)
        assert error == "invalid patch format of retainKeys"
    assert refusal({"nodeSelector": {"a": {}}}, {"nodeSelector": {"a": {}}}) == (
        "merging an object in json but data type is not struct, instead is: map"
    )
    assert refusal(live, {"$setElementOrder/containers": 1}) == "expected a []interface {}, but received a int64"
    assert refusal(live, {"$setElementOrderX": []}) == "invalid patch format of setElementOrder list"
    assert refusal(live, {"$deleteFromPrimitiveListX": []}) == "invalid patch format of primitive list"
    assert refusal({"what": {}}, {"what": {}}) == (
        'unable to find api field in struct PodSpec for the json field "what"'
    )
    assert refusal(live, {"$setElementOrder/containers": items("b"), "containers": items("a")}) == (
        "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n"
    )


def test_a_patch_is_an_object():
    with pytest.raises(StatusError) as caught:
        apply_strategic_merge({}, [], POD_SPEC)
    assert caught.value.status["message"] == (
        "json: cannot unmarshal array into Go value of type map[string]interface {}"
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"containers": [{"name": "a"}]}, ""),
        ({"containers": {}}, "cannot restore slice from map"),
        ({"containers": ["a"]}, "cannot restore struct from: string"),
        ({"containers": [{"name": 1}]}, "cannot convert int64 to string"),
        ({"containers": [{"name": True}]}, "unrecognized type: string"),
        ({"terminationGracePeriodSeconds": "x"}, "unrecognized type: int64"),
        ({"terminationGracePeriodSeconds": 1.5}, "cannot convert float64 to int64"),
        ({"hostNetwork": "x"}, "unrecognized type: bool"),
        ({"nodeSelector": []}, "cannot restore map from slice"),
        ({"securityContext": 1}, "cannot restore struct from: int64"),
    ],
)
def test_why_the_result_is_no_object_of_its_kind(value, problem):
    assert first_problem(value, POD_SPEC) == problem


NAMES = st.sampled_from("abcd")
CONTAINER_LISTS = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"image": NAMES, "args": st.lists(NAMES, max_size=2)}),
    max_size=4,
    unique_by=lambda item: item["name"],
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "containers": CONTAINER_LISTS,
        "tolerations": st.lists(st.fixed_dictionaries({"key": NAMES}), max_size=3),
        "securityContext": st.fixed_dictionaries({}, optional={"runAsUser": st.integers(0, 3)}),
    },
)


@given(SPECS, SPECS)
def test_a_patch_twice_is_a_patch_once(live, patch):
    once = patched(live, patch)
    assert patched(once, patch) == once


@given(SPECS)
def test_nothing_and_itself_change_nothing(spec):
    assert patched(spec, {}) == spec
    assert patched(spec, spec) == spec
    assert patched({}, spec) == spec


@given(CONTAINER_LISTS, CONTAINER_LISTS)
def test_what_is_patched_is_there_in_the_sequence_of_the_patch_and_nothing_is_lost(live, patch):
    result = patched({"containers": live}, {"containers": patch})["containers"]
    names = [item["name"] for item in result]
    assert sorted(names) == sorted({item["name"] for item in live + patch})
    assert [name for name in names if name in {i["name"] for i in patch}] == [item["name"] for item in patch]


@given(CONTAINER_LISTS, CONTAINER_LISTS, st.permutations("abcd"))
def test_an_order_is_kept(live, patch, order):
    place = {name: i for i, name in enumerate(order)}
    patch = sorted(patch, key=lambda item: place[item["name"]])
    if not live and not patch:
        return
    spec = {"$setElementOrder/containers": items(*order), "containers": patch}
    names = [item["name"] for item in patched({"containers": live}, spec)["containers"]]
    assert names == sorted(names, key=place.__getitem__)
