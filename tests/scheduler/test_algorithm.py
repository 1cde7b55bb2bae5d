"""Which nodes are looked at, and in which order."""

from __future__ import annotations

from controlplane.scheduler.algorithm import Algorithm
from tests.scheduler.build import node, pod
from tests.scheduler.world import World


def algorithm(world: World) -> Algorithm:
    found = world.scheduler.algorithm
    assert isinstance(found, Algorithm)
    return found


def test_the_search_goes_on_where_the_last_one_ended() -> None:
    world = World(*(node(f"n{i}") for i in range(150)))
    world.place(pod("p"))
    assert algorithm(world).start == 100  # a hundred nodes fit, and that is enough
    world.place(pod("q"))
    assert algorithm(world).start == 50


def test_nodes_that_are_refused_do_not_count() -> None:
    world = World(*(node(f"n{i}", unschedulable=i % 3 == 0) for i in range(150)))
    world.place(pod("p"))
    assert algorithm(world).start == 0  # all 150 were looked at to find 100


def test_the_search_survives_a_shrinking_cluster() -> None:
    world = World(*(node(f"n{i}", "1") for i in range(150)))
    world.place(pod("p", "1"))
    for i in range(149):
        if f"n{i}" != world.node_of("p"):
            world.client.remove("nodes", f"n{i}")
    assert world.place(pod("q", "1")) == "n149" or world.node_of("p") == "n149"


def test_zones_take_turns() -> None:
    zones = {"a": "1", "b": "1", "c": "1", "d": "2", "e": "3", "f": "3"}
    world = World(*(node(name, labels={"topology.kubernetes.io/zone": zone}) for name, zone in zones.items()))
    assert [info.name for info in world.scheduler.cache.nodes] == ["a", "d", "e", "b", "f", "c"]


def test_a_percentage_can_be_asked_for() -> None:
    world = World(*(node(f"n{i}") for i in range(200)), config={"percentageOfNodesToScore": 75})
    world.place(pod("p"))
    assert algorithm(world).start == 150


def test_columns_follow_what_changes() -> None:
    world = World(*(node(f"n{i}", "1") for i in range(120)), config={"percentageOfNodesToScore": 100})
    placed = [world.place(pod(f"p{i}", "1")) for i in range(120)]
    assert len(set(placed)) == 120
    assert world.place(pod("late", "1")) == ""
    world.client.remove("pods", "default/p7")
    world.loop.run_for(2)
    assert world.node_of("late") == placed[7]
    world.client.patch("nodes", "n3", {"status": {"allocatable": {"cpu": "2"}}})
    assert world.place(pod("later", "1")) == "n3"
    world.client.add(node("new", "1"))
    assert world.place(pod("last", "1")) == "new"
