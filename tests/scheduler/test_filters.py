"""Which nodes each plugin refuses, and in which words."""

from __future__ import annotations

import pytest

from tests.scheduler.build import node, pod
from tests.scheduler.world import World

TAIL = (
    " no new claims to deallocate, preemption: 0/{0} nodes are available: {0} Preemption is not helpful for scheduling."
)


def refusal(world: World, name: str) -> str:
    """The refusal up to what preemption says."""
    return world.message(name).split(". no new claims")[0].partition("available: ")[2]


def test_too_many_pods_and_short_resources_are_all_named() -> None:
    world = World(node("a", "1", "1Gi", "1", **{"example.com/gpu": "1"}), pod("x", "500m", "512Mi", on="a"))
    world.place(pod("p", "2", "2Gi"))
    assert refusal(world, "p") == "1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods"


def test_a_pod_that_asks_for_nothing_needs_only_a_slot() -> None:
    world = World(node("a", "1", pods="2"), pod("x", "1", on="a"))
    assert world.place(pod("p")) == "a"
    assert world.place(pod("q")) == ""
    assert refusal(world, "q") == "1 Too many pods"


def test_init_containers_sidecars_and_overhead_count() -> None:
    def container(name: str, cpu: str, **more: str) -> dict:
        return {"name": name, "image": "i", "resources": {"requests": {"cpu": cpu}}, **more}

    body = pod("p")
    body["spec"] = {
        "initContainers": [container("side", "500m", restartPolicy="Always"), container("init", "2")],
        "containers": [container("app", "1")],
        "overhead": {"cpu": "100m"},
    }  # while `init` runs: 0.5 + 2; later: 0.5 + 1; with the overhead 2.6
    world = World(node("small", "2590m"), node("large", "2600m"))
    assert world.place(body) == "large"


@pytest.mark.parametrize(
    ("tolerations", "fits"),
    [
        ([], False),
        ([{"operator": "Exists"}], True),
        ([{"key": "gpu", "operator": "Exists"}], True),
        ([{"key": "gpu", "value": "yes"}], True),
        ([{"key": "gpu", "value": "no"}], False),
        ([{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}], False),
    ],
)
def test_taints(tolerations: list, fits: bool) -> None:
    world = World(node("a", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]))
    assert (world.place(pod("p", tolerations=tolerations)) == "a") == fits
    if not fits:
        assert world.message("p") == "0/1 nodes are available: 1 node(s) had untolerated taint(s)." + TAIL.format(1)


def test_a_cordoned_node_takes_pods_that_tolerate_it() -> None:
    world = World(node("a", unschedulable=True))
    assert world.place(pod("p")) == ""
    assert refusal(world, "p") == "1 node(s) were unschedulable"
    toleration = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}
    assert world.place(pod("q", tolerations=[toleration])) == "a"


def affinity(*terms: dict) -> dict:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def test_terms_are_alternatives_and_expressions_add_up() -> None:
    world = World(node("a", labels={"x": "1"}), node("b", labels={"x": "1", "y": "1"}), node("c", labels={"z": "7"}))
    both = {"matchExpressions": [{"key": "x", "operator": "Exists"}, {"key": "y", "operator": "Exists"}]}
    assert world.place(pod("p", affinity=affinity(both))) == "b"
    more = {"matchExpressions": [{"key": "z", "operator": "Gt", "values": ["6"]}]}
    assert world.place(pod("q", nodeSelector={"z": "7"}, affinity=affinity(both, more))) == "c"
    assert world.place(pod("r", affinity=affinity({}))) == ""  # an empty term matches nothing


def test_match_fields_name_nodes() -> None:
    named = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}
    world = World(node("a"), node("b"))
    assert world.place(pod("p", affinity=affinity(named))) == "b"
    gone = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gone"]}]}
    world.place(pod("q", affinity=affinity(gone)))
    assert refusal(world, "q") == "2 node(s) didn't satisfy plugin(s) [NodeAffinity]"


@pytest.mark.parametrize(
    ("ip", "protocol", "fits"), [("", "TCP", False), ("10.0.0.1", "TCP", False), ("", "UDP", True), ("", "", False)]
)
def test_host_ports(ip: str, protocol: str, fits: bool) -> None:
    def with_port(name: str, port: dict, **more: str) -> dict:
        body = pod(name, **more)
        body["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80, **port}]
        return body

    world = World(node("a"), with_port("x", {"protocol": "TCP"}, on="a"))
    placed = world.place(with_port("p", {k: v for k, v in (("hostIP", ip), ("protocol", protocol)) if v}))
    assert (placed == "a") == fits
    if not fits:
        assert refusal(world, "p") == "1 node(s) didn't have free ports for the requested pod ports"


def spread(key: str, **more: object) -> list[dict]:
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}},
            **more,
        }
    ]


