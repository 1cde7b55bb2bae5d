"""When a Pod is tried, and when it is tried again."""

from __future__ import annotations

from tests.scheduler.build import node, pod
from tests.scheduler.world import World


def attempts(world: World, name: str) -> int:
    return sum(1 for verb, _, key in world.client.log if (verb, key) == ("bind", f"default/{name}"))


def test_higher_priority_goes_first_then_who_waits_longer() -> None:
    world = World(node("a", pods="2"))
    for name, priority in (("low", 0), ("high", 10), ("later", 10)):
        world.client.add(pod(name, priority=priority))
    world.loop.run_ready()
    assert [name for name in ("low", "high", "later") if world.node_of(name)] == ["high", "later"]


def test_a_deleted_pod_makes_room() -> None:
    world = World(node("a", "1"), pod("x", "1", on="a"))
    assert world.place(pod("p", "1")) == ""
    world.loop.run_for(20)
    world.client.remove("pods", "default/x")
    world.loop.run_ready()
    assert world.node_of("p") == "a"


def test_a_pod_that_has_ended_makes_room() -> None:
    world = World(node("a", "1"), pod("x", "1", on="a"))
    world.place(pod("p", "1"))
    world.client.patch("pods", "x", {"status": {"phase": "Succeeded"}}, "default")
    world.loop.run_for(2)
    assert world.node_of("p") == "a"


def test_events_that_cannot_help_leave_it_alone() -> None:
    world = World(node("a", "1", taints=[{"key": "k", "effect": "NoSchedule"}]))
    world.place(pod("p"))
    tried = len(world.client.events("FailedScheduling"))
    world.client.add(node("b", taints=[{"key": "k", "effect": "NoSchedule"}]))  # no better
    world.client.patch("nodes", "a", {"status": {"allocatable": {"cpu": "8"}}})
    world.loop.run_for(60)
    assert len(world.client.events("FailedScheduling")) == tried
    assert world.scheduler.queue.find("default/p").attempts == 1  # type: ignore[union-attr]


def test_each_refusal_has_the_event_that_helps() -> None:
    cases = [
        (node("a", "1"), pod("p", "2"), ("nodes", "a", {"status": {"allocatable": {"cpu": "2"}}})),
        (node("a"), pod("p", nodeSelector={"disk": "ssd"}), ("nodes", "a", {"metadata": {"labels": {"disk": "ssd"}}})),
        (node("a", unschedulable=True), pod("p"), ("nodes", "a", {"spec": {"unschedulable": None}})),
        (node("a", taints=[{"key": "k", "effect": "NoExecute"}]), pod("p"), ("nodes", "a", {"spec": {"taints": []}})),
        (
            node("a", taints=[{"key": "k", "effect": "NoExecute"}]),
            pod("p"),
            ("pods", "p", {"spec": {"tolerations": [{"operator": "Exists"}]}}),
        ),
    ]
    for a, p, (resource, name, patch) in cases:
        world = World(a)
        assert world.place(p) == ""
        world.client.patch(resource, name, patch, "default")
        world.loop.run_for(1)
        assert world.node_of("p") == "a", (patch, world.message("p"))


def test_after_five_minutes_it_is_tried_whatever_happened() -> None:
    world = World(node("a", "1"))
    world.place(pod("p", "2"))
    world.loop.run_for(299)
    assert world.scheduler.queue.find("default/p").attempts == 1  # type: ignore[union-attr]
    world.loop.run_for(40)
    assert world.scheduler.queue.find("default/p").attempts == 2  # type: ignore[union-attr]


def test_errors_back_off_from_one_second_to_ten() -> None:
    world = World(node("a"))
    world.client.fail["bind", "default/p"] = 6
    world.client.add(pod("p"))
    times: list[float] = []
    start = world.loop.now()
    while not world.node_of("p"):
        before = attempts(world, "p")
        world.loop.step()
        if attempts(world, "p") > before:
            times.append(world.loop.now() - start)
    assert times == [0, 1, 3, 7, 15, 25, 35]


def test_gates() -> None:
    world = World(node("a"))
    assert world.place(pod("p", schedulingGates=[{"name": "g"}, {"name": "h"}]), seconds=400) == ""
    assert world.client.events("FailedScheduling") == []
    world.client.patch("pods", "p", {"spec": {"schedulingGates": [{"name": "h"}]}}, "default")
    world.loop.run_for(1)
    assert world.node_of("p") == ""
    world.client.patch("pods", "p", {"spec": {"schedulingGates": []}}, "default")
    world.loop.run_for(1)
    assert world.node_of("p") == "a"


def test_a_pod_replaced_by_another_of_its_name_is_bound() -> None:
    world = World(node("a"))
    world.client.fail["bind", "default/p"] = 1
    world.client.add(pod("p"))
    world.loop.run_ready(2)
    world.client.remove("pods", "default/p")
    world.client.add(pod("p"))
    world.loop.run_for(5)
    assert world.node_of("p") == "a"


def test_a_pod_of_another_scheduler_is_left_alone() -> None:
    world = World(node("a"))
    assert world.place(pod("p", schedulerName="other"), seconds=400) == ""
    assert "status" not in world.client.pod("p")


def test_the_condition_is_written_once_for_the_same_refusal() -> None:
    world = World(node("a", "1"))
    world.place(pod("p", "2"))
    first = world.client.pod("p")["metadata"]["resourceVersion"]
    world.loop.run_for(400)
    assert world.client.pod("p")["metadata"]["resourceVersion"] == first
    condition = world.client.pod("p")["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "Unschedulable")


def test_without_any_node_it_tries_again_after_each_back_off() -> None:
    world = World()
    world.place(pod("p"), seconds=20)
    item = world.scheduler.queue.find("default/p")
    assert item is not None and item.attempts == 5  # after 0, 1, 3, 7 and 15 seconds


def test_a_busy_scheduler_lets_pods_wait_for_their_back_off_and_keeps_their_order() -> None:
    world = World(node("a", "1"), pod("x", "1", on="a"))
    world.place(pod("low", "1"), pod("high", "1", priority=1, preemptionPolicy="Never"))
    world.client.remove("pods", "default/x")
    world.loop.run_ready()
    assert (world.node_of("high"), world.node_of("low")) == ("a", "")


def test_a_pod_that_was_replaced_while_nobody_watched() -> None:
    world = World(node("a", "1"))
    assert world.place(pod("p", "1")) == "a"
    watches, world.client.watches["pods"] = world.client.watches["pods"], []
    world.client.remove("pods", "default/p")
    world.client.add(pod("p", "1"))
    world.client.watches["pods"] = watches
    world.scheduler._pods._relist()  # as after a lost watch
    world.loop.run_for(5)
    assert world.node_of("p") == "a"
