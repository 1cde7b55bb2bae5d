"""When a workload counts as rolled out: what `kubectl rollout status` waits for."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.cluster import Cluster
from controlplane.conditions import available

META = {"name": "web", "generation": 2}
DONE = {"observedGeneration": 2, "replicas": 4, "availableReplicas": 4}


def told(monkeypatch: pytest.MonkeyPatch, kind: str, status: dict[str, Any]) -> str:
    """What `available` says of a workload with this status."""
    cluster = Cluster(nodes=0, controllers=None)
    obj = {"kind": kind, "metadata": META, "spec": {"replicas": 4}, "status": status}
    monkeypatch.setattr(cluster.client, "get", lambda *_: obj)
    return available(f"{kind.lower()}/web")(cluster.client)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_no_pod_is_up_to_date_as_long_as_none_is_counted(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    assert told(monkeypatch, kind, DONE).endswith("0 of 4 Pods are up to date")
    assert told(monkeypatch, kind, {**DONE, "updatedReplicas": 4}) == ""


def test_pods_of_a_replica_set_are_all_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, "ReplicaSet", DONE) == ""
