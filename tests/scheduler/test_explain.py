"""A decision can be read as an object, as text, as HTML and as an annotation."""

from __future__ import annotations

import json

import pytest

from controlplane.scheduler.explain import ANNOTATION
from tests.scheduler.build import node, pod
from tests.scheduler.world import World


def test_a_placement() -> None:
    world = World(node("a"), node("b", taints=[{"key": "k", "effect": "NoSchedule"}]), node("c"), pod("x", "1", on="a"))
    world.place(pod("p", "1", "1Gi"))
    decision = world.scheduler.explain("default/p")
    assert decision.winner == "c" and decision.ties == ["c"]
    assert dict(decision.cells("b")) == {
        "NodeUnschedulable": "passed",
        "NodeName": "passed",
        "TaintToleration": "node(s) had untolerated taint(s)",
    }
    assert decision.total("c") > decision.total("a")
    assert decision.scores["TaintToleration"].raw == {"a": 0, "c": 0}
    assert decision.scores["TaintToleration"].weighted("c") == 300
    text = str(decision).splitlines()
    assert text[0] == "Pod default/p goes to c: it has the highest of 2 totals"
    assert repr(decision) == f"<Decision: {text[0]}>"
    assert [line.split()[0] for line in text[2:]] == ["node", "c", "a", "b"]
    assert "<b" not in decision.html() and decision.html().count("<tr") == 4


def test_a_tie_says_how_it_fell() -> None:
    winners = set()
    for seed in range(8):
        world = World(node("a"), node("b"), seed=seed)
        world.place(pod("p"))
        decision = world.scheduler.explain("default/p")
        assert decision.ties == ["a", "b"]
        assert decision.message == "drawn among 2 with the same total: a, b"
        winners.add(decision.winner)
    assert winners == {"a", "b"}


def test_the_only_one() -> None:
    world = World(node("a"), node("b", unschedulable=True))
    world.place(pod("p"))
    assert world.scheduler.explain("default/p").message == "it is the only one that fits"


def test_what_would_have_to_change() -> None:
    world = World(
        node("a", "1"),
        node("b", "8", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),
        node("c", "8", unschedulable=True),
        pod("x", "500m", on="a"),
    )
    world.place(pod("p", "2", nodeSelector={"disk": "ssd"}))
    decision = world.scheduler.explain("default/p")
    label = "label the node disk=ssd, or change nodeSelector"
    assert decision.what_would_help() == [
        f"a: {label}; and 1500m more cpu: 2 asked for, 500m of 1 free",
        f"b: tolerate the taint gpu=yes:NoSchedule, or remove it; and {label}",
        f"c: uncordon the node; and {label}",
    ]
    assert decision.message == world.message("p")
    assert "What would have to change:" in str(decision) and "uncordon the node" in decision.html()


def test_what_others_would_have_to_do() -> None:
    web = {"labels": {"app": "web"}}
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}},
        }
    ]
    world = World(node("a", labels={"zone": "1"}), node("b", "0", labels={"zone": "2"}), pod("x", on="a", **web))
    world.place(pod("p", "1", **web, topologySpreadConstraints=spread))
    advice = world.scheduler.explain("default/p").what_would_help()
    assert advice[0] == (
        "a: zone=1 has 1 matching Pods and the emptiest domain 0: more Pods elsewhere first, or a maxSkew above 1"
    )


def test_an_annotation_holds_it_all() -> None:
    world = World(node("a"), node("b"))
    world.place(pod("p"))
    world.scheduler.annotate("default/p")
    written = json.loads(world.client.pod("p")["metadata"]["annotations"][ANNOTATION])
    assert written == world.scheduler.explain("default/p").as_dict()
    assert written["node"] == world.node_of("p")


def test_names_are_escaped() -> None:
    world = World(node("a"), make=None)
    world.place(pod("p", nodeSelector={"x": "<script>"}))
    assert "<script>" not in world.scheduler.explain("default/p").html()


@pytest.mark.parametrize(
    ("name", "why"),
    [("nobody", "there is no Pod"), ("other", "belongs to the scheduler other"), ("gated", "kept out of the queue by")],
)
def test_no_decision(name: str, why: str) -> None:
    world = World(node("a"))
    world.place(pod("other", schedulerName="other"), pod("gated", schedulingGates=[{"name": "g"}]))
    with pytest.raises(LookupError, match=why):
        world.scheduler.explain(f"default/{name}")


def test_in_large_clusters_only_on_request() -> None:
    world = World(*(node(f"n{i}") for i in range(101)))
    world.place(pod("p"))
    with pytest.raises(LookupError):
        world.scheduler.explain("default/p")
    world.scheduler.decisions.everything = True
    world.place(pod("q"))
    assert len(world.scheduler.explain("default/q").refusals) == 100
