"""What happens in the cluster, in the words of the queueing hints (upstream: kube-scheduler/framework, events.go).

A Pod that was refused waits until something happens that could help it.  Each plugin names such events, and may look at
the objects (the hint) to say whether this one can help this Pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from controlplane.client.base import Obj
from controlplane.scheduler.pod_info import PodInfo

# Events are "Resource/Action".  "*" is any event.
NODE_ADD = "Node/Add"
NODE_ALLOCATABLE = "Node/UpdateNodeAllocatable"
NODE_LABEL = "Node/UpdateNodeLabel"
NODE_TAINT = "Node/UpdateNodeTaint"
NODE_DELETE = "Node/Delete"
ASSIGNED_ADD = "AssignedPod/Add"
ASSIGNED_DELETE = "AssignedPod/Delete"
ASSIGNED_LABEL = "AssignedPod/UpdatePodLabel"
ASSIGNED_SCALE_DOWN = "AssignedPod/UpdatePodScaleDown"
POD_LABEL = "UnscheduledPod/UpdatePodLabel"
POD_TOLERATION = "UnscheduledPod/UpdatePodToleration"
POD_GATES = "UnscheduledPod/UpdatePodSchedulingGatesEliminated"
POD_UPDATE = "UnscheduledPod/Update"
PVC = "PersistentVolumeClaim"
PV = "PersistentVolume"
STORAGE_CLASS = "StorageClass"
WILDCARD = "*"

Hint = Callable[[PodInfo, Obj | None, Obj | None], bool]  # (the waiting Pod, old, new): could this help it?


class EventHint(NamedTuple):
    """An event that can help, and the function that looks closer; without one, every such event helps."""

    event: str
    hint: Hint | None = None


class ClusterEvent(NamedTuple):
    event: str
    old: Obj | None
    new: Obj | None


def node_changes(old: Obj | None, new: Obj | None) -> Iterator[str]:
    """The events that one change of a Node stands for."""
    if old is None:
        yield NODE_ADD
    elif new is None:
        yield NODE_DELETE
    else:
        before, after = old.get("spec") or {}, new.get("spec") or {}
        if (old.get("status") or {}).get("allocatable") != (new.get("status") or {}).get("allocatable"):
            yield NODE_ALLOCATABLE
        if old["metadata"].get("labels") != new["metadata"].get("labels"):
            yield NODE_LABEL
        if before.get("taints") != after.get("taints") or before.get("unschedulable") != after.get("unschedulable"):
            yield NODE_TAINT


def assigned_changes(old: Obj, new: Obj, shrunk: bool) -> Iterator[str]:
    """The events that one change of a bound Pod stands for."""
    if old["metadata"].get("labels") != new["metadata"].get("labels"):
        yield ASSIGNED_LABEL
    if shrunk:
        yield ASSIGNED_SCALE_DOWN


def waiting_changes(old: Obj, new: Obj) -> Iterator[str]:
    """The events that one change of a waiting Pod stands for."""
    before, after = old["spec"], new["spec"]
    if old["metadata"].get("labels") != new["metadata"].get("labels"):
        yield POD_LABEL
    if before == after:
        return
    if before.get("tolerations") != after.get("tolerations"):
        yield POD_TOLERATION
    if before.get("schedulingGates") and not after.get("schedulingGates"):
        yield POD_GATES
    rest = {k: v for k, v in before.items() if k not in ("tolerations", "schedulingGates")}
    if rest != {k: v for k, v in after.items() if k not in ("tolerations", "schedulingGates")}:
        yield POD_UPDATE


def concerns(registered: str, event: str) -> bool:
    """Is `event` one of those that `registered` names ("Node/Add", "Node", "*")?"""
    return registered in (WILDCARD, event) or event == WILDCARD or event.partition("/")[0] == registered
