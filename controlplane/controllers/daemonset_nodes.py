"""Which nodes a DaemonSet's Pods belong on (upstream: pkg/controller/daemon/util, nodeaffinity)."""

from __future__ import annotations

from typing import Any

from controlplane.client.base import Obj, Objs
from controlplane.controllers.node_taints import tolerates

_TOLERATED = (  # what every daemon Pod tolerates
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


def with_tolerations(spec: Obj) -> Obj:
    """The Pod spec with the tolerations of every daemon."""
    tolerations = list(spec.get("tolerations") or ())
    for key, effect in (*_TOLERATED, *([_NETWORK] if spec.get("hostNetwork") else [])):
        fresh = {"key": key, "operator": "Exists", "effect": effect}
        if fresh not in tolerations:
            tolerations.append(fresh)
    return {**spec, "tolerations": tolerations}


def pinned(spec: Obj, node: str) -> Obj:
    """The Pod spec with an affinity for this node alone (ReplaceDaemonSetPodNodeNameNodeAffinity)."""
    affinity = dict(spec.get("affinity") or {})
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
    }
    return {**spec, "affinity": affinity}


def target_node(pod: Obj) -> str:
    """The node that a daemon Pod is on, or is meant for."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    for term in _required(spec):
        for field in term.get("matchFields") or ():
            if field.get("key") == "metadata.name" and field.get("operator") == "In" and field.get("values"):
                return str(field["values"][0])
    return ""


def _required(spec: Obj) -> list[dict[str, Any]]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or []


def suitable(owner: Obj, nodes: Objs) -> dict[str, tuple[bool, bool]]:
    """node -> (a Pod should be started there, a Pod that is there may stay)."""
    spec = with_tolerations(owner["spec"]["template"]["spec"])
    return {node["metadata"]["name"]: _suits(spec, node) for node in nodes}


def _suits(spec: Obj, node: Obj) -> tuple[bool, bool]:
    name, labels = node["metadata"]["name"], node["metadata"].get("labels") or {}
    if spec.get("nodeName") not in (None, "", name):
        return False, False
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False, False
    terms = _required(spec)
    if terms and not any(_matches(term, name, labels) for term in terms):
        return False, False
    refused = [
        taint
        for taint in node["spec"].get("taints") or ()
        if taint["effect"] != "PreferNoSchedule" and not any(tolerates(t, taint) for t in spec["tolerations"])
    ]
    return not refused, not any(taint["effect"] == "NoExecute" for taint in refused)


def _matches(term: dict[str, Any], name: str, labels: dict[str, str]) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_holds(e, labels.get(e["key"])) for e in expressions) and all(
        _holds(f, name if f["key"] == "metadata.name" else None) for f in fields
    )


def _holds(requirement: dict[str, Any], value: str | None) -> bool:
    op, values = requirement["operator"], requirement.get("values") or []
    if op == "In":
        return bool(value in values)
    if op == "NotIn":
        return bool(value not in values)
    if op in ("Exists", "DoesNotExist"):
        return bool((value is not None) == (op == "Exists"))
    try:
        number: int = int(value or "")
        bound: int = int(values[0])
    except (ValueError, IndexError):
        return False
    return bool(number > bound if op == "Gt" else number < bound)
