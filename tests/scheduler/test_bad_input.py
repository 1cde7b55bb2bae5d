"""A plugin or a scheduler function that misbehaves fails its Pod by name, and the queue goes on."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.scheduler import budget
from controlplane.scheduler.custom import from_function
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import Status
from tests.scheduler.build import node, pod
from tests.scheduler.world import World

ENABLED = {"profiles": [{"plugins": {"multiPoint": {"enabled": [{"name": "Mine"}]}}}]}


def misbehave(name: str) -> Any:
    if name == "raises":
        raise ValueError("no idea")
    if name == "loops":
        exec("while True: pass")  # on one line, which is never left
    return {"too-much": 101, "too-little": -1, "half": 0.5, "nothing": None}.get(name, 50)


class Scorer(Plugin):
    name = "Mine"

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return misbehave(pod.name)


class Filter(Plugin):
    name = "Mine"

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        misbehave(pod.name)
        return "yes" if pod.name == "nonsense" else None  # type: ignore[return-value]


class LocalScorer(Scorer):
    name = "Mine"
    local = True


RANGE = 'plugin "Mine" returns an invalid score {}, it should in the range of [0, 100] after normalizing'


@pytest.fixture(autouse=True)
def _small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "BUDGET", 20_000)


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("plugin", [Scorer, LocalScorer])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", "ValueError: no idea"),
        ("loops", 'plugin "Mine" ran past its budget of 20,000 instructions'),
        ("too-much", RANGE.format(101)),
        ("too-little", RANGE.format(-1)),
        ("half", RANGE.format(0.5)),
        ("nothing", RANGE.format(None)),
    ],
)
def test_scores(plugin: type[Plugin], name: str, message: str, everything: bool) -> None:
    nodes = [node(f"n{i}") for i in range(2 if everything else 51)]  # beyond 50 nodes, on columns
    world = World(*nodes, plugins={"Mine": plugin}, config=ENABLED)
    world.place(pod(name, labels={"is": name}), pod("fine"))
    assert world.node_of("fine") and not world.node_of(name)
    (event,) = world.client.events("FailedScheduling")
    assert message in event and "Mine" in event
    condition = world.client.pod(name)["status"]["conditions"][0]
    assert (condition["reason"], condition["message"]) == ("SchedulerError", event)


@pytest.mark.parametrize("name", ["raises", "loops", "nonsense"])
def test_filters(name: str) -> None:
    world = World(node("a"), node("b"), plugins={"Mine": Filter}, config=ENABLED)
    world.place(pod(name), pod("fine"))
    assert world.node_of("fine") and not world.node_of(name)
    (event,) = world.client.events("FailedScheduling")
    assert "Mine" in event


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("nowhere", "scheduler \"choose\" chose 'nowhere', which is not the name of a node"),
        (3, 'scheduler "choose" chose 3, which is not the name of a node'),
        (None, "0/2 nodes are available: 2 node(s) were not chosen by choose."),
        (SystemExit(1), 'plugin "choose" tried to exit'),
        (KeyError("x"), "running scheduler \"choose\": KeyError: 'x'"),
    ],
)
def test_functions(answer: Any, message: str) -> None:
    def choose(pod: dict[str, Any], nodes: Any) -> Any:
        if pod["metadata"]["name"] == "fine":
            return nodes[0].name
        if isinstance(answer, BaseException):
            raise answer
        return answer

    world = World(node("a"), node("b"), make=from_function(choose))
    world.place(pod("odd"), pod("fine"))
    assert world.node_of("fine") == "a"
    assert world.client.events("FailedScheduling") == [message]


def test_a_function_cannot_change_the_cluster() -> None:
    def choose(pod: dict[str, Any], nodes: Any) -> str:
        nodes[0]["metadata"]["labels"].clear()
        pod["spec"].clear()
        return str(nodes[0].name)

    world = World(node("a"), make=from_function(choose))
    world.place(pod("p"))
    assert world.client.store["nodes"]["a"]["metadata"]["labels"] == {"kubernetes.io/hostname": "a"}
    assert world.client.pod("p")["spec"]["containers"]


def test_reserve_and_prebind_failures_are_taken_back() -> None:
    class Reserver(Plugin):
        name = "Mine"
        taken: list[str] = []  # noqa: RUF012 - shared on purpose

        def reserve(self, state: CycleState, pod: PodInfo, node: str) -> Status | None:
            self.taken.append(pod.name)
            return None

        def unreserve(self, state: CycleState, pod: PodInfo, node: str) -> None:
            self.taken.remove(pod.name)

        def pre_bind(self, state: CycleState, pod: PodInfo, node: str) -> Status | None:
            misbehave(pod.name)
            return None

    world = World(node("a", "1"), plugins={"Mine": Reserver}, config=ENABLED)
    world.place(pod("raises", "1"))
    assert Reserver.taken == []
    assert world.place(pod("fine", "1")) == "a"
    assert Reserver.taken == ["fine"]


def test_objects_that_cannot_be_read_hold_nobody_up() -> None:
    odd = node("odd")
    odd["status"]["allocatable"] = {"cpu": "many"}
    broken = {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}
            ]
        }
    }
    world = World(odd, node("a"), pod("there", on="a", affinity=broken))
    world.place(pod("p", "lots"), pod("q", affinity=broken), pod("fine"))
    assert world.node_of("fine") == "a"
    assert "quantit" in world.message("p") and "Like" in world.message("q")
