"""Helm, its own code, installs, upgrades, rolls back and uninstalls a chart, and waits for what it made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helm_python import Chart, Config, HelmError
from kubernetes import client, config

from tests.up import Up


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart that `helm create` makes: a Deployment, a Service, a ServiceAccount."""
    folder = tmp_path_factory.mktemp("charts")
    Chart.create("web", folder)
    return folder / "web"


@pytest.fixture(scope="module")
def helm(cluster: Up) -> Iterator[Config]:
    with Config(kubeconfig_path=cluster.kubeconfig, namespace="default") as configured:
        yield configured


def values(replicas: int) -> dict[str, Any]:
    """The chart's Pods look every ten seconds whether they are ready: here every second."""
    return {"replicaCount": replicas, "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}}


def replicas(cluster: Up) -> int | None:
    apps = client.AppsV1Api(config.new_client_from_config(str(cluster.kubeconfig)))
    return apps.read_namespaced_deployment("site-web", "default").status.available_replicas  # type: ignore[union-attr]


def test_a_release_from_install_to_uninstall(cluster: Up, helm: Config, chart: Path):
    installed = helm.install(chart, "site", values(1), wait="watcher", timeout=40)
    assert installed["status"] == "deployed" and replicas(cluster) == 1
    upgraded = helm.upgrade(chart, "site", values(3), wait="watcher", timeout=40)
    assert upgraded["revision"] == 2 and replicas(cluster) == 3
    helm.rollback("site", version=1, wait="watcher", timeout=40)
    assert replicas(cluster) == 1
    assert [release["revision"] for release in helm.history("site")] == [1, 2, 3]
    helm.uninstall("site", wait="watcher", timeout=40)
    with pytest.raises(HelmError):
        helm.status("site")
    core = client.CoreV1Api(config.new_client_from_config(str(cluster.kubeconfig)))
    assert core.list_namespaced_service("default", field_selector="metadata.name=site-web").items == []
