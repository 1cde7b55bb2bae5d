"""Schedulers and plugins of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controlplane.scheduler.custom import NodeView, from_function, from_plugins
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.taint_toleration import TaintToleration
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.scheduler import Scheduler
from controlplane.scheduler.status import Code, Status
from tests.scheduler.build import node, pod
from tests.scheduler.world import World


def fullest(pod: dict[str, Any], nodes: Sequence[NodeView]) -> str | None:
    """The node with the least room that is enough."""
    fitting = [node for node in nodes if node.fits(pod)]
    return min(fitting, key=lambda node: node.free["cpu"]).name if fitting else None


def test_a_function_decides() -> None:
    world = World(node("a", "4"), node("b", "2"), make=from_function(fullest))
    assert [world.place(pod(name, "1")) for name in "pqrst"] == ["b", "b", "a", "a", "a"]
    assert world.client.events("Scheduled")[0] == "Successfully assigned default/p to b"
    world.place(pod("u", "2"))
    assert world.message("u") == "0/2 nodes are available: 2 node(s) were not chosen by fullest."
    world.client.remove("pods", "default/r")
    world.client.remove("pods", "default/s")
    world.loop.run_for(2)
    assert world.node_of("u") == "a"


def test_it_runs_beside_the_default_scheduler_under_its_own_name() -> None:
    world = World(node("a", "4"), node("b", "2"))
    from_function(fullest, "fullest")(world.loop, world.client).start()
    world.place(pod("mine", "1", schedulerName="fullest"), pod("theirs", "1"))
    assert (world.node_of("mine"), world.node_of("theirs")) == ("b", "a")
    sources = {e["involvedObject"]["name"]: e["source"]["component"] for e in world.client.store["events"].values()}
    assert sources == {"mine": "fullest", "theirs": "default-scheduler"}


class EvenNames(Plugin):
    """Likes nodes with an even number at the end of their name."""

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return 100 if int(node["metadata"]["name"][-1]) % 2 == 0 else 0


def test_a_plugin_scores_in_a_profile_of_its_own() -> None:
    config = """
        apiVersion: kubescheduler.config.k8s.io/v1
        kind: KubeSchedulerConfiguration
        profiles:
          - schedulerName: default-scheduler
          - schedulerName: even
            plugins:
              score:
                enabled: [{name: EvenNames, weight: 50}]
    """
    world = World(
        *(node(f"n{i}", "4" if i == 2 else "8") for i in (1, 2, 3)), config=config, plugins={"EvenNames": EvenNames}
    )
    assert world.place(pod("p", "1", schedulerName="even")) == "n2"
    assert world.place(pod("q", "1")) != "n2"


def test_permit_holds_a_pod_until_it_is_allowed_or_time_is_up() -> None:
    class Pairs(Plugin):
        """Lets Pods through two at a time."""

        waiting: list[str] = []  # noqa: RUF012 - shared on purpose

        def permit(self, state: CycleState, pod: PodInfo, node: str) -> tuple[Status | None, float]:
            if not self.waiting:
                self.waiting.append(pod.key)
                return Status(Code.WAIT), 10.0
            self.handle.allow(self.waiting.pop(), self.name)
            return None, 0.0

    config = {"profiles": [{"plugins": {"permit": {"enabled": [{"name": "Pairs"}]}}}]}
    world = World(node("a"), config=config, plugins={"Pairs": Pairs})
    assert world.place(pod("p"), seconds=5) == ""
    assert world.place(pod("q")) == "a"
    assert world.node_of("p") == "a"
    assert world.place(pod("r"), seconds=10.5) == ""
    assert "rejected due to timeout after waiting 10s at plugin Pairs" in world.message("r")


class Lenient(TaintToleration):
    """Minds no taint, but still likes nodes without."""

    name = "TaintToleration"

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        return None


def test_subclassing_a_plugin_changes_one_thing() -> None:
    world = World(node("a", taints=[{"key": "k", "effect": "NoSchedule"}]), make=from_plugins(Lenient))
    assert world.place(pod("p")) == "a"
    world.client.add(node("b"))
    world.client.add(node("c", taints=[{"key": "k", "effect": "PreferNoSchedule"}]))
    assert world.place(pod("q", "100m")) in ("a", "b")
    assert world.scores("q", "TaintToleration") == {"a": 100, "b": 100, "c": 0}


def test_plugins_join_the_default_ones() -> None:
    world = World(node("n1", "8"), node("n2", "4"), make=from_plugins(EvenNames, weight=50))
    assert world.place(pod("p", "1")) == "n2"
    assert world.scheduler.explain("default/p").scores["EvenNames"].weight == 50


def test_two_schedulers_share_the_cluster_without_binding_twice() -> None:
    world = World(node("a"), node("b"))
    second = Scheduler(world.loop, world.client)
    second.start()
    world.place(*(pod(f"p{i}", "100m") for i in range(20)))
    world.loop.run_for(30)
    bound = [key for verb, _, key in world.client.log if verb == "bind"]
    assert all(world.node_of(f"p{i}") for i in range(20))
    assert len(world.client.events("Scheduled")) == 20 <= len(bound)


def test_a_pod_refused_as_pending_needs_no_back_off_once_its_event_comes() -> None:
    class Waits(Plugin):
        def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
            return None if "ready" in node.labels else Status(Code.PENDING, "not yet")

    world = World(node("a"), make=from_plugins(Waits))
    assert world.place(pod("p")) == ""
    item = world.scheduler.queue.find("default/p")
    assert item is not None and item.pending
    assert world.message("p").startswith("0/1 nodes are available: 1 not yet.")
    world.client.patch("nodes", "a", {"metadata": {"labels": {"ready": "yes"}}})
    world.loop.run_ready()
    assert world.node_of("p") == "a"
