"""What may be said of a Job's progress (kubernetes: pkg/apis/batch/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation.workloads import nonnegative_field

Obj = dict[str, Any]
Errors = list[FieldError]


def _true(status: Obj, kind: str) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in status.get("conditions") or ())


def _wrong(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", f"status.{field}", f"Invalid value: {detail}")


def job_status_update(new: Obj, old: Obj) -> Errors:
    status, before = new.get("status") or {}, old.get("status") or {}
    errors: Errors = []
    for key in ("active", "succeeded", "failed", "ready", "terminating"):
        errors += nonnegative_field(status, key, "status")
    errors += _finished(status) + _conditions(status, before)
    if (status.get("ready") or 0) > (status.get("active") or 0):
        errors.append(fields.invalid("status.ready", status.get("ready", 0), "cannot set more ready pods than active"))
    done = status.get("completionTime")
    for key in ("failed", "succeeded"):
        if (status.get(key) or 0) < (before.get(key) or 0):
            errors.append(fields.invalid(f"status.{key}", status.get(key) or 0, f"cannot decrease the {key} counter"))
    if done is not None and before.get("completionTime") is not None and done != before["completionTime"]:
        errors.append(fields.invalid("status.completionTime", done, "completionTime cannot be mutated"))
    suspended = (new.get("spec") or {}).get("suspend")
    if before.get("startTime") is not None and status.get("startTime") != before["startTime"] and not suspended:
        errors.append(fields.required("status.startTime", "startTime cannot be removed for unsuspended job"))
    return errors


def _finished(status: Obj) -> Errors:
    complete, failed = _true(status, "Complete"), _true(status, "Failed")
    done, started = status.get("completionTime"), status.get("startTime")
    errors: Errors = []
    if complete and failed:
        errors.append(_wrong("conditions", "cannot set Complete=True and Failed=true conditions"))
    if complete and _true(status, "FailureTarget"):
        errors.append(_wrong("conditions", "cannot set Complete=True and FailureTarget=true conditions"))
    if done is not None and not complete:
        errors.append(
            fields.invalid(
                "status.completionTime", done, "cannot set completionTime when there is no Complete=True condition"
            )
        )
    if done is None and complete:
        errors.append(fields.required("status.completionTime", "completionTime is required for Complete jobs"))
    if started is not None and done is not None and done < started:
        errors.append(fields.invalid("status.completionTime", done, "completionTime cannot be set before startTime"))
    if failed and not _true(status, "FailureTarget"):
        errors.append(_wrong("conditions", "cannot set Failed=True condition without the FailureTarget=true condition"))
    if complete and not _true(status, "SuccessCriteriaMet"):
        errors.append(
            _wrong("conditions", "cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
        )
    if complete or failed:
        if (status.get("active") or 0) > 0:
            errors.append(fields.invalid("status.active", status["active"], "active>0 is invalid for finished job"))
        if started is None:
            errors.append(fields.required("status.startTime", "startTime is required for finished job"))
        uncounted = status.get("uncountedTerminatedPods") or {}
        if uncounted.get("succeeded") or uncounted.get("failed"):
            shown = {"Failed": uncounted.get("failed"), "Succeeded": uncounted.get("succeeded")}
            errors.append(
                fields.invalid(
                    "status.uncountedTerminatedPods",
                    shown,
                    "uncountedTerminatedPods needs to be empty for finished job",
                )
            )
        if (status.get("terminating") or 0) > 0:
            errors.append(
                fields.invalid("status.terminating", status["terminating"], "terminating>0 is invalid for finished job")
            )
    return errors


def _conditions(status: Obj, before: Obj) -> Errors:
    met = _true(status, "SuccessCriteriaMet")
    errors: Errors = []
    if met and _true(status, "Failed"):
        errors.append(_wrong("conditions", "cannot set SuccessCriteriaMet=True and Failed=true conditions"))
    if met and _true(status, "FailureTarget"):
        errors.append(_wrong("conditions", "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"))
    for kind in ("Failed", "Complete", "FailureTarget"):
        if _true(before, kind) and not _true(status, kind):
            errors.append(_wrong("conditions", f"cannot disable the terminal {kind}=True condition"))
    if _true(before, "SuccessCriteriaMet") and not met:
        errors.append(_wrong("conditions", "cannot disable the SuccessCriteriaMet=True condition"))
    return errors
