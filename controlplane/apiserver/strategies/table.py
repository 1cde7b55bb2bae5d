"""Which kind has which rules (kubernetes: pkg/registry/*/*/strategy.go)."""

from __future__ import annotations

from controlplane.apiserver.strategies import warnings
from controlplane.apiserver.strategies.base import Strategy
from controlplane.apiserver.strategies.definitions import DefinitionStrategy
from controlplane.apiserver.strategies.jobs import JobStrategy
from controlplane.apiserver.strategies.pods import PodStrategy
from controlplane.apiserver.strategies.services import ServiceStrategy
from controlplane.apiserver.strategies.simple import (
    DaemonSetStrategy,
    NamespaceStrategy,
    NodeStrategy,
)
from controlplane.apiserver.validation import (
    autoscaling,
    batch,
    configuration,
    cron_jobs,
    definitions,
    endpoints,
    events,
    job_status,
    networking,
    nodes,
    others,
    persistent_volumes,
    pods,
    quota,
    rbac,
    services,
    sets,
    storage,
    text,
    workloads,
)

SPEC = ("spec",)
RBAC, NETWORKING = "rbac.authorization.k8s.io", "networking.k8s.io"
_HPA_STATUS = {"desiredReplicas": 0, "currentMetrics": None}
_PDB_STATUS = dict.fromkeys(("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"), 0)
_DS_STATUS = dict.fromkeys(("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"), 0)
CORE = {
    "Pod": PodStrategy(
        "Pod",
        warn=warnings.of_pod,
        status={},
        generation=SPEC,
        validate=pods.pod_create,
        status_update=pods.pod_status_update,
    ),
    "PodTemplate": Strategy(
        "PodTemplate", generation=("template",), validate=pods.pod_template, update=pods.pod_template_update
    ),
    "ReplicationController": Strategy(
        "ReplicationController",
        warn=warnings.of_workload,
        status={"replicas": 0},
        generation=SPEC,
        validate=workloads.replication_controller,
        update=workloads.replication_controller_update,
        status_update=workloads.replica_status_update,
    ),
    "Service": ServiceStrategy(
        "Service",
        name=text.name_is_label,
        status={"loadBalancer": {}},
        create_on_update=True,
        whole=True,
        validate=services.service,
        update=services.service_update,
        status_update=services.service_status_update,
    ),
    "Endpoints": Strategy("Endpoints", create_on_update=True, whole=True, validate=endpoints.endpoints),
    "ConfigMap": Strategy(
        "ConfigMap", whole=True, validate=configuration.config_map, update=configuration.config_map_update
    ),
    "Secret": Strategy("Secret", whole=True, validate=configuration.secret, update=configuration.secret_update),
    "ServiceAccount": Strategy("ServiceAccount", whole=True),
    "Namespace": NamespaceStrategy(
        "Namespace",
        namespaced=False,
        name=text.name_is_label,
        status={"phase": "Active"},
        validate=nodes.namespace,
        status_update=nodes.namespace_status_update,
    ),
    "Node": NodeStrategy(
        "Node",
        namespaced=False,
        validate=nodes.node,
        update=nodes.node_update,
        status_update=nodes.node_update,
    ),
    "PersistentVolume": Strategy(
        "PersistentVolume",
        namespaced=False,
        status={"phase": "Pending"},
        whole=True,
        validate=persistent_volumes.persistent_volume,
        update=persistent_volumes.persistent_volume_update,
    ),
    "PersistentVolumeClaim": Strategy(
        "PersistentVolumeClaim",
        status={"phase": "Pending"},
        whole=True,
        validate=storage.claim,
        update=persistent_volumes.claim_update,
        status_update=storage.claim_status_update,
    ),
    "LimitRange": Strategy("LimitRange", create_on_update=True, whole=True, validate=quota.limit_range),
    "ResourceQuota": Strategy(
        "ResourceQuota",
        status={},
        validate=quota.resource_quota,
        update=quota.resource_quota_update,
        status_update=quota.resource_quota_status_update,
    ),
    "Event": Strategy(
        "Event",
        name=text.name_is_path_segment,
        create_on_update=True,
        validate=events.event,
        update=events.event_update,
    ),
}

APPS = {
    "Deployment": Strategy(
        "Deployment",
        warn=warnings.of_workload,
        status={},
        generation=("spec", "annotations"),
        validate=workloads.deployment,
        update=workloads.deployment_update,
        status_update=workloads.deployment_status_update,
    ),
    "ReplicaSet": Strategy(
        "ReplicaSet",
        warn=warnings.of_workload,
        status={"replicas": 0},
        generation=SPEC,
        validate=workloads.replica_set,
        update=workloads.replica_set_update,
        status_update=workloads.replica_status_update,
    ),
    "StatefulSet": Strategy(
        "StatefulSet",
        warn=warnings.of_template,
        name=sets.stateful_set_name,
        status={"replicas": 0, "availableReplicas": 0},
        generation=SPEC,
        validate=sets.stateful_set,
        update=sets.stateful_set_update,
        status_update=sets.stateful_set_status_update,
    ),
    "DaemonSet": DaemonSetStrategy(
        "DaemonSet",
        warn=warnings.of_template,
        status=_DS_STATUS,
        generation=SPEC,
        validate=sets.daemon_set,
        update=sets.daemon_set_update,
        status_update=sets.daemon_set_status_update,
    ),
    "ControllerRevision": Strategy(
        "ControllerRevision", whole=True, validate=sets.controller_revision, update=sets.controller_revision_update
    ),
}

