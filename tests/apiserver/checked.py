"""What the server makes of an object before it stores it, and what it says is wrong."""

from __future__ import annotations

import copy
import random
from typing import Any

from controlplane.apiserver import defaults
from controlplane.apiserver.schema import type_of
from controlplane.apiserver.strategies import Context
from controlplane.apiserver.strategies.table import STRATEGIES

Obj = dict[str, Any]


def decoded(obj: Obj) -> Obj:
    """Decoded, with its defaults."""
    of = type_of(obj["apiVersion"], obj["kind"])
    assert of is not None
    new = of.decode(copy.deepcopy(obj), "Strict", None)[0]
    defaults.apply(obj["apiVersion"], obj["kind"], new)
    return new


def _strategy(obj: Obj) -> Any:
    return STRATEGIES[obj["apiVersion"].rpartition("/")[0], obj["kind"]]


def context() -> Context:
    return Context(0.0, random.Random(1))


def created(obj: Obj, ctx: Context | None = None) -> tuple[Obj, list[str]]:
    """The object as it would be stored, and what is wrong with it."""
    new, ctx = decoded(obj), ctx or context()
    strategy = _strategy(obj)
    new["metadata"].setdefault("uid", "u1")
    if strategy.namespaced:
        new["metadata"].setdefault("namespace", "default")
    strategy.prepare_for_create(new, ctx)
    return new, [str(e) for e in strategy.validate_create(new, ctx)]


def updated(old: Obj, change: Any, *, status: bool = False, ctx: Context | None = None) -> tuple[Obj, list[str]]:
    """The object as `change` returns it, and what is wrong with that, each error once."""
    old["metadata"].setdefault("resourceVersion", "1")
    new, strategy, ctx = decoded(change(copy.deepcopy(old))), _strategy(old), ctx or context()
    prepare = strategy.prepare_for_status_update if status else strategy.prepare_for_update
    check = strategy.validate_status_update if status else strategy.validate_update
    prepare(new, old, ctx)
    return new, list(dict.fromkeys(str(e) for e in check(new, old, ctx)))


def pod(spec: Obj | None = None, **container: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a", "image": "i:1", **container}], **(spec or {})},
    }


def workload(kind: str, spec: Obj | None = None, pod_spec: Obj | None = None) -> Obj:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "a", "image": "i:1"}], **(pod_spec or {})},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **(spec or {})},
    }


def of_kind(api_version: str, kind: str, **fields: Any) -> Obj:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


_LONG = {
    "subdomain": "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
    "label": "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'",
    "DNS label": "a DNS-1035 label must consist of lower case alphanumeric characters or '-'",
    "key": "name part must consist of alphanumeric characters, '-', '_' or '.'",
    "value": "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'",
    "data key": "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
}


def shortened(error: str) -> str:
    """Without what the longest messages say about the form of names."""
    for name, text in _LONG.items():
        before, found, _ = error.partition(text)
        if found:
            return f"{before}<{name}>"
    return error


_CONTAINERS = [{"name": "a", "image": "i:1"}]
_ONCE = {"spec": {"containers": _CONTAINERS, "restartPolicy": "Never"}}
_NAMES = {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"}
_SCHEMA = {"openAPIV3Schema": {"type": "object"}}
# One object of each kind that nothing is wrong with.
GOOD: dict[str, Obj] = {
    "Pod": pod(),
    **{k: workload(k) for k in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")},
    "Job": of_kind("batch/v1", "Job", spec={"template": _ONCE}),
    "CronJob": of_kind(
        "batch/v1", "CronJob", spec={"schedule": "* * * * *", "jobTemplate": {"spec": {"template": _ONCE}}}
    ),
    "HorizontalPodAutoscaler": of_kind(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        spec={"scaleTargetRef": {"kind": "Deployment", "name": "x"}, "maxReplicas": 1},
    ),
    "Service": of_kind("v1", "Service", spec={"ports": [{"port": 80}]}),
    "LimitRange": of_kind("v1", "LimitRange", spec={"limits": []}),
    "ResourceQuota": of_kind("v1", "ResourceQuota", spec={}),
    "Node": of_kind("v1", "Node", spec={}),
    "NetworkPolicy": of_kind("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}),
    "Ingress": of_kind("networking.k8s.io/v1", "Ingress", spec={"rules": [{"host": "a.b"}]}),
    "IngressClass": of_kind("networking.k8s.io/v1", "IngressClass", spec={"controller": "a.b/c"}),
    "PodDisruptionBudget": of_kind("policy/v1", "PodDisruptionBudget", spec={}),
    "PersistentVolume": of_kind(
        "v1",
        "PersistentVolume",
        spec={"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}},
    ),
    "PersistentVolumeClaim": of_kind(
        "v1",
        "PersistentVolumeClaim",
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    ),
    "StorageClass": of_kind("storage.k8s.io/v1", "StorageClass", provisioner="a.b/c"),
    "PriorityClass": of_kind("scheduling.k8s.io/v1", "PriorityClass", value=1),
    "Lease": of_kind("coordination.k8s.io/v1", "Lease", spec={}),
    "EndpointSlice": of_kind("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[]),
    "ControllerRevision": of_kind("apps/v1", "ControllerRevision", data={}, revision=1),
    **{
        k: of_kind("v1", k)
        for k in ("ConfigMap", "Secret", "Namespace", "ServiceAccount", "Event", "ReplicationController")
    },
    **{k: of_kind("rbac.authorization.k8s.io/v1", k) for k in ("Role", "ClusterRole")},
    **{
        k: of_kind(
            "rbac.authorization.k8s.io/v1",
            k,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        )
        for k in ("RoleBinding", "ClusterRoleBinding")
    },
    "CustomResourceDefinition": {
        **of_kind(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            spec={
                "group": "example.com",
                "names": _NAMES,
                "scope": "Namespaced",
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": _SCHEMA}],
            },
        ),
        "metadata": {"name": "foos.example.com"},
    },
}
GOOD["Event"]["involvedObject"] = {}
GOOD["ReplicationController"]["spec"] = {
    "selector": {"a": "b"},
    "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": _CONTAINERS}},
}


def changed(obj: Any, patch: Any) -> Any:
    """The object after a JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    new = dict(obj) if isinstance(obj, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = changed(new.get(key), value)
    return new
