"""What each plugin gives a node, by upstream's formulas."""

from __future__ import annotations

import pytest

from controlplane.scheduler.framework import default_normalize
from tests.scheduler.build import node, pod
from tests.scheduler.world import World

FIT, BALANCED = "NodeResourcesFit", "NodeResourcesBalancedAllocation"


def fit_config(strategy: dict) -> dict:
    return {"profiles": [{"pluginConfig": [{"name": FIT, "args": {"scoringStrategy": strategy}}]}]}


def test_least_allocated_counts_a_little_for_pods_without_requests() -> None:
    world = World(node("a", "1", "1000Mi"), node("b", "1", "1000Mi"), pod("x", on="a"))
    world.place(pod("p"))
    # 100m and 200Mi for each Pod: b (90 + 80) / 2, a (80 + 60) / 2
    assert world.scores("p", FIT) == {"a": 70, "b": 85}


def test_most_allocated() -> None:
    world = World(node("a", "4", "4Gi"), node("b", "2", "2Gi"), config=fit_config({"type": "MostAllocated"}))
    world.place(pod("p", "1", "1Gi"))
    assert world.scores("p", FIT) == {"a": 25, "b": 50}


def test_requested_to_capacity_ratio() -> None:
    shape = [{"utilization": 0, "score": 0}, {"utilization": 50, "score": 10}, {"utilization": 100, "score": 0}]
    strategy = {
        "type": "RequestedToCapacityRatio",
        "requestedToCapacityRatio": {"shape": shape},
        "resources": [{"name": "cpu", "weight": 1}],
    }
    world = World(node("a", "4"), node("b", "2"), node("c", "1"), config=fit_config(strategy))
    world.place(pod("p", "1"))
    assert world.scores("p", FIT) == {"a": 50, "b": 100, "c": 0}


@pytest.mark.parametrize(
    ("before", "score"),
    [  # the node has 10 CPUs and 10 GiB; the Pod asks for 2 CPUs and 2 GiB
        (("0", "0"), 75),  # even before and after
        (("4", "0"), 75),  # as uneven as before
        (("8", "0"), 75),
    ],
)
def test_balance_is_about_the_change(before: tuple[str, str], score: int) -> None:
    cpu, memory = before
    world = World(node("a", "10", "10Gi"), node("b", "10", "10Gi"), pod("x", cpu, f"{memory}Gi", on="a"))
    world.place(pod("p", "2", "2Gi"))
    assert world.scores("p", BALANCED)["a"] == score


def test_balance_rewards_evening_out() -> None:
    world = World(node("a", "10", "10Gi"), node("b", "10", "10Gi"), pod("x", "4", "0", on="a"))
    world.place(pod("p", "0", "4Gi"))
    # a: from a deviation of 0.2 to 0, b: from 0 to 0.2
    assert world.scores("p", BALANCED) == {"a": 85, "b": 65}


def test_soft_taints_cost_points() -> None:
    soft = {"key": "slow", "effect": "PreferNoSchedule"}
    world = World(node("a", taints=[soft, {**soft, "key": "old"}]), node("b", taints=[soft]), node("c"))
    world.place(pod("p"), pod("q", tolerations=[{"key": "slow", "operator": "Exists"}]))
    assert world.scores("p", "TaintToleration") == {"a": 0, "b": 50, "c": 100}
    assert world.scores("q", "TaintToleration") == {"a": 0, "b": 100, "c": 100}


def test_preferred_pod_affinity_counts_both_ways() -> None:
    def term(app: str, weight: int) -> dict:
        return {
            "weight": weight,
            "podAffinityTerm": {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app": app}},
            },
        }

    def prefer(kind: str, *terms: dict) -> dict:
        return {kind: {"preferredDuringSchedulingIgnoredDuringExecution": list(terms)}}

    world = World(
        node("a"),
        node("b"),
        node("c"),
        pod("db", on="a", labels={"app": "db"}),
        pod("fan", on="b", affinity=prefer("podAffinity", term("web", 30))),
        pod("foe", on="c", affinity=prefer("podAntiAffinity", term("web", 10))),
    )
    world.place(pod("p", labels={"app": "web"}, affinity=prefer("podAffinity", term("db", 70))))
    # a 70, b 30, c -10
    assert world.scores("p", "InterPodAffinity") == {"a": 100, "b": 50, "c": 0}


def test_images_count_by_size_and_spread() -> None:
    def with_image(name: str, size: int) -> dict:
        body = node(name)
        body["status"]["images"] = [{"names": ["app:v1"], "sizeBytes": size}]
        return body

    mb = 1024 * 1024
    world = World(with_image("a", 1000 * mb), with_image("b", 500 * mb), node("c"), node("d"))
    world.place(pod("p"))
    # half of the nodes have it: 500 and 250 MB of a scale from 23 to 1000
    assert world.scores("p", "ImageLocality") == {"a": 48, "b": 23, "c": 0, "d": 0}


def test_default_spreading_needs_a_service_or_a_controller() -> None:
    nodes = [
        node("a", labels={"topology.kubernetes.io/zone": "1"}),
        node("b", labels={"topology.kubernetes.io/zone": "1"}),
        node("c", labels={"topology.kubernetes.io/zone": "2"}),
    ]
    web = {"labels": {"app": "web"}}
    others = [pod("x", on="a", **web), pod("y", on="a", **web), pod("z", on="c", **web)]
    service = {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}
    world = World(*nodes, *others)
    world.place(pod("p", **web))
    assert "PodTopologySpread" not in world.scheduler.explain("default/p").scores
    world = World(*nodes, *others, service)
    world.place(pod("p", **web))
    found = world.scheduler.explain("default/p").scores["PodTopologySpread"]
    # hostname: count * ln(3+2) + 2, zone: count * ln(2+2) + 4
    assert found.raw == {"a": 12, "b": 9, "c": 9}
    assert found.normalized == {"a": 75, "b": 100, "c": 100}


def test_a_replica_sets_selector_spreads_too() -> None:
    owner = {"kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "web", "uid": "1", "controller": True}
    owned = pod("p", labels={"app": "web"})
    owned["metadata"]["ownerReferences"] = [owner]
    replicas = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }
    world = World(node("a"), node("b"), pod("x", on="a", labels={"app": "web"}), replicas)
    world.place(owned)
    assert world.scores("p", "PodTopologySpread") == {"a": 66, "b": 100}


def test_soft_constraints_of_the_pod_leave_out_nodes_without_the_label() -> None:
    soft = [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": "web"}},
        }
    ]
    world = World(
        node("a", labels={"zone": "1"}),
        node("b", labels={"zone": "2"}),
        node("c"),
        pod("x", on="a", labels={"app": "web"}),
    )
    world.place(pod("p", labels={"app": "web"}, topologySpreadConstraints=soft))
    assert world.scores("p", "PodTopologySpread") == {"a": 0, "b": 100, "c": 0}


def test_normalizing() -> None:
    assert default_normalize([1, 2, 4]) == [25, 50, 100]
    assert default_normalize([1, 2, 4], reverse=True) == [75, 50, 0]
    assert default_normalize([0, 0]) == [0, 0]
    assert default_normalize([0, 0], reverse=True) == [100, 100]
