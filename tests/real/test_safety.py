"""What goes wrong bites the Pod, or the client, and never the cluster."""

from __future__ import annotations

import os
import signal
import socket
import threading
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from controlplane.cluster import Cluster
from controlplane.conditions import available, is_ready, nodes_ready
from tests.real.cluster import main_status, pod, processes, real_cluster
from tests.real.test_traffic import app, ask, ingress, places, who


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with real_cluster(2) as made:
        made.apply(app())
        made.run_until(available("deployment/web"), timeout="20s")
        made.run_for(1.5)
        yield made


def test_forks_without_end_end_the_container(cluster: Cluster) -> None:
    mark = uuid.uuid4().hex
    bomb = "import os, time\nwhile True:\n os.fork()\n time.sleep(0.02)"
    never = {"restartPolicy": "Never"}
    env = [{"name": "MARK", "value": mark}]
    cluster.apply(pod("bomb", "python", command=["python", "-S", "-c", bomb], env=env, spec=never))
    cluster.run_until(lambda client: "terminated" in main_status(cluster, "bomb").get("state", {}), timeout="20s")
    assert main_status(cluster, "bomb")["state"]["terminated"]["exitCode"] == 137
    assert not processes(mark)
    assert ask(ingress(cluster)).startswith("App")


@pytest.mark.parametrize("way", ["ingress", "cluster IP"])
def test_a_thousand_connections_that_say_nothing(cluster: Cluster, way: str) -> None:
    place = urlsplit(places(cluster)[way])
    address = str(place.hostname), place.port or 80
    silent = [socket.create_connection(address, timeout=10) for _ in range(1000 if way == "ingress" else 200)]
    try:
        assert all(who(ask(places(cluster)[way])) for _ in range(20))
    finally:
        for one in silent:
            one.close()


def test_a_client_that_reads_nothing_does_not_stop_the_others(cluster: Cluster) -> None:
    place = urlsplit(ingress(cluster))
    with socket.create_connection((str(place.hostname), place.port or 80), timeout=10) as deaf:
        deaf.settimeout(0.5)
        request = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n" * 1000
        try:
            for _ in range(100):
                deaf.sendall(request)
        except TimeoutError:
            pass
        assert all(who(ask(ingress(cluster))) for _ in range(20))


def test_half_a_request_then_the_end(cluster: Cluster) -> None:
    place = urlsplit(ingress(cluster))
    for half in (b"GET / HT", b"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100\r\n\r\nhalf"):
        with socket.create_connection((str(place.hostname), place.port or 80), timeout=10) as client:
            client.sendall(half)
        assert who(ask(ingress(cluster)))


def test_a_node_without_power_and_back(cluster: Cluster) -> None:
    pids = {
        name: {pid for one in cluster.pods("app=web") if one["spec"]["nodeName"] == name for pid in named(one)}
        for name in ("node-a", "node-b")
    }
    cluster.kill_node("node-b")
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids["node-b"])
    assert all(os.path.exists(f"/proc/{pid}") for pid in pids["node-a"])
    cluster.run_for(0.5)
    cluster.restart_node("node-b")
    cluster.run_until(nodes_ready(2), timeout="20s")
    cluster.run_until(lambda client: all(map(is_ready, cluster.pods("app=web"))), timeout="30s")
    cluster.run_for(1.5)
    assert len({who(ask(ingress(cluster))) for _ in range(20)}) == 4


def named(one: dict[str, dict[str, str]]) -> list[int]:
    return processes(f"POD_NAME={one['metadata']['name']}")


def test_containers_whose_supervisor_is_killed_start_again(cluster: Cluster) -> None:
    runtime = cluster.machine("node-a").runtime
    before = {one["metadata"]["name"] for one in cluster.pods("app=web") if one["spec"]["nodeName"] == "node-a"}
    restarts = {name: main_status(cluster, name)["restartCount"] for name in before}
    root = runtime.shim.root
    os.kill(runtime.shim.pid, signal.SIGKILL)
    cluster.run_until(
        lambda client: all(main_status(cluster, name)["restartCount"] > restarts[name] for name in before),
        timeout="20s",
    )
    cluster.run_until(lambda client: all(map(is_ready, cluster.pods("app=web"))), timeout="30s")
    assert runtime.shim.root == root  # with the volumes of the Pods


def test_nothing_is_left_of_a_cluster_that_was_stopped() -> None:
    threads = threading.active_count()
    with real_cluster() as made:
        made.apply(pod("app", "app:v1"))
        made.run_until(lambda client: main_status(made, "app").get("ready") is True, timeout="10s")
        folder = made.machine("node-a").runtime.shim.root
        assert folder.is_dir()
    assert not folder.exists()
    assert not processes(str(folder))
    assert threading.active_count() == threads
