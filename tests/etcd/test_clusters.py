"""The whole control plane on three members, and on a real etcd: same answers as on the store in memory."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.client.base import ApiError
from controlplane.cluster import Cluster
from controlplane.conditions import available
from controlplane.etcd.api import ALL_KEYS
from controlplane.etcd.grpc_store import GrpcStore
from tests.etcd.histories import Recorder
from tests.etcd.real import etcdctl, free_ports, real_etcd

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
        },
    },
}


@pytest.fixture
def empty_etcd(etcd: str) -> Iterator[str]:
    """The real etcd without a key in it, before and after."""
    store = GrpcStore(f"etcd://{etcd}")
    store.delete_range(b"\0", ALL_KEYS)
    yield f"etcd://{etcd}"
    store.delete_range(b"\0", ALL_KEYS)
    store.close()


def scaled(cluster: Cluster, replicas: int) -> None:
    cluster.apply({**WEB, "spec": {**WEB["spec"], "replicas": replicas}})  # type: ignore[dict-item]
    cluster.run_until(lambda client: len(cluster.pods()) == replicas, "2m")
    cluster.run_until(available("deployment/web"), "2m")


def story(cluster: Cluster) -> Any:
    """What happens, without the revisions, which an etcd does not start from 1."""
    cluster.apply(WEB)
    cluster.run_until(available("deployment/web"), "2m")
    scaled(cluster, 5)
    cluster.kill_node("node-b")
    cluster.run_for("7m")
    assert {p["spec"]["nodeName"] for p in cluster.pods() if not deleted(p)} == {"node-a"}
    cluster.restart_node("node-b")
    scaled(cluster, 1)
    objects = {}
    for plural in ("pods", "replicasets", "deployments", "nodes", "endpointslices", "leases"):
        items = cluster.client.list_shared(plural)[0]
        objects[plural] = [without_versions(item) for item in sorted(items, key=lambda o: o["metadata"]["name"])]
    return objects, [(e.time, e.user, e.verb, e.resource, e.name, e.code) for e in cluster.log]


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def deleted(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def without_versions(item: dict[str, Any]) -> dict[str, Any]:
    copy = json.loads(json.dumps(item))
    del copy["metadata"]["resourceVersion"]
    return copy


@pytest.mark.parametrize("members", [3, 5])
def test_members_change_nothing(members: int) -> None:
    alone, together = Cluster(seed=4), Cluster(seed=4, etcd_members=members)
    assert story(together) == story(alone)
    assert together.event_log() == alone.event_log()


def test_a_real_etcd_changes_nothing(tmp_path: Path) -> None:
    with real_etcd(tmp_path) as address:  # a new one: on what was used before, the server draws other names
        alone, on_etcd = Cluster(seed=4), Cluster(seed=4, store=f"etcd://{address}")
        try:
            assert story(on_etcd) == story(alone)
            assert on_etcd.event_log() == alone.event_log()
        finally:
            on_etcd.stop()


def test_another_cluster_goes_on_with_what_is_in_etcd(empty_etcd: str) -> None:
    first = Cluster(store=empty_etcd)
    scaled(first, 3)
    pods = {pod["metadata"]["uid"] for pod in first.pods()}
    first.stop()
    assert "/registry/pods/default/web-" in etcdctl(
        empty_etcd.removeprefix("etcd://"), "get", "--prefix", "/registry/pods/", "--keys-only"
    )
    second = Cluster(store=empty_etcd, seed=1)
    assert {pod["metadata"]["uid"] for pod in second.pods()} == pods
    second.stop()


def test_an_etcd_that_restarts(tmp_path: Path) -> None:
    """While it is away, requests fail; then all goes on, and whoever watches has missed nothing."""
    [port] = free_ports(1)
    with real_etcd(tmp_path, port=port) as address:
        cluster = Cluster(store=f"etcd://{address}")
        scaled(cluster, 2)
        heard = Recorder(cluster.store, b"/registry/configmaps/", b"/registry/configmaps0")
    with pytest.raises(ApiError) as caught:
        cluster.client.create(config_map("never"))
    assert caught.value.code == 500
    with real_etcd(tmp_path, port=port) as address:
        etcdctl(address, "put", "/registry/other", "1")
        for _ in range(100):
            try:
                cluster.client.create(config_map("kept"))
                break
            except ApiError:
                cluster.run_for(1)
        scaled(cluster, 4)
        assert [event.kv.key for _, event in heard] == [b"/registry/configmaps/default/kept"]
        cluster.stop()


def test_losing_one_member_costs_nothing() -> None:
    cluster = Cluster(etcd_members=3)
    scaled(cluster, 2)
    before = cluster.elapsed
    cluster.store.kill(cluster.store.leader)
    cluster.client.create(config_map("kept"))
    assert cluster.elapsed == before
    scaled(cluster, 4)
    assert not [event for event in cluster.log if event.code >= 500]


def test_losing_two_stops_writes_and_loses_none_and_healing_resumes() -> None:
    cluster = Cluster(etcd_members=3)
    scaled(cluster, 2)
    for number in range(20):
        cluster.client.create(config_map(f"c{number}"))
    lost = [cluster.store.leader]
    cluster.store.kill(lost[0])
    cluster.client.create(config_map("c20"))
    lost.append(cluster.store.leader)
    cluster.store.kill(lost[1])
    with pytest.raises(ApiError) as caught:
        cluster.client.create(config_map("never"))
    assert caught.value.code == 500
    assert str(caught.value) == "etcdserver: request timed out"
    cluster.run_for("2m")
    cluster.store.restart(lost[0])
    cluster.store.restart(lost[1])
    names = {c["metadata"]["name"] for c in cluster.client.list_shared("configmaps", "default")[0]}
    assert names >= {f"c{number}" for number in range(21)}
    scaled(cluster, 4)
    assert len(set(map(str, (m.store.revision for m in cluster.store._machines.values())))) <= 2


@pytest.mark.parametrize("fault", ["transfer", "isolate", "restart"])
def test_leadership_moves_while_the_cluster_works(fault: str) -> None:
    cluster = Cluster(etcd_members=3)
    store = cluster.store
    faults: dict[str, Callable[[str], None]] = {
        "transfer": store.transfer,
        "isolate": store.isolate,
        "restart": store.restart,
    }
    for replicas in (3, 1, 4, 2):
        led = store.leader
        faults[fault](next(name for name in store.names if (name != led) == (fault == "transfer")))
        scaled(cluster, replicas)
        store.heal()
    assert not [event for event in cluster.log if event.code >= 500]


def test_bad_addresses() -> None:
    with pytest.raises(ValueError, match="write it as etcd://"):
        Cluster(store="http://127.0.0.1:2379")
    with pytest.raises(ValueError, match="leave out one of the two"):
        Cluster(store="etcd://127.0.0.1:1", etcd_members=3)
    with pytest.raises(ValueError, match="take 1, 3 or 5"):
        Cluster(etcd_members=2)
