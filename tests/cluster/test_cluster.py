"""The cluster as a whole: boot, replace a part, lose a node, and clear errors for what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controlplane import demo
from controlplane.client.base import ApiError, Client
from controlplane.clock import Loop
from controlplane.cluster import Cluster, NotReached
from controlplane.conditions import available, everything_ready, gone, nodes_ready, pods_ready
from controlplane.machine import node_address, node_names
from controlplane.manifests import ManifestError


@pytest.fixture(scope="module")
def running() -> Cluster:
    return demo.boot(seed=0)


def by_node(cluster: Cluster) -> dict[str, int]:
    counts: dict[str, int] = {}
    for pod in cluster.pods():
        node = pod["spec"].get("nodeName", "")
        counts[node] = counts.get(node, 0) + 1
    return counts


def test_four_pods_are_two_on_each_node(running: Cluster) -> None:
    assert by_node(running) == {"node-a": 2, "node-b": 2}


def test_requests_reach_all_four_pods(running: Cluster) -> None:
    tally = demo.send(running)
    assert tally.ok == 1000
    assert len(tally.by_pod) == 4
    assert min(tally.by_pod.values()) > 150


def test_the_picture_shows_pods_service_and_ingress(running: Cluster) -> None:
    text, html = str(running), running._repr_html_()
    for pod in running.pods():
        assert pod["metadata"]["name"] in text
        assert pod["metadata"]["name"] in html
    assert "4 ready endpoints" in text
    assert "shop.example/ → web" in text
    assert 'aria-label="A cluster of 2 nodes with 4 ready Pods"' in html


def test_a_roll_out_under_load_loses_nothing() -> None:
    load = demo.roll_out(demo.boot(seed=4))
    assert load.tally.sent > 1500
    assert load.tally.failed == 0
    assert load.tally.pending == 0
    assert set(load.tally.by_version) == {"v1", "v2"}
    assert set(load.tally.timeline[-1].versions) == {"v2"}


def test_a_node_is_lost_and_comes_back() -> None:
    cluster = demo.boot(seed=0)
    loss = demo.NodeLoss(cluster).run()
    unknown = next(at for at, seen in loss.timeline if "Ready=Unknown" in seen)
    evicted = next(at for at, seen in loss.timeline if "2 going" in seen)
    assert abs(unknown - 53.3) <= 5  # tests/conformance/node_failure.want.json
    assert abs(evicted - 353.3) <= 5
    assert "4 elsewhere (4 ready)" in loss.timeline[-1][1]
    assert all(at <= unknown + 2 for at in loss.failures())
    demo.bring_back(cluster)
    assert nodes_ready(2)(cluster.client) == ""
    assert pods_ready(4)(cluster.client) == ""
    assert len(cluster.pods()) == 4


def test_a_part_can_be_left_out() -> None:
    cluster = Cluster(nodes=1, scheduler=None)
    cluster.apply(demo.APP)
    cluster.run_for("1m")
    assert by_node(cluster) == {"": 4}


def test_a_part_can_be_somebody_elses() -> None:
    class LastNode:
        """Binds every Pod to the last node."""

        def __init__(self, loop: Loop, client: Client) -> None:
            self.loop, self.client = loop, client

        def start(self) -> None:
            self.loop.call_later(1, self.look)

        def stop(self) -> None:
            pass

        def look(self) -> None:
            for pod in self.client.list("pods", field_selector="spec.nodeName=")["items"]:
                self.client.bind(pod["metadata"]["name"], pod["metadata"]["namespace"], "node-b")
            self.loop.call_later(1, self.look)

    cluster = Cluster(nodes=2, scheduler=LastNode)
    cluster.apply(demo.APP)
    cluster.run_until(available("deployment/web"))
    assert by_node(cluster) == {"node-b": 4}


def test_a_part_can_be_replaced_while_it_runs() -> None:
    cluster = Cluster(nodes=2, controllers=None)
    cluster.apply(demo.APP)
    cluster.run_for(5)
    assert not cluster.pods()
    from controlplane.controllers.manager import ControllerManager

    cluster.replace("controllers", ControllerManager)
    cluster.run_until(available("deployment/web"))


def test_a_partitioned_node_goes_unknown_and_its_pods_go_on() -> None:
    cluster = demo.boot(seed=0)
    cluster.partition("node-b")
    cluster.run_until(lambda client: _ready(client, "node-b") == "Unknown", timeout="2m")
    cluster.heal("node-b")
    cluster.run_until(lambda client: _ready(client, "node-b") == "True", timeout="2m")
    cluster.run_for("1m")
    assert by_node(cluster) == {"node-a": 2, "node-b": 2}
    assert everything_ready()(cluster.client) == ""


def _ready(client: Client, node: str) -> str:
    conditions = client.get("nodes", node)["status"]["conditions"]
    return next(c["status"] for c in conditions if c["type"] == "Ready")


def test_deleting_the_manifest_leaves_nothing() -> None:
    cluster = demo.boot(seed=0)
    cluster.delete(demo.APP)
    cluster.run_until(gone("deployment/web"), timeout="1m")
    cluster.run_for("2m")
    assert not cluster.pods()
    assert not cluster.client.list("replicasets")["items"]
    assert not cluster.client.list("endpointslices", "default", label_selector="kubernetes.io/service-name=web")[
        "items"
    ]


def test_one_step_is_one_callback() -> None:
    cluster = Cluster(nodes=0)
    before = cluster.loop.now()
    steps = 0
    while cluster.step() and cluster.loop.now() == before:
        steps += 1
    assert steps > 0
    assert cluster.loop.now() > before


def test_time_passes_in_words_and_in_seconds() -> None:
    cluster = Cluster(nodes=0)
    cluster.run_for("1m30s")
    cluster.run_for(0.5)
    assert cluster.elapsed == pytest.approx(90.5)
    with pytest.raises(ValueError, match="'soon' is not a duration"):
        cluster.run_for("soon")


# What is wrong is said, and changes nothing ----------------------------------------------------------------------


def everything(cluster: Cluster) -> str:
    return str(cluster.server.store.revision)


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
        },
    },
}


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("kind: [", r"the manifest, line 1, column 8 is no YAML"),
        ("", "the manifest is empty"),
        ("- 1", "the manifest is a list, not an object"),
        ("kind: Pod\nmetadata: {name: a}\n", "apiVersion is missing"),
        ("apiVersion: v1\nkind: Pod\n", "Pod has no metadata.name"),
        ("absent.yaml", "cannot read absent.yaml: No such file or directory"),
    ],
)
def test_a_manifest_that_cannot_be_read(running: Cluster, manifest: str, said: str) -> None:
    before = everything(running)
    with pytest.raises(ManifestError, match=said):
        running.apply(manifest)
    assert everything(running) == before


def test_a_malformed_file_is_named(running: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n name: b\n")
    with pytest.raises(ManifestError, match=r"app\.yaml, line 5"):
        running.apply(path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}, "spec.containers"),
        ({"replicas": "many"}, "spec.replicas"),
    ],
)
def test_an_invalid_object_names_its_field_and_changes_nothing(change: dict[str, Any], field: str) -> None:
    cluster = Cluster(nodes=0)
    before = everything(cluster)
    good = {**DEPLOYMENT, "metadata": {"name": "first"}}
    bad = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], **change}}
    with pytest.raises(ApiError) as refused:
        cluster.apply([good, bad])
    assert field in refused.value.message
    assert everything(cluster) == before


def test_an_unknown_kind(running: Cluster) -> None:
    with pytest.raises(ApiError, match="no matches for kind 'Wish' in version 'v1'"):
        running.apply({"apiVersion": "v1", "kind": "Wish", "metadata": {"name": "a"}})


def test_a_name_that_is_taken(running: Cluster) -> None:
    with pytest.raises(ApiError) as refused:
        running.client.create(DEPLOYMENT, "default")
    assert refused.value.already_exists
    assert refused.value.message == 'deployments.apps "web" already exists'


def test_a_condition_that_is_never_met_says_what_is_missing() -> None:
    cluster = Cluster(nodes=1, capacity={"cpu": "600m", "memory": "8Gi", "pods": "110"})
    cluster.apply(demo.APP)
    with pytest.raises(NotReached) as late:
        cluster.run_until(available("deployment/web"), timeout="1m")
    assert "after 60 s the condition does not hold: deployment/web: 2 of 4 Pods are available" in str(late.value)
    assert "Insufficient cpu" in str(late.value)
    with pytest.raises(NotReached, match="2 of 4 Pods are not Ready"):
        cluster.run_until(lambda client: False, timeout=5)


def test_an_unknown_node_is_named_with_those_there_are(running: Cluster) -> None:
    with pytest.raises(KeyError, match="there is no node node-z: the nodes are node-a, node-b"):
        running.kill_node("node-z")
    with pytest.raises(ValueError, match="there is a node node-a already"):
        running.add_node("node-a")
    with pytest.raises(ValueError, match="cannot have -1 nodes"):
        Cluster(nodes=-1)


def test_names_and_addresses_of_many_nodes_differ() -> None:
    assert node_names(2) == ["node-a", "node-b"]
    assert node_names(1000)[0] == "node-0001"
    assert len({node_address(i) for i in range(5000)}) == 5000
