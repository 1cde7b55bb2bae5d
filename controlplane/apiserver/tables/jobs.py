"""Jobs and CronJobs."""

from __future__ import annotations

from controlplane.apiserver.tables.cells import (
    NONE,
    UNSET,
    Cells,
    Obj,
    age,
    at,
    containers,
    created,
    human_duration,
    name,
    selector_text,
)
from controlplane.clock import parse_time


def _has(obj: Obj, type_: str) -> bool:
    return any(c.get("type") == type_ and c.get("status") == "True" for c in at(obj, "status.conditions", []))


def _status(job: Obj) -> str:
    if _has(job, "Complete"):
        return "Complete"
    if _has(job, "Failed"):
        return "Failed"
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if _has(job, "Suspended"):
        return "Suspended"
    return "FailureTarget" if _has(job, "FailureTarget") else "Running"


def _completions(job: Obj) -> str:
    done, wanted = at(job, "status.succeeded", 0), at(job, "spec.completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    at_once = at(job, "spec.parallelism", 0)
    return f"{done}/1 of {at_once}" if at_once > 1 else f"{done}/1"


def print_job(job: Obj, now: float) -> Cells:
    start, end = at(job, "status.startTime"), at(job, "status.completionTime")
    return [
        name(job),
        _status(job),
        _completions(job),
        human_duration((parse_time(end) if end else now) - parse_time(start)) if start else "",
        created(job, now),
        *containers(at(job, "spec.template", {})),
        selector_text(at(job, "spec.selector")),
    ]


def print_cron_job(obj: Obj, now: float) -> Cells:
    last = at(obj, "status.lastScheduleTime")
    suspend = at(obj, "spec.suspend")
    return [
        name(obj),
        at(obj, "spec.schedule", ""),
        at(obj, "spec.timeZone", NONE),
        UNSET if suspend is None else str(suspend),
        len(at(obj, "status.active", [])),
        age(last, now) if last else NONE,
        created(obj, now),
        *containers(at(obj, "spec.jobTemplate.spec.template", {})),
        selector_text(at(obj, "spec.jobTemplate.spec.selector")),
    ]


PRINTERS = {"batch/Job": print_job, "batch/CronJob": print_cron_job}
