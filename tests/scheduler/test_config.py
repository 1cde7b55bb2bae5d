"""KubeSchedulerConfiguration: what it sets, and what is refused with the field's name."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.scheduler.config import ConfigError
from tests.scheduler.build import node, pod
from tests.scheduler.world import World


def names(world: World, point: str) -> list[str]:
    framework = world.scheduler.profiles["default-scheduler"]
    found = {"filter": framework.filters, "score": [item.plugin for item in framework.scores]}[point]
    return [plugin.name for plugin in found]


def profile(**plugins: Any) -> dict[str, Any]:
    return {"profiles": [{"plugins": plugins}]}


def test_the_default_profile_is_upstreams() -> None:
    framework = World().scheduler.profiles["default-scheduler"]
    assert [(item.plugin.name, item.weight) for item in framework.scores] == [
        ("TaintToleration", 3),
        ("NodeAffinity", 2),
        ("NodeResourcesFit", 1),
        ("PodTopologySpread", 2),
        ("InterPodAffinity", 2),
        ("NodeResourcesBalancedAllocation", 1),
        ("ImageLocality", 1),
    ]


def test_plugins_are_disabled_enabled_and_reordered() -> None:
    world = World(
        config=profile(
            score={"disabled": [{"name": "*"}], "enabled": [{"name": "ImageLocality", "weight": 7}]},
            filter={"disabled": [{"name": "NodePorts"}], "enabled": [{"name": "NodeResourcesFit"}]},
        )
    )
    assert names(world, "score") == ["ImageLocality"]
    assert world.scheduler.profiles["default-scheduler"].scores[0].weight == 7
    assert names(world, "filter")[0] == "NodeResourcesFit"
    assert "NodePorts" not in names(world, "filter")


def test_multi_point_weight() -> None:
    world = World(config=profile(multiPoint={"enabled": [{"name": "NodeAffinity", "weight": 9}]}))
    assert {i.plugin.name: i.weight for i in world.scheduler.profiles["default-scheduler"].scores}["NodeAffinity"] == 9


def test_percentage_of_nodes_to_score() -> None:
    algorithm = World().scheduler.algorithm
    framework = World().scheduler.profiles["default-scheduler"]
    assert [algorithm.wanted(framework, n) for n in (50, 100, 250, 1000, 5000, 10_000)] == [50, 100, 120, 420, 500, 500]
    assert World(config={"percentageOfNodesToScore": 100}).scheduler.algorithm.wanted(framework, 5000) == 5000


def test_default_constraints() -> None:
    args = {
        "defaultingType": "List",
        "defaultConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    }
    service = {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}
    world = World(
        node("a", labels={"zone": "1"}),
        node("b", "1", labels={"zone": "2"}),
        service,
        pod("x", on="a", labels={"app": "web"}),
        config={"profiles": [{"pluginConfig": [{"name": "PodTopologySpread", "args": args}]}]},
    )
    assert world.place(pod("p", labels={"app": "web"})) == "b"


def test_added_affinity() -> None:
    added = {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "pool", "operator": "In", "values": ["x"]}]}]
        }
    }
    config = {"profiles": [{"pluginConfig": [{"name": "NodeAffinity", "args": {"addedAffinity": added}}]}]}
    world = World(node("a"), node("b", labels={"pool": "x"}), config=config)
    assert world.place(pod("p")) == "b"
    world.client.remove("nodes", "b")
    world.place(pod("q"))
    assert "1 node(s) didn't match scheduler-enforced node affinity" in world.message("q")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ("- a list", "must be a mapping"),
        ("a: [", "is not YAML"),
        ({"kind": "Pod"}, "apiVersion, kind"),
        ({"profile": []}, 'unknown field "profile"'),
        ({"profiles": {"schedulerName": "a"}}, "profiles: must be a list"),
        ({"profiles": ["a"]}, "profiles[0]: must be a mapping"),
        (profile(score={"enabled": [{"weight": 3}]}), "profiles[0].plugins.score.enabled[0].name: Required value"),
        (profile(score={"enabled": "NodePorts"}), "profiles[0].plugins.score.enabled: must be a list"),
        ({"percentageOfNodesToScore": 101}, "percentageOfNodesToScore: Invalid value: 101"),
        ({"podInitialBackoffSeconds": 0}, "podInitialBackoffSeconds"),
        ({"podInitialBackoffSeconds": 5, "podMaxBackoffSeconds": 2}, "podMaxBackoffSeconds"),
        ({"profiles": [{"schedulerName": "a"}, {"schedulerName": "a"}]}, "profiles[1].schedulerName: Duplicate value"),
        ({"profiles": [{"schedulerName": "a"}, {}]}, "profiles[1].schedulerName: Required value"),
        (profile(score={"enabled": [{"name": "Nope"}]}), 'profiles[0].plugins.score: Invalid value: "Nope"'),
        (profile(score={"enabled": [{"name": "NodePorts"}]}), "it does not extend score"),
        (profile(scoring={}), 'profiles[0].plugins: unknown field "scoring"'),
        (profile(bind={"disabled": [{"name": "*"}]}), "profiles[0].plugins.bind"),
        (profile(queueSort={"disabled": [{"name": "*"}]}), "profiles[0].plugins.queueSort"),
        (
            {
                "profiles": [
                    {"pluginConfig": [{"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "Best"}}}]}
                ]
            },
            'profiles[0].pluginConfig[NodeResourcesFit]: scoringStrategy.type: Unsupported value: "Best"',
        ),
    ],
)
def test_refusals(config: Any, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        World(config=config)
    assert field in str(caught.value)
