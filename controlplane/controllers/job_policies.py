"""When a Job fails or succeeds before its time (upstream: pkg/controller/job/{pod_failure,success}_policy.go)."""

from __future__ import annotations

from controlplane.client.base import Obj
from controlplane.controllers.job_indexes import parse


def match_failure(job: Obj, pod: Obj) -> tuple[str, str]:
    """(action, message): of the first rule of the podFailurePolicy that a failed Pod matches; "" if none.

    The action is "FailJob" (with the message), "FailIndex", "Ignore" or "Count".
    """
    meta = pod["metadata"]
    for number, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or ()):
        action = rule["action"]
        if rule.get("onExitCodes"):
            found = _container(pod, rule["onExitCodes"])
            if found is not None:
                name, code = found
                return action, (
                    f"Container {name} for pod {meta['namespace']}/{meta['name']} failed with exit code "
                    f"{code} matching {action} rule at index {number}"
                )
        else:
            patterns = rule.get("onPodConditions") or ()
            for c in pod.get("status", {}).get("conditions") or ():
                if any(c["type"] == p["type"] and c["status"] == p.get("status", "True") for p in patterns):
                    return action, (
                        f"Pod {meta['namespace']}/{meta['name']} has condition {c['type']} matching "
                        f"{action} rule at index {number}"
                    )
    return "", ""


def _container(pod: Obj, wanted: Obj) -> tuple[str, int] | None:
    status = pod.get("status", {})
    for container in [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]:
        code = ((container.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        if not code or wanted.get("containerName") not in (None, container["name"]):
            continue
        if (code in wanted["values"]) == (wanted["operator"] == "In"):
            return container["name"], code
    return None


def match_success(job: Obj, succeeded: set[int]) -> str:
    """The message, if the indexes that succeeded meet one rule of the successPolicy; else ""."""
    for number, rule in enumerate((job["spec"].get("successPolicy") or {}).get("rules") or ()):
        counted, count = succeeded, rule.get("succeededCount")
        if rule.get("succeededIndexes"):
            required = parse(rule["succeededIndexes"], job["spec"]["completions"])
            counted = succeeded & required
            count = len(required) if count is None else count
        if counted and len(counted) >= (count or 0):
            return f"Matched rules at index {number}"
    return ""