OTHERS = {
    ("batch", "Job"): JobStrategy(
        "Job",
        warn=warnings.of_workload,
        status={},
        generation=SPEC,
        validate=batch.job,
        update=batch.job_update,
        status_update=job_status.job_status_update,
    ),
    ("batch", "CronJob"): Strategy(
        "CronJob",
        warn=warnings.of_cron_job,
        status={},
        generation=SPEC,
        validate=cron_jobs.cron_job,
        update=cron_jobs.cron_job_update,
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): Strategy(
        "HorizontalPodAutoscaler",
        status=_HPA_STATUS,
        validate=autoscaling.autoscaler,
        update=autoscaling.autoscaler_update,
        status_update=autoscaling.autoscaler_status_update,
    ),
    ("policy", "PodDisruptionBudget"): Strategy(
        "PodDisruptionBudget",
        name=text.name_is_path_segment,
        status=_PDB_STATUS,
        generation=SPEC,
        unconditional=False,
        validate=others.disruption_budget,
        update=others.disruption_budget_update,
        status_update=others.disruption_budget_status_update,
    ),
    (NETWORKING, "Ingress"): Strategy(
        "Ingress",
        warn=warnings.of_ingress,
        status={"loadBalancer": {}},
        generation=SPEC,
        validate=networking.ingress,
        update=networking.ingress_update,
        status_update=networking.ingress_status_update,
    ),
    (NETWORKING, "IngressClass"): Strategy(
        "IngressClass",
        namespaced=False,
        generation=SPEC,
        whole=True,
        validate=networking.ingress_class,
        update=networking.ingress_class_update,
    ),
    (NETWORKING, "NetworkPolicy"): Strategy(
        "NetworkPolicy", generation=SPEC, validate=networking.network_policy, update=networking.network_policy_update
    ),
    ("discovery.k8s.io", "EndpointSlice"): Strategy(
        "EndpointSlice",
        generation=("endpoints", "ports", "addressType"),
        whole=True,
        validate=endpoints.endpoint_slice,
        update=endpoints.endpoint_slice_update,
    ),
    ("events.k8s.io", "Event"): Strategy(
        "Event",
        create_on_update=True,
        validate=events.new_event,
        update=events.new_event_update,
    ),
    ("coordination.k8s.io", "Lease"): Strategy(
        "Lease", create_on_update=True, unconditional=False, validate=others.lease, update=others.lease_update
    ),
    ("scheduling.k8s.io", "PriorityClass"): Strategy(
        "PriorityClass",
        namespaced=False,
        generation=("value",),
        validate=others.priority_class,
        update=others.priority_class_update,
    ),
    ("storage.k8s.io", "StorageClass"): Strategy(
        "StorageClass", namespaced=False, validate=storage.storage_class, update=storage.storage_class_update
    ),
    (RBAC, "Role"): Strategy(
        "Role", name=text.name_is_path_segment, create_on_update=True, whole=True, validate=rbac.role
    ),
    (RBAC, "ClusterRole"): Strategy(
        "ClusterRole",
        namespaced=False,
        name=text.name_is_path_segment,
        create_on_update=True,
        whole=True,
        validate=rbac.cluster_role,
    ),
    (RBAC, "RoleBinding"): Strategy(
        "RoleBinding",
        name=text.name_is_path_segment,
        create_on_update=True,
        whole=True,
        validate=rbac.role_binding,
        update=rbac.role_ref_update,
    ),
    (RBAC, "ClusterRoleBinding"): Strategy(
        "ClusterRoleBinding",
        namespaced=False,
        name=text.name_is_path_segment,
        create_on_update=True,
        whole=True,
        validate=rbac.cluster_role_binding,
        update=rbac.role_ref_update,
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): DefinitionStrategy(
        "CustomResourceDefinition",
        namespaced=False,
        generation=SPEC,
        custom=True,
        unconditional=False,
        validate=definitions.definition,
        update=definitions.definition_update,
        status_update=definitions.definition_status_update,
    ),
}

STRATEGIES: dict[tuple[str, str], Strategy] = {
    **{("", kind): strategy for kind, strategy in CORE.items()},
    **{("apps", kind): strategy for kind, strategy in APPS.items()},
    **OTHERS,
}
