"""Requests to real Pods, through a Service and through the Ingress, over real sockets."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509

import controlplane
from controlplane.cluster import Cluster
from controlplane.conditions import available, nodes_ready
from controlplane.node.process_addresses import Addresses
from controlplane.real.certificates import FAKE, self_signed
from tests.real.cluster import real_cluster

HOST = "shop.example"
APP = Path(str(controlplane.__path__[0])) / "data" / "app.json"


def app() -> dict[str, Any]:
    """The App of the course, which drains for two seconds only, with a NodePort."""
    manifest: dict[str, Any] = json.loads(APP.read_text())
    container = manifest["items"][0]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "DRAIN", "value": "2"}]
    container["readinessProbe"]["periodSeconds"] = 1
    manifest["items"][1]["spec"]["type"] = "NodePort"
    return manifest


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with real_cluster(2) as made:
        made.apply(app())
        made.run_until(available("deployment/web"), timeout="20s")
        made.run_for(1.5)  # every kube-proxy has written its rules
        yield made


def ask(url: str, host: str = HOST, data: bytes | None = None) -> str:
    request = urllib.request.Request(url, data, {"Host": host})
    with urllib.request.urlopen(request, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def who(text: str) -> str:
    return text.split("Pod ")[1].split(",")[0]


def ingress(cluster: Cluster) -> str:
    assert cluster.real is not None
    return cluster.real.url


def places(cluster: Cluster) -> dict[str, str]:
    service = cluster.client.get("services", "web")
    node_port = service["spec"]["ports"][0]["nodePort"]
    assert cluster.real is not None
    ip, port = cluster.real.network.place(service["spec"]["clusterIP"], 80)
    return {
        "ingress": ingress(cluster),
        "cluster IP": f"http://{ip}:{port}/",
        "node port": f"http://{cluster.machine('node-b').address}:{node_port}/",
    }


@pytest.mark.parametrize("way", ["ingress", "cluster IP", "node port"])
def test_all_four_pods_answer(cluster: Cluster, way: str) -> None:
    seen = Counter(who(ask(places(cluster)[way])) for _ in range(80))
    assert seen.keys() == {pod["metadata"]["name"] for pod in cluster.pods("app=web")}


def test_the_ingress_takes_turns(cluster: Cluster) -> None:
    seen = Counter(who(ask(ingress(cluster))) for _ in range(40))
    assert set(seen.values()) == {10}


def status(url: str, host: str, method: str = "GET", body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection(str(urlsplit(url).netloc), timeout=5)
    try:
        connection.request(method, "/", body, {"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_no_rule_matches_is_not_found(cluster: Cluster) -> None:
    assert status(ingress(cluster), "other.example") == 404
    assert status(ingress(cluster), "other.example", "POST", b"x" * 1000) == 404


def test_a_service_without_pods_is_unavailable(cluster: Cluster) -> None:
    backend = {"service": {"name": "nobody", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rule = {"host": "nobody.example", "http": {"paths": [path]}}
    cluster.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "nobody"},
            "spec": {"rules": [rule]},
        }
    )
    cluster.run_for(0.2)
    assert status(ingress(cluster), "nobody.example") == 503


def test_a_certificate_from_a_secret(cluster: Cluster) -> None:
    assert cluster.real is not None
    place = urlsplit(cluster.real.tls_url)

    def shown(host: str) -> str:
        context = ssl._create_unverified_context()
        plain = socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=5)
        with plain, context.wrap_socket(plain, server_hostname=host) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
            certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
            return str(certificate.subject.rfc4514_string())

    assert shown(HOST) == f"CN={FAKE}"
    pair = [base64.b64encode(part).decode() for part in self_signed(HOST)]
    data = {"tls.crt": pair[0], "tls.key": pair[1]}
    meta = {"name": "shop-tls"}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/tls", "data": data})
    cluster.client.patch("ingresses", "web", {"spec": {"tls": [{"hosts": [HOST], "secretName": "shop-tls"}]}})
    cluster.run_for(0.3)
    assert shown(HOST) == f"CN={HOST}"
    assert shown("other.example") == f"CN={FAKE}"


def test_ports_that_only_root_may_have_are_moved(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.real is not None
    network = cluster.real.network
    monkeypatch.setattr(network.addresses, "lowest_port", 1024)
    assert [network.place("127.65.1.1", port) for port in (80, 8080)] == [("127.65.1.1", 10080), ("127.65.1.1", 8080)]


@pytest.mark.parametrize("size", [0, 1, 100_000, 20_000_000])
def test_bodies_of_any_size_pass(cluster: Cluster, size: int) -> None:
    assert ask(ingress(cluster), data=b"x" * size).startswith("App v")


def test_one_connection_serves_many_requests(cluster: Cluster) -> None:
    connection = http.client.HTTPConnection(str(urlsplit(ingress(cluster)).netloc), timeout=5)
    seen = set()
    for method in ("GET", "HEAD", "POST", "GET") * 3:
        connection.request(method, "/", b"body" if method == "POST" else None, {"Host": HOST})
        answer = connection.getresponse()
        seen.add(answer.status)
        answer.read()
    connection.close()
    assert seen == {200}


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"NONSENSE\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000, b"HTTP/1.1 431 "),
    ],
)
def test_malformed_requests_are_refused(cluster: Cluster, head: bytes, answer: bytes) -> None:
    place = urlsplit(ingress(cluster))
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=5) as client:
        client.sendall(head)
        assert client.recv(100).startswith(answer)


class Load:
    """Clients that ask all the time, each from a thread of its own; every answer is counted."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.seen: Counter[str] = Counter()
        self.lost: list[str] = []
        self._url = url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number % 2 == 0,)) for number in range(clients)]

    def _run(self, keep: bool) -> None:
        connection = http.client.HTTPConnection(str(urlsplit(self._url).netloc), timeout=10)
        while not self._over.is_set():
            try:
                connection.request("GET", "/", headers={"Host": HOST})
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status == 200:
                    self.seen[text.split(",")[0]] += 1
                else:
                    self.lost.append(f"{answer.status} {text}")
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
            if not keep:
                connection.close()
            time.sleep(0.002)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize(("way", "image"), [("ingress", "app:v2"), ("cluster IP", "app:v3")])
