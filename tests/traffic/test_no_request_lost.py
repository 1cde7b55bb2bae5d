"""The whole cluster under load: a roll-out loses no request, and a dead node costs none once the endpoints know."""

from typing import Any

import pytest

from controlplane.cluster import Cluster
from controlplane.traffic.load import Load

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: app:v1
        readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: shop.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


def cluster_with_load(seed: int, rate: float) -> tuple[Cluster, list[Load]]:
    """Four Pods, and clients that come in through the Ingress, the load balancer and the cluster IP."""
    cluster = Cluster(2, seed=seed)
    cluster.apply(MANIFEST)
    cluster.run_for("20s")
    service = cluster.client.get("services", "web", "default")
    balancer = service["status"]["loadBalancer"]["ingress"][0]["ip"]
    places = [
        ("http://shop.example/", "internet"),
        (f"http://{balancer}/", "internet"),
        (f"http://{service['spec']['clusterIP']}/", "node-a"),
    ]
    loads = [Load(cluster.loop, cluster.network, url, rate, source=source) for url, source in places]
    for load in loads:
        load.start()
    return cluster, loads


def set_container(cluster: Cluster, **container: Any) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "web", **container}]}}}}
    cluster.client.patch("deployments.apps", "web", patch, "default", type="strategic")


@pytest.mark.parametrize("seed", range(4))
def test_a_rolling_update_loses_no_request(seed: int) -> None:
    cluster, loads = cluster_with_load(seed, rate=40)
    cluster.run_for("3s")
    set_container(cluster, image="app:v2")
    cluster.run_for("40s")
    for load in loads:
        load.stop()
    cluster.run_for("10s")
    for load in loads:
        assert load.tally.errors == {} and load.tally.pending == 0
        assert load.tally.by_version["v1"] > 0 < load.tally.by_version["v2"]
        assert load.tally.timeline[-1].versions.keys() == {"v2"}


def test_an_app_that_drops_everything_on_sigterm_loses_some_and_a_prestop_hook_saves_them() -> None:
    failed = []
    for hook in ({}, {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}):
        cluster, loads = cluster_with_load(0, rate=80)
        set_container(cluster, image="app:rude", **hook)
        cluster.run_for("40s")
        for load in loads:
            load.tally.errors.clear()
        cluster.client.patch(
            "deployments.apps", "web", {"spec": {"template": {"metadata": {"labels": {"round": "2"}}}}}, "default"
        )
        cluster.run_for("40s")
        failed.append(sum(load.tally.failed for load in loads[1:]))  # the Ingress tries the next Pod
    assert failed[0] > 0 and failed[1] == 0


def test_a_dead_node_costs_no_request_once_the_endpoints_know() -> None:
    cluster, loads = cluster_with_load(1, rate=10)
    cluster.run_for("5s")
    cluster.kill_node("node-b")
    cluster.run_for("60s")
    ingress, *others = loads
    assert ingress.tally.failed == 0, "the Ingress controller tries the next Pod"
    for load in others:
        assert load.tally.errors.keys() == {"i/o timeout"}
        assert max(at for at, _ in load.tally.failures) < 5 + 55 + 1 + 5  # not ready, endpoints, rules, patience
    before = [load.tally.failed for load in loads]
    cluster.run_for("320s")
    assert [load.tally.failed for load in loads] == before
    cluster.restart_node("node-b")
    cluster.run_for("30s")
    assert [load.tally.failed for load in loads] == before


def test_a_partition_from_the_control_plane_does_not_stop_the_traffic() -> None:
    cluster, loads = cluster_with_load(2, rate=10)
    cluster.partition("node-b")
    cluster.run_for("100s")
    cluster.heal("node-b")
    cluster.run_for("60s")
    assert [load.tally.failed for load in loads] == [0, 0, 0]
