"""How long a Job waits before it replaces failed Pods (upstream: pkg/controller/job/backoff_utils.go)."""

from __future__ import annotations

from typing import NamedTuple

from controlplane.client.base import Obj, Objs
from controlplane.clock import parse_time
from controlplane.controllers.job_indexes import index_of
from controlplane.controllers.job_policies import match_failure
from controlplane.controllers.pods import condition

FIRST, LAST = 10.0, 600.0  # seconds, doubling with each failure since the last success
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


class Record(NamedTuple):
    """How many Pods failed since the last success, and when the last of them did."""

    failures: int = 0
    last: float = 0.0

    def remaining(self, now: float) -> float:
        if not self.failures:
            return 0.0
        wait = min(FIRST * 2.0 ** min(self.failures - 1, 30), LAST)
        return max(self.last + wait - now, 0.0)


def updated(record: Record, succeeded: Objs, failed: Objs) -> Record:
    """The record after Pods that finished since."""
    times = sorted(finished_at(pod) for pod in failed)
    if not succeeded:
        return Record(record.failures + len(times), times[-1]) if times else record
    last_success = max(finished_at(pod) for pod in succeeded)
    later = [t for t in times if t > last_success]
    return Record(len(later), later[-1]) if later else Record()


def finished_at(pod: Obj) -> float:
    """When a Pod finished: by its containers, its Ready condition, its deletion, or at worst its creation."""
    meta, times = pod["metadata"], []
    for status in pod.get("status", {}).get("containerStatuses") or ():
        times.append(((status.get("state") or {}).get("terminated") or {}).get("finishedAt"))
    if times and all(times):
        return max(parse_time(t) for t in times if t)
    ready = condition(pod, "Ready")
    if ready is not None and ready["status"] == "False" and ready.get("lastTransitionTime"):
        return parse_time(ready["lastTransitionTime"])
    if "deletionTimestamp" in meta:
        return parse_time(meta["deletionTimestamp"]) - (meta.get("deletionGracePeriodSeconds") or 0)
    return parse_time(meta["creationTimestamp"])


# Each index for itself (backoffLimitPerIndex) -------------------------------------------------------------------------


def counts(pod: Obj) -> tuple[int, int]:
    """(failures, ignored failures) of the Pod's index before this Pod."""
    notes = pod["metadata"].get("annotations") or {}
    return int(notes.get(FAILURES, 0)), int(notes.get(IGNORED, 0))


def index_failed(job: Obj, pod: Obj) -> bool:
    """Does this failed Pod use up what its index had?"""
    action, _ = match_failure(job, pod)
    if action in ("FailIndex", "Ignore"):
        return action == "FailIndex"
    return counts(pod)[0] >= int(job["spec"]["backoffLimitPerIndex"])


def replacement_notes(job: Obj, replaced: Obj | None) -> dict[str, str]:
    """The annotations that carry an index's failures over to the Pod that takes the place of `replaced`."""
    if replaced is None:
        return {FAILURES: "0"}
    failures, ignored = counts(replaced)
    if match_failure(job, replaced)[0] == "Ignore":
        ignored += 1
    else:
        failures += 1
    return {FAILURES: str(failures), **({IGNORED: str(ignored)} if ignored else {})}


def delayed(failed: Objs, busy: set[int]) -> dict[int, Obj]:
    """index -> the last failed Pod, whose finalizer stays until its replacement has taken over the count."""
    found: dict[int, Obj] = {}
    for pod in failed:
        index = index_of(pod)
        if index < 0 or index in busy:
            continue
        best = found.get(index)
        if best is None or (sum(counts(pod)), finished_at(pod)) >= (sum(counts(best)), finished_at(best)):
            found[index] = pod
    return found


def index_wait(pod: Obj, now: float) -> float:
    """Seconds until the Pod's index may have another one."""
    return Record(sum(counts(pod)) + 1, finished_at(pod)).remaining(now)