def test_a_rolling_update_under_load_loses_no_request(cluster: Cluster, way: str, image: str) -> None:
    with Load(places(cluster)[way]) as load:
        cluster.run_for(0.5)
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
        cluster.client.patch("deployments", "web", patch, type="strategic")
        cluster.run_until(available("deployment/web"), timeout="30s")
        cluster.run_until(lambda client: len(cluster.pods("app=web")) == 4, timeout="30s")
        cluster.run_for(1)
    assert load.lost == []
    assert sum(load.seen.values()) > 500
    assert load.seen[f"App {image[4:]}"] > 0


def test_a_pod_that_is_not_ready_gets_no_requests(cluster: Cluster) -> None:
    pod = cluster.pods("app=web")[0]
    url = f"http://{pod['status']['podIP']}:8080"
    ask(f"{url}/-/ready/false", data=b"")
    cluster.run_for(4.5)  # three failures of a probe that looks each second, and what follows from them
    for way in places(cluster).values():
        assert pod["metadata"]["name"] not in {who(ask(way)) for _ in range(40)}
    ask(f"{url}/-/ready/true", data=b"")
    cluster.run_for(2.5)
    assert pod["metadata"]["name"] in {who(ask(ingress(cluster))) for _ in range(8)}


def test_where_there_is_one_loopback_address_ports_stand_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.real.world.Addresses", lambda: Addresses(shared=True))
    with real_cluster(2) as made:
        made.run_until(nodes_ready(2), timeout="20s")
        made.apply(app())
        made.run_until(available("deployment/web"), timeout="20s")
        made.run_for(1.5)
        for way in ("ingress", "cluster IP"):
            assert len({who(ask(places(made)[way])) for _ in range(80)}) == 4