def test_spread_by_node_and_missing_labels() -> None:
    world = World(node("a"), node("b"), pod("x", on="a", labels={"app": "web"}))
    web = {"labels": {"app": "web"}}
    assert world.place(pod("p", **web, topologySpreadConstraints=spread("kubernetes.io/hostname"))) == "b"
    world.place(pod("q", **web, topologySpreadConstraints=spread("zone")))
    assert refusal(world, "q") == "2 node(s) didn't match pod topology spread constraints (missing required label)"


def test_spread_counts_only_domains_where_the_pod_may_run() -> None:
    zones = [
        node("a", labels={"zone": "1", "ok": "yes"}),
        node("b", labels={"zone": "2"}),
        pod("x", on="a", labels={"app": "web"}),
    ]
    constrained = {"labels": {"app": "web"}, "nodeSelector": {"ok": "yes"}}
    world = World(*zones)
    assert world.place(pod("p", **constrained, topologySpreadConstraints=spread("zone"))) == "a"
    world = World(*zones)
    ignoring = spread("zone", nodeAffinityPolicy="Ignore")
    assert world.place(pod("p", **constrained, topologySpreadConstraints=ignoring)) == ""


def test_spread_with_too_few_domains_compares_with_zero() -> None:
    world = World(node("a", labels={"zone": "1"}), pod("x", on="a", labels={"app": "web"}))
    web = {"labels": {"app": "web"}}
    assert world.place(pod("p", **web, topologySpreadConstraints=spread("zone", minDomains=2))) == ""
    assert world.place(pod("q", **web, topologySpreadConstraints=spread("zone"))) == "a"


def near(name: str, *, anti: bool = False, key: str = "kubernetes.io/hostname", **more: object) -> dict:
    term = {"labelSelector": {"matchLabels": {"app": name}}, "topologyKey": key, **more}
    kind = "podAntiAffinity" if anti else "podAffinity"
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_pod_affinity_and_anti_affinity() -> None:
    world = World(node("a"), node("b"), pod("db", on="a", labels={"app": "db"}))
    assert world.place(pod("p", affinity=near("db"))) == "a"
    assert world.place(pod("q", affinity=near("db", anti=True))) == "b"
    world.place(pod("r", affinity=near("nobody")))
    assert refusal(world, "r") == "2 node(s) didn't match pod affinity rules"
    shy = pod("shy", on="b", labels={"app": "shy"}, affinity=near("web", anti=True))
    world.place(shy, pod("w", labels={"app": "web"}, nodeSelector={"kubernetes.io/hostname": "b"}))
    assert refusal(world, "w") == (
        "1 node(s) didn't match Pod's node affinity/selector, "
        "1 node(s) didn't satisfy existing pods anti-affinity rules"
    )


def test_terms_look_into_the_namespaces_they_name() -> None:
    other = pod("db", on="a", labels={"app": "db"})
    other["metadata"]["namespace"] = "prod"
    labelled = {"kind": "Namespace", "metadata": {"name": "prod", "labels": {"env": "prod"}}}
    world = World(node("a"), node("b"), labelled, other)
    assert world.place(pod("p", affinity=near("db"))) == ""
    assert world.place(pod("q", affinity=near("db", namespaces=["prod"]))) == "a"
    chosen = {"matchLabels": {"env": "prod"}}
    assert world.place(pod("r", affinity=near("db", namespaceSelector=chosen))) == "a"
    assert world.place(pod("s", affinity=near("db", anti=True, namespaceSelector={}))) == "b"


def test_claims() -> None:
    def claim(name: str, **spec: str) -> dict:
        return {"kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}

    volume = {
        "kind": "PersistentVolume",
        "metadata": {"name": "pv"},
        "spec": {
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}
            }
        },
    }
    late = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "late"},
        "provisioner": "example.com/disks",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    world = World(
        node("a"),
        node("b", labels={"disk": "1"}),
        volume,
        late,
        claim("bound", volumeName="pv"),
        claim("unbound"),
        claim("lost", volumeName="gone"),
        claim("waits", storageClassName="late"),
    )

    def using(name: str, claim: str) -> dict:
        return pod(name, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": claim}}])

    assert world.place(using("p", "bound")) == "b"
    assert world.place(using("q", "waits")) != ""
    world.place(using("r", "unbound"), using("s", "missing"), using("t", "lost"))
    assert refusal(world, "t") == "2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
    assert refusal(world, "r") == "pod has unbound immediate PersistentVolumeClaims"
    assert refusal(world, "s") == 'persistentvolumeclaim "missing" not found'
    world.client.add(claim("missing", volumeName="pv"))
    world.loop.run_for(2)
    assert world.node_of("s") == "b"


def test_no_nodes() -> None:
    world = World()
    world.place(pod("p"))
    assert world.message("p") == "no nodes available to schedule pods"
    world.client.add(node("a"))
    world.loop.run_for(2)
    assert world.node_of("p") == "a"
