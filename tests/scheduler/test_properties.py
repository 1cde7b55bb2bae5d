"""What holds for every cluster and every order of events."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.scheduler.cache import Cache
from controlplane.scheduler.framework import CycleState
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.scheduler import Scheduler
from tests.scheduler.build import node, pod
from tests.scheduler.fake import FakeClient
from tests.scheduler.world import World

Obj = dict[str, Any]
APPS = st.sampled_from(["web", "db", "x"])
ZONES = st.sampled_from(["1", "2", "3"])
SELECTOR = {"matchLabels": {"app": "web"}}


@st.composite
def nodes(draw: st.DrawFn) -> list[Obj]:
    found = []
    for i in range(draw(st.integers(1, 5))):
        taints = draw(
            st.sampled_from(
                [None, None, [{"key": "k", "effect": "NoSchedule"}], [{"key": "k", "effect": "PreferNoSchedule"}]]
            )
        )
        found.append(
            node(
                f"n{i}",
                str(draw(st.integers(1, 4))),
                f"{draw(st.integers(1, 4))}Gi",
                str(draw(st.integers(1, 6))),
                labels={"zone": draw(ZONES)},
                taints=taints,
                unschedulable=draw(st.integers(0, 9)) == 0,
            )
        )
    return found


@st.composite
def pods(draw: st.DrawFn, most: int = 10) -> list[Obj]:
    found = []
    for i in range(draw(st.integers(1, most))):
        spec: Obj = {}
        kind = draw(st.sampled_from(["plain", "plain", "spread", "soft", "near", "away", "prefer", "port", "select"]))
        constraint = {"maxSkew": 1, "topologyKey": "zone", "labelSelector": SELECTOR}
        term = {"topologyKey": draw(st.sampled_from(["zone", "kubernetes.io/hostname"])), "labelSelector": SELECTOR}
        if kind == "spread":
            spec["topologySpreadConstraints"] = [{**constraint, "whenUnsatisfiable": "DoNotSchedule"}]
        elif kind == "soft":
            spec["topologySpreadConstraints"] = [{**constraint, "whenUnsatisfiable": "ScheduleAnyway"}]
        elif kind in ("near", "away"):
            side = "podAffinity" if kind == "near" else "podAntiAffinity"
            spec["affinity"] = {side: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        elif kind == "prefer":
            spec["affinity"] = {
                "podAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "podAffinityTerm": term}]
                }
            }
        elif kind == "select":
            spec["nodeSelector"] = {"zone": draw(ZONES)}
        body = pod(
            f"p{i}",
            f"{draw(st.integers(0, 3)) * 500}m",
            labels={"app": draw(APPS)},
            priority=draw(st.sampled_from([0, 0, 0, 5])),
            **spec,
        )
        if kind == "port":
            body["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
        found.append(body)
    return found


def check_bindings(client: FakeClient) -> None:
    """No node is over-committed, and no host port used twice."""
    for info in picture(client).nodes:
        assert len(info.pods) <= info.allocatable["pods"]
        for name, value in info.requested.items():
            assert value <= info.allocatable.get(name, 0), (info.name, name)
        assert all(count == 1 for count in info.host_ports.values())


def picture(client: FakeClient, without: str = "") -> Cache:
    cache = Cache()
    for obj in client.store["nodes"].values():
        cache.set_node(obj)
    for key, obj in client.store["pods"].items():
        if obj["spec"].get("nodeName") and key != without:
            cache.add_pod(PodInfo(obj))
    return cache


def watch_bindings(client: FakeClient, scheduler: Scheduler) -> list[str]:
    """Check every binding as it happens: no filter of ours refuses the node for the Pod.  Returns what was bound."""
    bound: list[str] = []
    bind = client.bind

    def checked(name: str, namespace: str, to: str, *, uid: str = "") -> None:
        bind(name, namespace, to, uid=uid)
        bound.append(name)
        check_bindings(client)
        judge = World(*client.store["nodes"].values())
        for key, obj in client.store["pods"].items():
            if obj["spec"].get("nodeName") and key != f"{namespace}/{name}":
                judge.scheduler.cache.add_pod(PodInfo(obj))
        info = judge.scheduler.cache.by_name[to]
        original = client.pod(name)
        waiting = PodInfo({**original, "spec": {k: v for k, v in original["spec"].items() if k != "nodeName"}})
        framework = judge.scheduler.profiles["default-scheduler"]
        state = CycleState()
        assert framework.run_pre_filter(state, waiting)[1] is None
        assert framework.run_filters(state, waiting, info) is None

    client.bind = checked  # type: ignore[method-assign,assignment]
    return bound


@settings(max_examples=150)
@given(nodes(), pods(), st.integers(0, 3))
def test_no_binding_breaks_a_filter_and_none_happens_twice(some: list[Obj], waiting: list[Obj], seed: int) -> None:
    world = World(*some, seed=seed)
    bound = watch_bindings(world.client, world.scheduler)
    for body in waiting:
        world.client.add(body)
    world.loop.run_for(30)
    assert len(bound) == len(set(bound))


ACTIONS = st.lists(
    st.sampled_from(["step", "step", "step", "delete pod", "cordon", "delete node", "grow", "fail", "restart"]),
    max_size=25,
)


@settings(max_examples=150)
@given(nodes(), pods(), ACTIONS, st.booleans(), st.randoms(use_true_random=False))
def test_whatever_happens_in_between(
    some: list[Obj], waiting: list[Obj], actions: list[str], on_columns: bool, random: Any
) -> None:
    world = World(*some)
    client, scheduler = world.client, world.scheduler
    if on_columns:
        decide_on_columns(scheduler)
    queue = list(waiting)
    for turn, action in enumerate(actions):
        if queue and random.random() < 0.5:
            client.add(queue.pop())
        if action == "step":
            for _ in range(random.randrange(1, 5)):
                world.loop.step()
        elif action == "delete pod" and client.store["pods"]:
            client.remove("pods", random.choice(sorted(client.store["pods"])))
        elif action == "cordon" and client.store["nodes"]:
            client.patch("nodes", random.choice(sorted(client.store["nodes"])), {"spec": {"unschedulable": True}})
        elif action == "delete node" and client.store["nodes"]:
            client.remove("nodes", random.choice(sorted(client.store["nodes"])))
        elif action == "grow":
            client.add(node(f"new{turn}", "2"))
        elif action == "fail" and client.store["pods"]:
            client.fail["bind", random.choice(sorted(client.store["pods"]))] = 1
        elif action == "restart":  # in the middle of whatever it is doing
            scheduler.stop()
            scheduler = Scheduler(world.loop, client)
            if on_columns:
                decide_on_columns(scheduler)
            scheduler.start()
        check_bindings(client)
    for body in queue:
        client.add(body)
    world.loop.run_for(700)
    check_bindings(client)
    open_nodes = [n for n in picture(client).nodes if not n.unschedulable and not n.taints]
    for body in client.store["pods"].values():  # nothing is lost: what asks for nothing special and fits is placed
        spec = body["spec"]
        if not spec.get("nodeName") and set(spec) <= {"containers", "priority"} and not has_port(spec):
            assert not any(fits(body, info) for info in open_nodes), body["metadata"]["name"]


def decide_on_columns(scheduler: Scheduler) -> None:
    """Take the way that large clusters take, which keeps no tables of decisions."""
    scheduler.decisions.wanted = lambda nodes: False  # type: ignore[method-assign]


def has_port(spec: Obj) -> bool:
    return any("ports" in container for container in spec["containers"])


def fits(body: Obj, info: NodeInfo) -> bool:
    """Is there room, and (by its label) nobody that wants to be away from it?"""
    wanted = {**PodInfo(body).requests, "pods": 1}
    return body["metadata"]["labels"]["app"] != "web" and all(
        value <= info.free.get(name, 0) for name, value in wanted.items()
    )


@settings(max_examples=60)
@given(nodes(), pods(6))
def test_an_irrelevant_node_or_label_changes_nothing(some: list[Obj], waiting: list[Obj]) -> None:
    def placements(objects: list[Obj], waiting: list[Obj]) -> list[str]:
        world = World(*objects, config={"percentageOfNodesToScore": 100})
        return [world.place(body) for body in waiting]

    labelled = [
        {**n, "metadata": {**n["metadata"], "labels": {**n["metadata"]["labels"], "colour": "red"}}} for n in some
    ]
    full = node("zz", "0", "0", "0")
    del full["metadata"]["labels"]["kubernetes.io/hostname"]
    plain = placements(some, waiting)
    assert placements(labelled, waiting) == plain
    assert placements([*some, full], waiting) == plain


@settings(max_examples=100)
@given(nodes(), pods(), st.integers(0, 3))
def test_columns_and_node_by_node_agree(some: list[Obj], waiting: list[Obj], seed: int) -> None:
    slowly, quickly = World(*some, seed=seed), World(*some, seed=seed)
    decide_on_columns(quickly.scheduler)
    for body in waiting:
        assert slowly.place(body) == quickly.place(body)
        assert slowly.message(body["metadata"]["name"]) == quickly.message(body["metadata"]["name"])
    assert slowly.client.log == quickly.client.log


@settings(max_examples=100)
@given(nodes(), pods(8), pods(1), st.sets(st.integers(0, 7)))
def test_what_is_kept_up_to_date_equals_what_is_counted_anew(
    some: list[Obj], waiting: list[Obj], last: list[Obj], leaving: set[int]
) -> None:
    world = World(*some)
    for i, body in enumerate(waiting):
        body["spec"]["priority"] = 0
        world.place(body)
        probe = {**last[0], "metadata": {**last[0]["metadata"], "name": f"probe-{i}"}}
        world.place(probe)  # so that something is kept about Pods like the last one
        world.client.remove("pods", f"default/probe-{i}")
        if i in leaving and f"default/p{i}" in world.client.store["pods"]:
            world.client.remove("pods", f"default/p{i}")
        world.loop.run_ready()
    bound = [body for body in world.client.store["pods"].values() if body["spec"].get("nodeName")]
    fresh = World(*world.client.store["nodes"].values(), *bound)
    final = {
        **last[0],
        "metadata": {**last[0]["metadata"], "name": "final"},
        "spec": {**last[0]["spec"], "priority": 0},
    }
    decisions = []
    for one in (world, fresh):
        one.place(final)
        decisions.append(one.scheduler.explain("default/final"))
    old, new = decisions
    assert {n: str(s) for n, s in old.refusals.items()} == {n: str(s) for n, s in new.refusals.items()}
    assert old.scores == new.scores
