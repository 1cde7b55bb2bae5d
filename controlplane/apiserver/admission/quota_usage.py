"""How much of a ResourceQuota an object takes (pkg/quota/v1/evaluator/core)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.admission.pod_usage import pod_total
from controlplane.apiserver.resources import ResourceInfo
from controlplane.quantity import Quantity

Obj = dict[str, Any]
Usage = dict[str, Quantity]

ONE = Quantity.parse("1")
COMPUTE = ("cpu", "memory", "ephemeral-storage")
# the kinds that are counted by their bare name too, from before there was count/RESOURCE
BY_NAME = frozenset(
    {
        *("configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets"),
        "services",
    }
)
MUST_BE_SAID = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
STORAGE_CLASS = ".storageclass.storage.k8s.io/"


def usage_of(info: ResourceInfo, obj: Obj) -> Usage:
    """What one object takes, by the names that quotas have for it."""
    usage: Usage = {f"count/{info.qualified}": ONE}
    if info.group:
        return usage
    if info.plural in BY_NAME:
        usage[info.plural] = ONE
    if info.plural == "pods":
        if is_finished(obj):
            return {"count/pods": ONE}
        usage.update(_pod(obj))
    elif info.plural == "services":
        usage.update(_service(obj["spec"]))
    elif info.plural == "persistentvolumeclaims":
        usage.update(_claim(obj))
    return usage


def is_finished(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _pod(pod: Obj) -> Usage:
    usage: Usage = {}
    for part in ("requests", "limits"):
        for name, text in pod_total(pod, part).items():
            amount = Quantity.parse(text)
            usage[f"{part}.{name}"] = amount
            if part == "requests" and name in COMPUTE:
                usage[name] = amount
    return usage


def _service(spec: Obj) -> Usage:
    type, ports = spec.get("type"), len(spec.get("ports") or ())
    usage: Usage = {}
    if type == "LoadBalancer":
        usage["services.loadbalancers"] = ONE
    if type == "NodePort" or (type == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False):
        usage["services.nodeports"] = Quantity.parse(str(ports))
    return usage


def _claim(claim: Obj) -> Usage:
    spec = claim["spec"]
    text = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    name = spec.get("storageClassName")
    usage: Usage = {f"{name}{STORAGE_CLASS}persistentvolumeclaims": ONE} if name else {}
    if text is not None:
        usage["requests.storage"] = Quantity.parse(text)
        if name:
            usage[f"{name}{STORAGE_CLASS}requests.storage"] = Quantity.parse(text)
    return usage


def missing_from(pod: Obj, hard: Obj) -> str:
    """Which of a quota's compute resources the Pod's containers do not name; "" if they name all."""
    missing: dict[str, list[str]] = {}
    for container in (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())):
        resources = container.get("resources") or {}
        for name in hard:
            if name not in MUST_BE_SAID:
                continue
            part, _, what = name.rpartition(".")
            if what not in (resources.get(part or "requests") or {}):
                missing.setdefault(name, []).append(container["name"])
    return "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))


def in_scope(quota: Obj, info: ResourceInfo, obj: Obj) -> bool:
    """Does the quota count this object?  One with scopes counts Pods alone."""
    spec = quota["spec"]
    selector = (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    scopes = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()] + selector
    if not scopes:
        return True
    return info.plural == "pods" and not info.group and all(_holds(scope, obj) for scope in scopes)


def _holds(scope: Obj, pod: Obj) -> bool:
    spec, name = pod["spec"], scope["scopeName"]
    terminating = (spec.get("activeDeadlineSeconds") or -1) >= 0
    best_effort = not pod_total(pod, "requests") and not pod_total(pod, "limits")
    if name == "PriorityClass":
        has, values = spec.get("priorityClassName", ""), scope.get("values") or ()
        operator = scope["operator"]
        return {"Exists": bool(has), "DoesNotExist": not has, "In": has in values, "NotIn": has not in values}[operator]
    known = {
        "Terminating": terminating,
        "NotTerminating": not terminating,
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
    }
    return known.get(name, False)
