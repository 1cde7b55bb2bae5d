"""EndpointSlices hold the addresses of a Service's Pods, by a hundred, and what state they are in."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controlplane.client.base import Obj, Objs
from controlplane.controllers.endpointslice_diff import MAX_ENDPOINTS, desired_slices
from tests.controllers.plane import Plane

Endpoints = dict[str, Obj]


def slices(plane: Plane, service: str = "web") -> Objs:
    return plane.list("endpointslices", f"kubernetes.io/service-name={service}")


def conditions(plane: Plane) -> list[tuple[bool, bool, bool]]:
    return sorted(
        (c["ready"], c["serving"], c["terminating"])
        for part in slices(plane)
        for e in part.get("endpoints") or ()
        for c in [e["conditions"]]
    )


def service(plane: Plane, **spec: Any) -> None:
    plane.create("v1/Service", "web", {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec})


def test_a_slice_belongs_to_its_service_and_says_whose_pods_it_holds() -> None:
    plane = Plane()
    plane.create(
        "v1/Service",
        "web",
        {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        meta={"labels": {"team": "x"}},
    )
    plane.workload("ReplicaSet", "web", 1)
    plane.run(2)
    part, pod = slices(plane)[0], plane.list("pods")[0]
    assert part["metadata"]["name"].startswith("web-")
    assert part["metadata"]["labels"] == {
        "team": "x",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert part["metadata"]["ownerReferences"][0]["kind"] == "Service"
    assert part["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
    endpoint = part["endpoints"][0]
    assert endpoint["addresses"] == [pod["status"]["podIP"]]
    assert endpoint["nodeName"] == pod["spec"]["nodeName"]
    assert endpoint["targetRef"] == {
        "kind": "Pod",
        "name": pod["metadata"]["name"],
        "namespace": "default",
        "uid": pod["metadata"]["uid"],
    }


def test_named_ports_are_looked_up_in_each_pod() -> None:
    plane = Plane()
    service(plane, ports=[{"name": "http", "port": 80, "targetPort": "web"}])
    for name, port in (("old", 8080), ("new", 9090)):
        labels = {"app": "web", "version": name}
        container = {"name": "app", "image": "app:v1", "ports": [{"name": "web", "containerPort": port}]}
        plane.create(
            "apps/v1/ReplicaSet",
            name,
            {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        )
    plane.run(3)
    found = sorted((part["ports"][0]["port"], len(part["endpoints"])) for part in slices(plane))
    assert found == [(8080, 2), (9090, 2)]


def test_a_terminating_pod_serves_and_is_not_ready() -> None:
    plane = Plane()
    service(plane)
    plane.workload("ReplicaSet", "web", 2)
    plane.run(2)
    pod = plane.list("pods")[0]
    plane.kubelets.stop(pod["spec"]["nodeName"])
    plane.client.delete("pods", pod["metadata"]["name"], "default")
    plane.run(1)
    assert (False, True, True) in conditions(plane)
    assert conditions(plane).count((True, True, False)) >= 1


def test_unready_addresses_may_be_published() -> None:
    plane = Plane()
    service(plane, publishNotReadyAddresses=True)
    plane.workload("ReplicaSet", "web", 1, "app:broken")
    plane.run(2)
    assert conditions(plane) == [(True, False, False)]


def test_a_service_without_pods_has_one_empty_slice_and_without_a_selector_none() -> None:
    plane = Plane()
    service(plane)
    plane.create("v1/Service", "by-hand", {"ports": [{"port": 80}]})
    plane.run(1)
    assert [part["endpoints"] or [] for part in slices(plane)] == [[]]
    assert slices(plane, "by-hand") == []


def test_an_edit_by_hand_is_undone_and_a_deleted_slice_comes_back() -> None:
    plane = Plane()
    service(plane)
    plane.workload("ReplicaSet", "web", 2)
    plane.run(2)
    name = slices(plane)[0]["metadata"]["name"]
    plane.patch("endpointslices", name, {"endpoints": []})
    plane.run(1)
    assert len(conditions(plane)) == 2
    plane.client.delete("endpointslices", name, "default")
    plane.run(1)
    assert len(conditions(plane)) == 2


def test_many_pods_fill_slices_of_a_hundred() -> None:
    plane = Plane(nodes=["node-a", "node-b", "node-c"])
    service(plane)
    plane.workload("ReplicaSet", "web", 250)
    plane.run(10)
    found = [len(part["endpoints"]) for part in slices(plane)]
    assert sum(found) == 250
    assert max(found) <= MAX_ENDPOINTS
    plane.scale("replicasets", "web", 3)
    plane.run(10)
    assert sum(len(part["endpoints"]) for part in slices(plane)) == 3


def endpoint(n: int, ready: bool = True) -> Obj:
    return {"addresses": [f"10.0.{n // 250}.{n % 250}"], "targetRef": {"uid": str(n)}, "conditions": {"ready": ready}}


META: tuple[dict[str, str], Objs] = ({"a": "b"}, [])


@given(
    st.lists(st.sets(st.integers(0, 400), max_size=MAX_ENDPOINTS), max_size=5),
    st.dictionaries(st.integers(0, 400), st.booleans(), max_size=350),
)
def test_the_difference_leads_to_what_is_wanted_with_few_writes(before: list[set[int]], want: dict[int, bool]) -> None:
    ports = [{"name": "", "port": 80, "protocol": "TCP"}]
    existing: Objs = []
    seen: set[int] = set()
    for n, numbers in enumerate(before):
        meta = {"name": f"s{n}", "labels": META[0], "ownerReferences": []}
        existing.append({"metadata": meta, "ports": ports, "endpoints": [endpoint(i) for i in sorted(numbers - seen)]})
        seen |= numbers
    wanted: Endpoints = {str(n): endpoint(n, ready) for n, ready in want.items()}
    out = desired_slices(existing, {"x": (ports, wanted)} if wanted else {}, META)

    gone = {part["metadata"]["name"] for part in [*out.delete, *out.update]}
    after = [p for p in existing if p["metadata"]["name"] not in gone] + out.update
    after += [{"endpoints": endpoints} for _, endpoints in out.create]
    held = [e for part in after for e in part["endpoints"]]
    assert sorted(held, key=str) == sorted(wanted.values(), key=str)
    assert all(len(part["endpoints"]) <= MAX_ENDPOINTS for part in after)
    for part in existing:  # what needs no change is not written
        same = bool(part["endpoints"]) and all(wanted.get(e["targetRef"]["uid"]) == e for e in part["endpoints"])
        if same and part["metadata"]["name"] in gone:
            assert len(wanted) > len(part["endpoints"])
