"""The status of a Deployment and its conditions (upstream: pkg/controller/deployment/{sync,progress}.go)."""

from __future__ import annotations

from controlplane.client.base import Obj, Objs
from controlplane.clock import parse_time, rfc3339
from controlplane.controllers import deployment_scale as scale
from controlplane.controllers.pods import condition

NO_DEADLINE = (1 << 31) - 1


def make_condition(type: str, status: str, reason: str, message: str, now: float) -> Obj:
    stamp = rfc3339(now)
    return {
        "type": type,
        "status": status,
        "lastUpdateTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def with_condition(conditions: Objs, new: Obj) -> Objs:
    """`conditions` with the new one in place of the old; unchanged if status and reason are the same."""
    old = next((c for c in conditions if c["type"] == new["type"]), None)
    if old is not None and old["status"] == new["status"]:
        if old.get("reason") == new["reason"]:
            return conditions
        new = {**new, "lastTransitionTime": old.get("lastTransitionTime", new["lastTransitionTime"])}
    return [*without(conditions, new["type"]), new]


def without(conditions: Objs, type: str) -> Objs:
    return [c for c in conditions if c["type"] != type]


def has_deadline(deployment: Obj) -> bool:
    return deployment["spec"].get("progressDeadlineSeconds", NO_DEADLINE) not in (None, NO_DEADLINE)


def base_status(deployment: Obj, sets: Objs, new: Obj | None, now: float) -> Obj:
    """The numbers, and the Available condition."""
    old_status = deployment.get("status", {})
    available = scale.reported(sets, "availableReplicas")
    numbers = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": scale.reported(sets, "replicas"),
        "updatedReplicas": scale.reported([new], "replicas") if new is not None else 0,
        "readyReplicas": scale.reported(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(scale.asked(sets) - available, 0),
    }
    status: Obj = {field: value for field, value in numbers.items() if value}
    if all("terminatingReplicas" in one.get("status", {}) for one in sets):
        status["terminatingReplicas"] = scale.reported(sets, "terminatingReplicas")
    if "collisionCount" in old_status:
        status["collisionCount"] = old_status["collisionCount"]
    if available >= scale.replicas(deployment) - scale.max_unavailable(deployment):
        state = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        state = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    status["conditions"] = with_condition(old_status.get("conditions") or [], make_condition("Available", *state, now))
    return status


def is_complete(deployment: Obj, status: Obj) -> bool:
    total = scale.replicas(deployment)
    return bool(
        status.get("updatedReplicas", 0) == status.get("replicas", 0) == status.get("availableReplicas", 0) == total
        and status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    )


def _is_progressing(old: Obj, new: Obj) -> bool:
    def get(status: Obj, field: str) -> int:
        return int(status.get(field, 0))

    def outdated(status: Obj) -> int:
        return get(status, "replicas") - get(status, "updatedReplicas")

    return (
        get(new, "updatedReplicas") > get(old, "updatedReplicas")
        or outdated(new) < outdated(old)
        or get(new, "readyReplicas") > get(old, "readyReplicas")
        or get(new, "availableReplicas") > get(old, "availableReplicas")
    )


def _deadline(deployment: Obj, progressing: Obj) -> float:
    since = parse_time(progressing.get("lastUpdateTime") or progressing["lastTransitionTime"])
    return since + float(deployment["spec"]["progressDeadlineSeconds"])


def _timed_out(deployment: Obj, now: float) -> bool:
    progressing = condition(deployment, "Progressing")
    if progressing is None or progressing["reason"] == "NewReplicaSetAvailable":
        return False
    return progressing["reason"] == "ProgressDeadlineExceeded" or _deadline(deployment, progressing) < now


def rollout_status(deployment: Obj, sets: Objs, new: Obj | None, now: float) -> Obj:
    """The status during a roll-out: with the Progressing and the ReplicaFailure condition."""
    status = base_status(deployment, sets, new, now)
    conditions: Objs = status["conditions"]
    old = condition(deployment, "Progressing")
    done = (
        status.get("replicas", 0) == status.get("updatedReplicas", 0)
        and old is not None
        and old["reason"] == "NewReplicaSetAvailable"
    )
    if not has_deadline(deployment):
        conditions = without(conditions, "Progressing")
    elif not done:
        name = deployment["metadata"]["name"]
        what = f'ReplicaSet "{new["metadata"]["name"]}"' if new is not None else f'Deployment "{name}"'

        def progress(state: str, reason: str, words: str) -> Obj:
            return make_condition("Progressing", state, reason, f"{what} {words}", now)

        if is_complete(deployment, status):
            conditions = with_condition(
                conditions, progress("True", "NewReplicaSetAvailable", "has successfully progressed.")
            )
        elif _is_progressing(deployment.get("status", {}), status):
            fresh = progress("True", "ReplicaSetUpdated", "is progressing.")
            if old is not None and old["status"] == "True":
                fresh["lastTransitionTime"] = old["lastTransitionTime"]
            conditions = [*without(conditions, "Progressing"), fresh]
        elif _timed_out(deployment, now):
            conditions = with_condition(
                conditions, progress("False", "ProgressDeadlineExceeded", "has timed out progressing.")
            )
    failures = [
        c
        for one in ([new] if new is not None else []) + sets
        for c in one.get("status", {}).get("conditions") or ()
        if c["type"] == "ReplicaFailure"
    ]
    if failures:
        since = failures[0].get("lastTransitionTime")
        conditions = with_condition(conditions, {**failures[0], "lastUpdateTime": since})
    else:
        conditions = without(conditions, "ReplicaFailure")
    status["conditions"] = conditions
    return status


def check_again(deployment: Obj, status: Obj, now: float) -> float | None:
    """Seconds until a roll-out that does not get on must be called stuck; None if there is nothing to wait for."""
    progressing = condition(deployment, "Progressing")
    if not has_deadline(deployment) or progressing is None:
        return None
    if is_complete(deployment, status) or progressing["reason"] == "ProgressDeadlineExceeded":
        return None
    return max(_deadline(deployment, progressing) - now, 0.0) + 1  # a second more: times are in whole seconds
