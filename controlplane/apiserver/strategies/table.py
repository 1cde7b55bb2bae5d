"""Which kind has which rules (kubernetes: pkg/registry/*/*/strategy.go)."""

from __future__ import annotations

from controlplane.apiserver.strategies.base import Strategy
from controlplane.apiserver.strategies.pods import PodStrategy
from controlplane.apiserver.strategies.services import ServiceStrategy
from controlplane.apiserver.validation import text

SPEC = ("spec",)

STRATEGIES: dict[tuple[str, str], Strategy] = {
    ("", "Pod"): PodStrategy("Pod", status={}, generation=SPEC),
    ("", "Service"): ServiceStrategy("Service", status={"loadBalancer": {}}, create_on_update=True,
                                     selectable=("spec.clusterIP", "spec.type")),
    ("", "ConfigMap"): Strategy("ConfigMap"),
    ("", "Secret"): Strategy("Secret", selectable=("type",)),
    ("", "Namespace"): Strategy("Namespace", namespaced=False, name=text.name_is_label, status={"phase": "Active"},
                                selectable=("status.phase",)),
    ("", "Node"): Strategy("Node", namespaced=False, status={}, selectable=("spec.unschedulable",)),
    ("apps", "Deployment"): Strategy("Deployment", status={}, generation=("spec", "annotations")),
    ("apps", "ReplicaSet"): Strategy("ReplicaSet", status={"replicas": 0}, generation=SPEC,
                                     selectable=("status.replicas",)),
}


def custom(kind: str, namespaced: bool, status: bool) -> Strategy:
    """The rules of a custom resource, but for what its schema says."""
    return Strategy(kind, namespaced=namespaced)
