"""Server-side apply and managedFields: who owns what, what goes, what conflicts, and how it is written."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver import field_sets
from controlplane.apiserver.api import Request
from controlplane.apiserver.apply import apply_patch
from controlplane.apiserver.errors import StatusError
from controlplane.apiserver.managed_fields import update_managed
from controlplane.apiserver.schema import type_of
from controlplane.apiserver.server import ApiServer
from controlplane.clock import Loop

T0, T1 = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
CONFIG_MAP = type_of("v1", "ConfigMap")
DEPLOYMENT = type_of("apps/v1", "Deployment")
POD = type_of("v1", "Pod")


def config_map(meta: dict | None = None, **data: Any) -> dict[str, Any]:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", **(meta or {})}}
    return {**obj, "data": data} if data else obj


def deployment(*containers, **spec):
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": list(containers)}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def applied(live, patch, manager="one", time=T0, **options):
    """The object after an apply, as it is once it is stored."""
    before = copy.deepcopy((live, patch))
    kind = patch["kind"]
    new = apply_patch(
        live,
        patch,
        manager,
        api_version=patch["apiVersion"],
        time=time,
        type=type_of(patch["apiVersion"], kind),
        kind=kind,
        **options,
    )
    assert (live, patch) == before
    new["metadata"].setdefault("uid", "u")
    return new


def updated(live, new, manager="kubectl-edit", time=T0, **options):
    """The object after an update."""
    new = copy.deepcopy(new)
    new["metadata"]["managedFields"] = update_managed(
        live,
        new,
        manager,
        api_version=new["apiVersion"],
        time=time,
        type=type_of(new["apiVersion"], new["kind"]),
        **options,
    )
    new["metadata"].setdefault("uid", "u")
    return new


def owners(obj):
    """{manager: its fields}"""
    return {e["manager"]: e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


def refusal(live, patch, manager="two", **options):
    with pytest.raises(StatusError) as caught:
        applied(live, patch, manager, **options)
    return caught.value


# Applying ----------------------------------------------------------------------------------------------------------


def test_an_apply_creates_and_owns_what_it_says():
    new = applied(None, config_map(a="1"))
    assert new["data"] == {"a": "1"}
    assert new["metadata"]["managedFields"] == [
        {
            "manager": "one",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": T0,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }
    ]


def test_what_a_manager_applies_no_more_goes():
    live = applied(None, config_map(a="1", b="2"))
    assert applied(live, config_map(a="1"))["data"] == {"a": "1"}
    gone = applied(live, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}})
    assert "data" not in gone
    assert "managedFields" not in gone["metadata"]


def test_what_someone_else_owns_too_stays():
    live = applied(applied(None, config_map(a="1", b="2")), config_map(b="2"), "two")
    assert owners(live) == {"one": {"f:data": {"f:a": {}, "f:b": {}}}, "two": {"f:data": {"f:b": {}}}}
    live = applied(live, config_map())
    assert live["data"] == {"b": "2"}
    assert applied(live, config_map(), "two").get("data") is None


def test_what_nobody_applied_stays():
    live = applied(None, config_map(a="1"))
    edited = updated(live, {**live, "data": {"a": "1", "b": "2"}})
    assert applied(edited, config_map())["data"] == {"b": "2"}


def test_another_value_is_a_conflict():
    live = applied(None, config_map(a="1"))
    problem = refusal(live, config_map(a="9"))
    assert problem.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Apply failed with 1 conflict: conflict with "one": .data.a',
        "reason": "Conflict",
        "details": {
            "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}]
        },
        "code": 409,
    }
    assert owners(applied(live, config_map(a="9"), "two", force=True)) == {"two": {"f:data": {"f:a": {}}}}


def test_all_conflicts_are_named():
    live = applied(None, deployment({"name": "app", "image": "v1"}, replicas=1))
    live = updated(live, {**live, "spec": {**live["spec"], "replicas": 2}}, "kubectl", subresource="scale")
    problem = refusal(live, deployment({"name": "app", "image": "v2"}, replicas=3))
    assert problem.status["message"] == (
        "Apply failed with 2 conflicts: "
        'conflicts with "kubectl" with subresource "scale" using apps/v1:\n- .spec.replicas\n'
        'conflicts with "one":\n- .spec.template.spec.containers[name="app"].image'
    )
    causes = problem.status["details"]["causes"]
    assert causes[0]["message"] == 'conflict with "kubectl" with subresource "scale" using apps/v1'


def test_an_update_takes_what_it_changes_and_the_applier_meets_a_conflict():
    live = applied(None, deployment({"name": "app", "image": "v1"}, replicas=1))
    scaled = updated(live, {**live, "spec": {**live["spec"], "replicas": 5}}, "kubectl")
    assert owners(scaled)["kubectl"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owners(scaled)["one"]["f:spec"]
    problem = refusal(scaled, deployment({"name": "app", "image": "v1"}, replicas=1), "one")
    assert problem.status["message"] == (
        'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas'
    )


def test_an_object_that_nobody_tracked_belongs_to_someone_before():
    live = config_map({"uid": "u"}, a="1", b="2")
    assert refusal(live, config_map(a="9")).status["message"] == (
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'
    )
    new = applied(live, config_map(a="1"))
    assert owners(new) == {
        "before-first-apply": {"f:data": {".": {}, "f:a": {}, "f:b": {}}},
        "one": {"f:data": {"f:a": {}}},
    }


def test_the_same_again_changes_nothing():
    live = applied(None, deployment({"name": "app", "image": "v1"}))
    assert applied(live, deployment({"name": "app", "image": "v1"}), time=T1) == live


def test_a_change_has_its_time():
    live = applied(None, config_map(a="1"))
    assert applied(live, config_map(a="2"), time=T1)["metadata"]["managedFields"][0]["time"] == T1


# Lists and maps ----------------------------------------------------------------------------------------------------


def test_the_items_of_a_keyed_list_are_owned_one_by_one():
    one = deployment({"name": "app", "image": "v1", "ports": [{"containerPort": 80}]})
    live = applied(None, one)
    both = applied(live, deployment({"name": "side", "image": "s"}), "two")
    containers = both["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["app", "side"]
    assert owners(both)["two"]["f:spec"]["f:template"]["f:spec"] == {
        "f:containers": {'k:{"name":"side"}': {".": {}, "f:image": {}, "f:name": {}}}
    }
    ports = owners(both)["one"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"app"}']["f:ports"]
    assert ports == {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
    left = applied(both, deployment({"name": "other", "image": "o"}), "two")
    assert [c["name"] for c in left["spec"]["template"]["spec"]["containers"]] == ["app", "other"]


def test_an_atomic_value_has_one_owner():
    live = applied(None, deployment(replicas=1))
    other = deployment(replicas=1)
    other["spec"]["selector"]["matchLabels"]["tier"] = "front"
    fields = [c["field"] for c in refusal(live, other).status["details"]["causes"]]
    assert fields == [".spec.selector"]


def test_sets_are_owned_by_value():
    live = applied(None, config_map({"finalizers": ["a", "b"]}))
    assert owners(live)["one"]["f:metadata"] == {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}}
    more = applied(live, config_map({"finalizers": ["c"]}), "two")
    assert more["metadata"]["finalizers"] == ["a", "b", "c"]
    assert applied(more, config_map({"finalizers": ["b"]}))["metadata"]["finalizers"] == ["b", "c"]


def test_a_service_without_a_protocol_has_the_default_as_its_key():
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]},
    }
    assert list(owners(applied(None, service))["one"]["f:spec"]["f:ports"]) == [
        'k:{"port":80,"protocol":"TCP"}',
        'k:{"port":80,"protocol":"UDP"}',
    ]


# What cannot be applied --------------------------------------------------------------------------------------------


def test_managed_fields_cannot_be_applied():
    problem = refusal(None, config_map({"managedFields": []}))
    assert (problem.code, problem.status["message"]) == (400, "metadata.managedFields must be nil")


def test_the_kind_must_be_that_of_the_path():
    for patch, message in (
        ({"apiVersion": "v1", "kind": "Secret"}, "invalid object type: /v1, Kind=Secret"),
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, "invalid object type: apps/v1, Kind=Deployment"),
        ({}, "invalid object type: /, Kind="),
    ):
        with pytest.raises(StatusError) as caught:
            apply_patch(None, patch, "m", api_version="v1", type=CONFIG_MAP, kind="ConfigMap")
        assert (caught.value.code, caught.value.status["message"]) == (400, message)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"nope": 1}, ".spec.nope: field not declared in schema"),
        ({"replicas": "x"}, ".spec.replicas: expected numeric (int or float), got string"),
        ({"paused": 1}, ".spec.paused: expected boolean, got &{1}"),
        ({"template": []}, ".spec.template: expected map, got &{[]}"),
        (
            {"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}},
            '.spec.template.spec.containers: duplicate entries for key [name="a"]',
        ),
        (
            {"template": {"spec": {"containers": [{"image": "a"}]}}},
            ".spec.template.spec.containers: element 0: associative list with keys has an element that omits all key "
            'fields ["name"] (and doesn\'t have default values for any key fields)',
        ),
    ],
)
def test_what_does_not_fit_the_schema(spec, problem):
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": "n"}, "spec": spec}
    error = refusal(None, patch)
    assert error.code == 400
    assert error.status["message"] == (
        f"failed to create typed patch object (n/w; apps/v1, Kind=Deployment): {problem}"
    )


# From kubectl's own apply to the server's --------------------------------------------------------------------------


def client_side(data):
    obj = config_map(**data)
    annotations = {LAST_APPLIED: json.dumps(obj) + "\n"}
    obj["metadata"]["annotations"] = annotations
    return updated(None, obj, "kubectl-client-side-apply")


def test_kubectl_takes_over_what_it_applied_on_the_client_side():
    live = client_side({"a": "1", "b": "2"})
    new = applied(live, config_map(a="9"), "kubectl")
    assert new["data"] == {"a": "9", "b": "2"}
    written = json.loads(new["metadata"]["annotations"][LAST_APPLIED])
    assert written == config_map(a="9")
    assert refusal(live, config_map(a="9"), "other").code == 409


def test_kubectl_does_not_take_over_what_changed_since():
    live = client_side({"a": "1", "b": "2"})
    live = updated(live, {**live, "data": {"a": "5", "b": "2"}}, "someone")
    problem = refusal(live, config_map(a="9", b="3"), "kubectl")
    assert [c["field"] for c in problem.status["details"]["causes"]] == [".data.a"]


# Updates -----------------------------------------------------------------------------------------------------------


def test_a_create_owns_what_is_set_and_not_what_the_server_keeps_for_itself():
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "uid": "u", "creationTimestamp": T0, "labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "app", "image": "v1", "resources": {}}],
            "restartPolicy": "Always",
            "securityContext": {},
        },
        "status": {"phase": "Pending"},
    }
    assert owners(updated(None, pod, "kubectl-run")) == {
        "kubectl-run": {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:containers": {'k:{"name":"app"}': {".": {}, "f:image": {}, "f:name": {}, "f:resources": {}}},
                "f:restartPolicy": {},
                "f:securityContext": {},
            },
        }
    }


def test_the_status_belongs_to_those_who_write_it_there():
    live = applied(None, deployment({"name": "app"}))
    reported = updated(live, {**live, "status": {"replicas": 1}}, "kube-controller-manager", subresource="status")
    entry = next(e for e in reported["metadata"]["managedFields"] if e["manager"] == "kube-controller-manager")
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}
    again = updated(reported, {**reported, "status": {}}, "kubectl-replace")
    assert owners(again) == owners(reported)


def test_a_removed_field_has_no_owner():
    live = updated(None, config_map(a="1", b="2"), "one")
    assert owners(updated(live, {**live, "data": {"a": "1"}}, "two")) == {"one": {"f:data": {".": {}, "f:a": {}}}}


def test_an_update_without_changes_keeps_the_entries():
    live = updated(None, config_map(a="1"), "one")
    new = copy.deepcopy(live)
    del new["metadata"]["managedFields"]
    assert updated(live, new, "two", T1)["metadata"]["managedFields"] is live["metadata"]["managedFields"]


def test_one_manager_has_one_entry_with_the_time_of_its_last_change():
    live = updated(None, config_map(a="1"), "one")
    live = updated(live, {**live, "data": {"a": "1", "b": "2"}}, "one", T1)
    (entry,) = live["metadata"]["managedFields"]
    assert (entry["time"], entry["fieldsV1"]) == (T1, {"f:data": {".": {}, "f:a": {}, "f:b": {}}})


def test_a_client_can_reset_the_entries_but_not_lose_them():
    live = updated(None, config_map(a="1"), "one")
    entries = live["metadata"]["managedFields"]

    def after(given):
        new = copy.deepcopy(live)
        new["metadata"]["managedFields"] = given
        return updated(live, new, "two")["metadata"]["managedFields"]

    assert after([]) == []
    assert after([{}]) == []
    assert after(None) == entries
    assert after([{"manager": "bad"}]) == entries
    renamed = [{**entries[0], "manager": "other"}]
    assert after(renamed) == renamed


def test_an_object_that_was_never_tracked_stays_so_until_it_is_applied():
    live = config_map({"uid": "u"}, a="1")
    assert updated(live, config_map({"uid": "u"}, a="2"))["metadata"]["managedFields"] == []


def test_the_oldest_of_many_updaters_are_put_together():
    live = updated(None, config_map(k0="0"), "m00")
    for i in range(1, 14):
        live = updated(live, {**live, "data": {**live["data"], f"k{i}": "x"}}, f"m{i:02}", f"2026-01-01T00:00:{i:02}Z")
    entries = live["metadata"]["managedFields"]
    assert len(entries) == 10
    (ancient,) = [e for e in entries if e["manager"] == "ancient-changes"]
    assert set(ancient["fieldsV1"]["f:data"]) == {".", "f:k0", "f:k1", "f:k2", "f:k3", "f:k4"}


def test_a_create_can_bring_entries_along():
    live = updated(None, config_map(a="1"), "one")
    again = updated(None, config_map({"managedFields": live["metadata"]["managedFields"]}, a="1", b="2"), "two")
    assert owners(again) == {"two": {"f:data": {".": {}, "f:a": {}, "f:b": {}}}}


def test_a_list_whose_items_cannot_be_told_apart_leaves_the_entries_alone():
    live = updated(None, deployment({"name": "a"}), "one")
    broken = updated(live, {**live, "spec": deployment({"image": "x"})["spec"]}, "two")
    assert owners(broken) == owners(live)


# Custom resources --------------------------------------------------------------------------------------------------


class Custom:
    """A kind with an OpenAPI schema."""

    def __init__(self, properties):
        self.openapi = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}

    def decode(self, obj, mode, old=None):
        return obj, []


def widget(**spec):
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


def apply_widget(live, patch, manager, type):
    return apply_patch(live, patch, manager, api_version="example.com/v1", time=T0, type=type, kind="Widget")


def test_a_custom_resource_merges_as_its_schema_says():
    type = Custom(
        {
            "parts": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
                "items": {"type": "object", "properties": {"id": {"type": "string"}}},
            },
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "plain": {"type": "array", "items": {"type": "integer"}},
        }
    )
    live = apply_widget(None, widget(parts=[{"id": "a"}], tags=["x"], plain=[1]), "one", type)
    both = apply_widget(live, widget(parts=[{"id": "b"}], tags=["y"]), "two", type)
    assert both["spec"] == {"parts": [{"id": "a"}, {"id": "b"}], "tags": ["x", "y"], "plain": [1]}
    assert owners(both)["two"] == {
        "f:spec": {"f:parts": {'k:{"id":"b"}': {".": {}, "f:id": {}}}, "f:tags": {'v:"y"': {}}}
    }
    with pytest.raises(StatusError, match=r"\.spec\.nope: field not declared in schema"):
        apply_widget(None, widget(nope=1), "one", type)


def test_without_a_schema_maps_merge_and_lists_are_replaced():
    live = apply_widget(None, widget(a={"b": 1}, list=[1]), "one", None)
    assert owners(live)["one"] == {"f:spec": {".": {}, "f:a": {".": {}, "f:b": {}}, "f:list": {}}}
    assert apply_widget(live, widget(a={"c": 2}), "two", None)["spec"] == {"a": {"b": 1, "c": 2}, "list": [1]}


# Through the server ------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    server = ApiServer(Loop(1))
    send(server, "POST", "/api/v1/namespaces", {"metadata": {"name": "ns"}})
    return server


def send(server, method, path, body=None, media="application/json", **query):
    response = server.handle(Request(method, path, query, {"content-type": media}, json.dumps(body).encode()))
    return response.status, json.loads(response.payload())


APPLY = "application/apply-patch+yaml"
WEB = "/apis/apps/v1/namespaces/ns/deployments/web"


def test_apply_creates_merges_and_answers_as_upstream(server):
    code, web = send(server, "PATCH", WEB, deployment({"name": "app", "image": "v1"}), APPLY, fieldManager="one")
    assert code == 201
    assert web["spec"]["replicas"] == 1  # a default, which nobody owns
    assert "f:replicas" not in owners(web)["one"]["f:spec"]
    code, web = send(
        server, "PATCH", WEB, {"spec": {"replicas": 3}}, "application/merge-patch+json", fieldManager="two"
    )
    assert (code, owners(web)["two"]) == (200, {"f:spec": {"f:replicas": {}}})
    code, status = send(
        server, "PATCH", WEB, deployment({"name": "app", "image": "v1"}, replicas=1), APPLY, fieldManager="one"
    )
    assert (code, status["reason"]) == (409, "Conflict")
    code, again = send(server, "PATCH", WEB, deployment({"name": "app", "image": "v1"}), APPLY, fieldManager="one")
    assert (code, again) == (200, web)  # nothing changed, not even the resourceVersion


def test_the_status_can_be_applied_where_it_is_written(server):
    send(server, "PATCH", WEB, deployment({"name": "app", "image": "v1"}), APPLY, fieldManager="one")
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 9},
        "status": {"conditions": [{"type": "Mine", "status": "True"}]},
    }
    code, web = send(server, "PATCH", f"{WEB}/status", patch, APPLY, fieldManager="reporter")
    assert (code, web["spec"]["replicas"]) == (200, 1)
    (entry,) = [e for e in web["metadata"]["managedFields"] if e.get("subresource")]
    assert (entry["manager"], entry["operation"]) == ("reporter", "Apply")
    assert entry["fieldsV1"] == {
        "f:status": {"f:conditions": {'k:{"type":"Mine"}': {".": {}, "f:status": {}, "f:type": {}}}}
    }
    assert len(web["metadata"]["managedFields"]) == 2


def test_a_patch_whose_result_is_no_object_of_the_kind(server):
    send(server, "PATCH", WEB, deployment({"name": "app", "image": "v1"}), APPLY, fieldManager="one")
    code, status = send(server, "PATCH", WEB, {"spec": {"replicas": "x"}}, "application/strategic-merge-patch+json")
    detail = 'Invalid value: "map[spec:map[replicas:x]]": unrecognized type: int32'
    assert (code, status["message"]) == (422, f' "" is invalid: patch: {detail}')
    cause = {"reason": "FieldValueInvalid", "message": detail, "field": "patch"}
    assert status["details"] == {"causes": [cause]}


@pytest.mark.parametrize("body", [[], "x", 1, {"metadata": []}, {"metadata": {"annotations": 1}}, {"spec": {"a": []}}])
def test_no_configuration_makes_the_server_fail(server, body):
    for kind in ({}, {"apiVersion": "apps/v1", "kind": "Deployment"}):
        patch = {**kind, **body} if isinstance(body, dict) else body
        assert 400 <= send(server, "PATCH", WEB, patch, APPLY, fieldManager="one")[0] < 500


# Invariants --------------------------------------------------------------------------------------------------------

DATA = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)
STEPS = st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), DATA, st.booleans()), min_size=1, max_size=6)


def owned(obj, manager):
    return {key[2:] for key in owners(obj).get(manager, {}).get("f:data", {}) if key != "."}


@given(STEPS)
def test_after_any_applies_everyone_owns_what_they_applied_and_nothing_is_without_an_owner(steps):
    live = None
    wanted: dict[str, dict[str, str]] = {}
    for manager, data, force in steps:
        patch = config_map(**data)
        conflicts = {
            key
            for other, others in wanted.items()
            for key in data.keys() & others.keys()
            if other != manager and live and live.get("data", {}).get(key) != data[key]
        }
        try:
            live = applied(live, patch, manager, force=force)
        except StatusError as problem:
            assert not force
            fields = {cause["field"].removeprefix(".data.") for cause in problem.status["details"]["causes"]}
            assert fields == conflicts
            continue
        assert force or not conflicts
        for other, others in wanted.items():
            if other != manager:
                wanted[other] = {key: value for key, value in others.items() if key not in conflicts}
        wanted[manager] = data
        expected = {key: value for others in wanted.values() for key, value in others.items()}
        assert live.get("data", {}) == expected
        for other, others in wanted.items():
            assert owned(live, other) == set(others)


ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', 'v:"y"'])
PATHS = st.sets(st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple), max_size=6)


@given(PATHS, PATHS)
def test_sets_of_fields_are_sets_of_paths(a, b):
    left, right = field_sets.from_paths(iter(sorted(a))), field_sets.from_paths(iter(sorted(b)))
    assert set(field_sets.paths(left)) == a
    assert set(field_sets.paths(field_sets.union(left, right))) == a | b
    assert set(field_sets.paths(field_sets.difference(left, right))) == a - b
    assert set(field_sets.paths(field_sets.intersection(left, right))) == a & b
    covered = {path for path in a if any(path[: n + 1] in b for n in range(len(path)))}
    assert set(field_sets.paths(field_sets.recursive_difference(left, right))) == a - covered
    assert all(field_sets.contains(left, path) for path in a)
    assert not any(field_sets.contains(left, path) for path in b - a)
    assert field_sets.canonical(left) == left
