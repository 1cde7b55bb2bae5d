"""The roles that every cluster has (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go).

*Note*: upstream has a role for each of its own controllers, too; here those that people bind are kept.  Upstream's Node
authorizer lets a kubelet at what belongs to its own Pods alone; here the role that it replaced, system:node, is bound.
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"
PATH = f"/apis/{GROUP}/v1"
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}

READ = ["get", "list", "watch"]
WRITE = ["create", "delete", "deletecollection", "patch", "update"]

VIEWED: dict[str, list[str]] = {
    "": [
        *("bindings", "configmaps", "endpoints", "events", "limitranges", "namespaces", "namespaces/status"),
        *("persistentvolumeclaims", "persistentvolumeclaims/status", "pods", "pods/log", "pods/status"),
        *("replicationcontrollers", "replicationcontrollers/scale", "replicationcontrollers/status"),
        *("resourcequotas", "resourcequotas/status", "serviceaccounts", "services", "services/status"),
    ],
    "apps": [
        *("controllerrevisions", "daemonsets", "daemonsets/status"),
        *("deployments", "deployments/scale", "deployments/status"),
        *("replicasets", "replicasets/scale", "replicasets/status"),
        *("statefulsets", "statefulsets/scale", "statefulsets/status"),
    ],
    "autoscaling": ["horizontalpodautoscalers", "horizontalpodautoscalers/status"],
    "batch": ["cronjobs", "cronjobs/status", "jobs", "jobs/status"],
    "discovery.k8s.io": ["endpointslices"],
    "networking.k8s.io": ["ingresses", "ingresses/status", "networkpolicies"],
    "policy": ["poddisruptionbudgets", "poddisruptionbudgets/status"],
}
EDITED: dict[str, list[str]] = {
    "": [
        *("configmaps", "endpoints", "events", "persistentvolumeclaims", "pods", "pods/attach", "pods/exec"),
        *("pods/portforward", "pods/proxy", "replicationcontrollers", "replicationcontrollers/scale", "secrets"),
        *("serviceaccounts", "services", "services/proxy"),
    ],
    "apps": [
        *("daemonsets", "deployments", "deployments/rollback", "deployments/scale"),
        *("replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"),
    ],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Obj:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _urls(*urls: str) -> Obj:
    return {"nonResourceURLs": list(urls), "verbs": ["get"]}


_VIEW = [_rule([group], resources, READ) for group, resources in VIEWED.items()]
_EDIT = [
    _rule([""], ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], READ),
    _rule([""], ["serviceaccounts"], ["impersonate"]),
    _rule([""], ["pods/eviction"], ["create"]),
    _rule([""], ["serviceaccounts/token"], ["create"]),
    *(_rule([group], resources, WRITE) for group, resources in EDITED.items()),
    _rule(["coordination.k8s.io"], ["leases"], [*WRITE, *READ]),
    *_VIEW,
]
_REVIEWS = _rule(["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"])

ROLES: dict[str, list[Obj]] = {
    "cluster-admin": [_rule(["*"], ["*"], ["*"]), {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "admin": [
        *_EDIT,
        _rule(["authorization.k8s.io"], ["localsubjectaccessreviews"], ["create"]),
        _rule([GROUP], ["rolebindings", "roles"], [*WRITE, *READ]),
    ],
    "edit": _EDIT,
    "view": _VIEW,
    "system:basic-user": [_REVIEWS, _rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"])],
    "system:node": [
        _rule([""], ["configmaps", "secrets", "services", "persistentvolumeclaims", "persistentvolumes"], READ),
        _rule([""], ["nodes"], ["create", "delete", "patch", "update", *READ]),
        _rule([""], ["nodes/status"], ["patch", "update"]),
        _rule([""], ["pods"], ["create", "delete", *READ]),
        _rule([""], ["pods/status"], ["patch", "update"]),
        _rule([""], ["pods/eviction", "serviceaccounts/token"], ["create"]),
        _rule(["", "events.k8s.io"], ["events"], ["create", "patch", "update"]),
        _rule(["coordination.k8s.io"], ["leases"], ["create", "delete", "get", "patch", "update"]),
        _rule(["storage.k8s.io"], ["csinodes"], ["create", "delete", "get", "patch", "update"]),
    ],
    "system:node-proxier": [
        _rule([""], ["services", "endpoints", "nodes"], READ),
        _rule(["discovery.k8s.io"], ["endpointslices"], READ),
        _rule(["", "events.k8s.io"], ["events"], ["create", "patch", "update"]),
    ],
    "system:discovery": [
        _urls(
            *("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*"),
            *("/readyz", "/version", "/version/"),
        )
    ],
    "system:public-info-viewer": [_urls("/healthz", "/livez", "/readyz", "/version", "/version/")],
    "system:auth-delegator": [
        _rule(["authentication.k8s.io"], ["tokenreviews"], ["create"]),
        _rule(["authorization.k8s.io"], ["subjectaccessreviews"], ["create"]),
    ],
    "system:service-account-issuer-discovery": [_urls("/.well-known/openid-configuration", "/openid/v1/jwks")],
}
BINDINGS: dict[str, tuple[str, ...]] = {
    "cluster-admin": ("system:masters",),
    "system:basic-user": ("system:authenticated",),
    "system:discovery": ("system:authenticated",),
    "system:node": ("system:nodes",),
    "system:node-proxier": ("system:node-proxier",),
    "system:public-info-viewer": ("system:authenticated", "system:unauthenticated"),
    "system:service-account-issuer-discovery": ("system:serviceaccounts",),
}


def default_objects() -> list[tuple[str, Obj]]:
    """(path of the collection, object) of each default role and binding."""
    roles = [(f"{PATH}/clusterroles", _object("ClusterRole", name, rules=rules)) for name, rules in ROLES.items()]
    bindings = [
        (
            f"{PATH}/clusterrolebindings",
            _object(
                "ClusterRoleBinding",
                name,
                roleRef={"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
                subjects=[{"apiGroup": GROUP, "kind": "Group", "name": group} for group in groups],
            ),
        )
        for name, groups in BINDINGS.items()
    ]
    return roles + bindings


def _object(kind: str, name: str, **more: Any) -> Obj:
    meta = {"name": name, "labels": LABELS, "annotations": ANNOTATIONS}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": meta, **more}
