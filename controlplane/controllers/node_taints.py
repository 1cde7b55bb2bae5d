"""Taints that say what is wrong with a node (upstream: pkg/controller/nodelifecycle, well_known_taints.go)."""

from __future__ import annotations

from controlplane.client.base import Obj

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

_BY_CONDITION = {  # (condition, status) -> taint
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}
_OURS = {*_BY_CONDITION.values(), UNSCHEDULABLE}


def condition_taints(node: Obj) -> list[Obj]:
    """The NoSchedule taints that a node's conditions and `spec.unschedulable` call for."""
    found = []
    for c in node.get("status", {}).get("conditions") or ():
        key = _BY_CONDITION.get((c["type"], c["status"]))
        if key is not None:
            found.append({"key": key, "effect": "NoSchedule"})
    if node["spec"].get("unschedulable"):
        found.append({"key": UNSCHEDULABLE, "effect": "NoSchedule"})
    return found


def is_ours(taint: Obj) -> bool:
    """Is this one of the NoSchedule taints that follow from the node's state?"""
    return taint["effect"] == "NoSchedule" and taint["key"] in _OURS


def same_taint(one: Obj, other: Obj) -> bool:
    """Key and effect make a taint; its value does not (Taint.MatchTaint)."""
    return bool(one["key"] == other["key"] and one["effect"] == other["effect"])


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Toleration.ToleratesTaint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") in ("Equal", ""):
        return bool(toleration.get("value", "") == taint.get("value", ""))
    return bool(toleration["operator"] == "Exists")
