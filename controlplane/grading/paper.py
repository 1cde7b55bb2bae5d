"""Nodes and Pods on paper, for what a scheduler decides: as in the API, without any API server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controlplane.client.base import Obj
from controlplane.scheduler.custom import NodeView
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo


def pod(
    name: str,
    cpu: str = "1",
    memory: str = "256Mi",
    *,
    labels: Mapping[str, str] | None = None,
    namespace: str = "default",
    leaving: bool = False,
    containers: int = 1,
    **spec: Any,
) -> Obj:
    """A Pod of equal containers, each with these requests; `spec` is what else stands there (nodeSelector, ...)."""
    requests = {"cpu": cpu, "memory": memory}
    alike = [{"name": f"c{n}", "image": "app:v1", "resources": {"requests": requests}} for n in range(containers)]
    meta: Obj = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
    if leaving:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": alike, **spec}}


def node(
    name: str,
    running: Iterable[Obj] = (),
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: int = 10,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> NodeView:
    """A Node with Pods that run on it; `spec` is what else stands there (taints, unschedulable)."""
    info = NodeInfo(
        name,
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
            "spec": spec,
            "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": str(pods)}},
        },
    )
    for one in running:
        info.add_pod(PodInfo({**one, "spec": {**one["spec"], "nodeName": name}}))
    return NodeView(info)
