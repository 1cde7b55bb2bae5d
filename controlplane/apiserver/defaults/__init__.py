"""What Kubernetes adds to an object that leaves things out.

`apply` does what upstream's defaulting functions do after decoding, and what its conversions between the API and the
server's own structs do to fields that go together.  The fields that Go writes even when nobody set them (`status: {}`)
are the decoder's business (schema.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.apiserver.defaults import apps, core, others, pod

Obj = dict[str, Any]

_FUNCTIONS: dict[tuple[str, str], Callable[[Obj], None]] = {
    ("v1", "Pod"): pod.pod,
    ("v1", "PodTemplate"): pod.pod_template,
    ("v1", "ReplicationController"): apps.replication_controller,
    ("v1", "Service"): core.service,
    ("v1", "Endpoints"): core.endpoints,
    ("v1", "Secret"): core.secret,
    ("v1", "Namespace"): core.namespace,
    ("v1", "Node"): core.node,
    ("v1", "PersistentVolume"): core.persistent_volume,
    ("v1", "PersistentVolumeClaim"): core.persistent_volume_claim,
    ("v1", "LimitRange"): core.limit_range,
    ("v1", "ResourceQuota"): core.resource_quota,
    ("apps/v1", "Deployment"): apps.deployment,
    ("apps/v1", "ReplicaSet"): apps.replica_set,
    ("apps/v1", "StatefulSet"): apps.stateful_set,
    ("apps/v1", "DaemonSet"): apps.daemon_set,
    ("batch/v1", "Job"): apps.job,
    ("batch/v1", "CronJob"): apps.cron_job,
    ("autoscaling/v1", "HorizontalPodAutoscaler"): apps.autoscaler_v1,
    ("autoscaling/v2", "HorizontalPodAutoscaler"): apps.autoscaler_v2,
    ("networking.k8s.io/v1", "NetworkPolicy"): others.network_policy,
    ("networking.k8s.io/v1", "IngressClass"): others.ingress_class,
    ("discovery.k8s.io/v1", "EndpointSlice"): others.endpoint_slice,
    ("storage.k8s.io/v1", "StorageClass"): others.storage_class,
    ("storage.k8s.io/v1", "CSIDriver"): others.csi_driver,
    ("scheduling.k8s.io/v1", "PriorityClass"): others.priority_class,
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): others.role_binding,
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): others.role_binding,
    ("certificates.k8s.io/v1", "CertificateSigningRequest"): others.certificate_request,
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): others.custom_resource_definition,
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"): others.validating_webhooks,
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"): others.mutating_webhooks,
}


def apply(api_version: str, kind: str, obj: Obj) -> None:
    """Fill in, in place, what upstream's defaulting would.  Kinds without defaults are left alone."""
    function = _FUNCTIONS.get((api_version, kind))
    if function is not None:
        function(obj)
