"""Which kind has which rules (kubernetes: pkg/registry/*/*/strategy.go)."""

from __future__ import annotations

from controlplane.apiserver.strategies.base import Strategy
from controlplane.apiserver.strategies.pods import PodStrategy
from controlplane.apiserver.strategies.services import ServiceStrategy
from controlplane.apiserver.validation import pods, sets, text, workloads

SPEC = ("spec",)

STRATEGIES: dict[tuple[str, str], Strategy] = {
    ("", "Pod"): PodStrategy("Pod", status={}, generation=SPEC, validate=pods.pod_create, update=pods.pod_update,
                             status_update=pods.pod_status_update),
    ("", "Service"): ServiceStrategy("Service", status={"loadBalancer": {}}, create_on_update=True,
                                     selectable=("spec.clusterIP", "spec.type")),
    ("", "ConfigMap"): Strategy("ConfigMap"),
    ("", "Secret"): Strategy("Secret", selectable=("type",)),
    ("", "Namespace"): Strategy("Namespace", namespaced=False, name=text.name_is_label, status={"phase": "Active"},
                                selectable=("status.phase",)),
    ("", "Node"): Strategy("Node", namespaced=False, status={}, selectable=("spec.unschedulable",)),
    ("", "ReplicationController"): Strategy(
        "ReplicationController", status={"replicas": 0}, generation=SPEC, validate=workloads.replication_controller,
        update=workloads.replication_controller_update, status_update=workloads.replica_status_update,
        selectable=("status.replicas",)),
    ("apps", "Deployment"): Strategy(
        "Deployment", status={}, generation=("spec", "annotations"), validate=workloads.deployment,
        update=workloads.deployment_update, status_update=workloads.deployment_status_update),
    ("apps", "ReplicaSet"): Strategy(
        "ReplicaSet", status={"replicas": 0}, generation=SPEC, validate=workloads.replica_set,
        update=workloads.replica_set_update, status_update=workloads.replica_status_update,
        selectable=("status.replicas",)),
    ("apps", "StatefulSet"): Strategy(
        "StatefulSet", status={"replicas": 0, "availableReplicas": 0}, generation=SPEC, name=sets.stateful_set_name,
        validate=sets.stateful_set, update=sets.stateful_set_update, status_update=sets.stateful_set_status_update),
    ("apps", "DaemonSet"): Strategy(
        "DaemonSet", status=dict.fromkeys(("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled",
                                           "numberReady"), 0),
        generation=SPEC, validate=sets.daemon_set, update=sets.daemon_set_update,
        status_update=sets.daemon_set_status_update),
    ("apps", "ControllerRevision"): Strategy(
        "ControllerRevision", validate=sets.controller_revision, update=sets.controller_revision_update, whole=True),
}


def custom(kind: str, namespaced: bool, status: bool) -> Strategy:
    """The rules of a custom resource, but for what its schema says."""
    return Strategy(kind, namespaced=namespaced)
