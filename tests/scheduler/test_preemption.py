"""Who has to go for whom."""

from __future__ import annotations

from tests.scheduler.build import node, pod
from tests.scheduler.world import World


def gone(world: World) -> list[str]:
    return sorted(
        p["metadata"]["name"] for p in world.client.store["pods"].values() if p["metadata"].get("deletionTimestamp")
    )


def nominated(world: World, name: str) -> str:
    return str((world.client.pod(name).get("status") or {}).get("nominatedNodeName", ""))


def budget(name: str, allowed: int, **labels: str) -> dict:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }


def test_victims_go_the_condition_is_set_and_the_pod_follows() -> None:
    world = World(node("a", "2"), pod("x", "1", on="a"), pod("y", "1", on="a", priority=5))
    world.place(pod("vip", "1", priority=10))
    assert gone(world) == ["x"]  # the less important one
    assert nominated(world, "vip") == "a"
    condition = world.client.pod("x")["status"]["conditions"][0]
    assert condition["type"] == "DisruptionTarget" and condition["reason"] == "PreemptionByScheduler"
    assert condition["message"] == "default-scheduler: preempting to accommodate a higher priority pod"
    uid = world.client.pod("vip")["metadata"]["uid"]
    assert world.client.events("Preempted") == [f"Preempted by pod {uid} on node a"]
    world.loop.run_for(5)
    assert world.node_of("vip") == ""  # x is still there
    world.client.remove("pods", "default/x")
    world.loop.run_for(5)
    assert world.node_of("vip") == "a"


def test_room_is_kept_for_the_nominated_pod() -> None:
    world = World(node("a", "2"), pod("x", "2", on="a"))
    world.place(pod("vip", "2", priority=10))
    world.client.remove("pods", "default/x")
    world.client.add(pod("thief", "2", priority=9))
    world.loop.run_for(10)
    assert (world.node_of("vip"), world.node_of("thief")) == ("a", "")


def test_the_fewest_and_least_important_victims_are_chosen() -> None:
    world = World(
        node("a", "2"),
        node("b", "2"),
        node("c", "2"),
        pod("a1", "2", on="a", priority=5),
        pod("b1", "1", on="b", priority=1),
        pod("b2", "1", on="b", priority=1),
        pod("c1", "2", on="c", priority=1),
    )
    world.place(pod("vip", "2", priority=10))
    assert gone(world) == ["c1"]


def test_a_budget_sends_it_elsewhere_and_is_broken_only_as_a_last_resort() -> None:
    guarded = {"labels": {"app": "db"}}
    world = World(
        node("a", "1"),
        node("b", "1"),
        budget("db", 0, app="db"),
        pod("x", "1", on="a", **guarded),
        pod("y", "1", on="b", priority=1),
    )
    world.place(pod("vip", "1", priority=10))
    assert gone(world) == ["y"]
    world.place(pod("second", "1", priority=9))
    assert gone(world) == ["x", "y"]


def test_within_a_node_a_guarded_pod_is_spared_first() -> None:
    world = World(
        node("a", "2"),
        budget("db", 0, app="db"),
        pod("x", "1", on="a", labels={"app": "db"}),
        pod("y", "1", on="a", priority=5),
    )
    world.place(pod("vip", "1", priority=10))
    assert gone(world) == ["y"]


def test_the_longest_running_pod_is_spared() -> None:
    young, old = pod("young", "1", on="a"), pod("old", "1", on="a")
    young["status"] = {"startTime": "2025-12-31T23:00:00Z"}
    old["status"] = {"startTime": "2025-12-31T10:00:00Z"}
    world = World(node("a", "2"), young, old)
    world.place(pod("vip", "1", priority=10))
    assert gone(world) == ["young"]


def test_a_victim_can_be_in_the_way_by_anti_affinity() -> None:
    shy = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    }
    world = World(node("a"), pod("x", on="a", affinity=shy), pod("y", on="a"))
    world.place(pod("vip", priority=10, labels={"app": "web"}))
    assert gone(world) == ["x"]


def test_a_lesser_nomination_gives_way() -> None:
    world = World(node("a", "1"), pod("x", "1", on="a"))
    world.place(pod("vip", "1", priority=10))
    world.place(pod("king", "1", priority=20))
    assert (nominated(world, "vip"), nominated(world, "king")) == ("", "a")
    world.client.remove("pods", "default/x")
    world.loop.run_for(10)
    assert (world.node_of("king"), world.node_of("vip")) == ("a", "")


def test_it_does_not_preempt_again_while_victims_terminate() -> None:
    world = World(node("a", "1"), node("b", "1"), pod("x", "1", on="a"), pod("y", "1", on="b", priority=1))
    world.place(pod("vip", "1", priority=10))
    assert gone(world) == ["x"]
    world.loop.run_for(700)
    assert gone(world) == ["x"]
    assert world.message("vip").endswith("preemption: not eligible due to a terminating pod on the nominated node.")


def test_refusals() -> None:
    world = World(node("a", "1"), pod("x", "1", on="a"))
    world.place(
        pod("peer", "1"), pod("never", "1", priority=10, preemptionPolicy="Never"), pod("huge", "9", priority=10)
    )
    head = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
    assert world.message("peer") == head + "0/1 nodes are available: 1 No preemption victims found for incoming pod."
    assert world.message("never") == head + "not eligible due to preemptionPolicy=Never."
    assert world.message("huge") == head + "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
