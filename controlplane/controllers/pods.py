"""What controllers ask about a Pod (upstream: pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go)."""

from __future__ import annotations

from typing import Any

from controlplane.client.base import Obj, Objs
from controlplane.clock import parse_time

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def condition(obj: Obj, type: str) -> dict[str, Any] | None:
    """The status condition of this type, or None."""
    for found in obj.get("status", {}).get("conditions") or ():
        if found.get("type") == type:
            return found  # type: ignore[no-any-return]
    return None


def is_ready(pod: Obj) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready.get("status") == "True"


def is_available(pod: Obj, min_ready_seconds: float, now: float) -> bool:
    """Ready, and has been for `min_ready_seconds`."""
    ready = condition(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        return False
    if not min_ready_seconds:
        return True
    since = ready.get("lastTransitionTime")
    return since is not None and parse_time(since) + min_ready_seconds <= now


def is_terminating(pod: Obj) -> bool:
    """Asked to go, and not yet finished by itself."""
    return "deletionTimestamp" in pod["metadata"] and not is_finished(pod)


def is_finished(pod: Obj) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def is_active(pod: Obj) -> bool:
    """Neither finished nor asked to go."""
    return "deletionTimestamp" not in pod["metadata"] and not is_finished(pod)


def restarts(pod: Obj) -> int:
    """The most often that one of its containers was restarted (a restartable init container counts too)."""
    status = pod.get("status", {})
    always = {c["name"] for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"}
    most = max((c.get("restartCount", 0) for c in status.get("containerStatuses") or ()), default=0)
    sidecars = (c for c in status.get("initContainerStatuses") or () if c["name"] in always)
    return max(most, max((c.get("restartCount", 0) for c in sidecars), default=0))


_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def deletion_cost(pod: Obj) -> int:
    """The annotation's number; 0 if there is none, or none that is well formed."""
    text = (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0")
    digits = text[1:] if text[:1] == "-" else text
    if not digits.isdecimal() or not digits.isascii() or (len(digits) > 1 and digits[0] == "0"):
        return 0
    number = int(text)
    return number if -(1 << 31) <= number < 1 << 31 else 0


def _age_rank(seconds: float) -> int:
    """Ages compare by their power of two in nanoseconds, so that of Pods of about one age chance picks one."""
    return int(seconds * 1e9).bit_length() if seconds > 0 else -1


def deletion_order(pods: Objs, related: Objs, now: float) -> Objs:
    """`pods`, the ones first that may go first (ActivePodsWithRanks).

    Unassigned before assigned; Pending, Unknown, Running; not ready before ready; the cheaper deletion cost; the one
    on a node with more of the `related` Pods; the one ready for less time; more restarts; the younger.
    """
    crowd: dict[str, int] = {}
    for pod in related:
        if is_active(pod):
            node = pod["spec"].get("nodeName", "")
            crowd[node] = crowd.get(node, 0) + 1

    def rank(pod: Obj) -> tuple[Any, ...]:
        meta, node = pod["metadata"], pod["spec"].get("nodeName", "")
        ready = condition(pod, "Ready") or {}
        is_up = ready.get("status") == "True"
        since = ready.get("lastTransitionTime") if is_up else None
        ready_for = now - parse_time(since) if since else 0.0
        return (
            bool(node),
            _PHASES.get(pod.get("status", {}).get("phase", ""), 0),
            is_up,
            deletion_cost(pod),
            -crowd.get(node, 0),
            _age_rank(ready_for) if is_up else 0,
            -restarts(pod),
            _age_rank(now - parse_time(meta["creationTimestamp"])),
            node,  # upstream leaves what is left to chance, which here would have to be seeded: any rule will do
            meta.get("uid", ""),
        )

    return sorted(pods, key=rank)
