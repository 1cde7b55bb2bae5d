"""The status of a DaemonSet (upstream: pkg/controller/daemon/daemon_controller.go, updateDaemonSetStatus)."""

from __future__ import annotations

from controlplane.client.base import Obj, Objs
from controlplane.controllers.history import HASH
from controlplane.controllers.pods import is_available, is_ready

Suits = dict[str, tuple[bool, bool]]  # node -> (a Pod should be there, a Pod may stay there)


def oldest_first(pods: Objs) -> Objs:
    """Pods that have a node before those that have none, then the oldest."""
    return sorted(
        pods, key=lambda p: (not p["spec"].get("nodeName"), p["metadata"]["creationTimestamp"], p["metadata"]["name"])
    )


def daemon_status(owner: Obj, suits: Suits, by_node: dict[str, Objs], digest: str, now: float) -> Obj:
    desired = current = astray = ready = updated = available = 0
    for node, (run, _) in suits.items():
        pods = by_node.get(node)
        if not run:
            astray += bool(pods)
            continue
        desired += 1
        if not pods:
            continue
        current += 1
        pod = oldest_first(pods)[0]
        if is_ready(pod):
            ready += 1
            available += is_available(pod, owner["spec"].get("minReadySeconds", 0), now)
        updated += (pod["metadata"].get("labels") or {}).get(HASH) == digest
    status: Obj = {
        "currentNumberScheduled": current,
        "numberMisscheduled": astray,
        "desiredNumberScheduled": desired,
        "numberReady": ready,
        "observedGeneration": owner["metadata"].get("generation", 0),
    }
    for field, number in (
        ("updatedNumberScheduled", updated),
        ("numberAvailable", available),
        ("numberUnavailable", desired - available),
    ):
        if number:
            status[field] = number
    old = owner.get("status", {})
    return {**status, **{field: old[field] for field in ("collisionCount", "conditions") if field in old}}
