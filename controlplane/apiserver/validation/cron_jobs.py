"""CronJobs (kubernetes: pkg/apis/batch/validation)."""

from __future__ import annotations

import re
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import meta
from controlplane.apiserver.validation.batch import job_spec
from controlplane.apiserver.validation.cron import schedule_error
from controlplane.apiserver.validation.workloads import nonnegative_field, spec_of

Obj = dict[str, Any]
Errors = list[FieldError]

_time_zone = re.compile(r"[A-Za-z.\-_0-9+]{1,14}", re.ASCII).fullmatch


def cron_job(obj: Obj) -> Errors:
    errors = _cron_spec(spec_of(obj), None)
    name = obj["metadata"].get("name", "")
    if len(name) > 52:
        errors.append(fields.invalid("metadata.name", name, "must be no more than 52 characters"))
    return errors


def cron_job_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("spec") is old.get("spec") else _cron_spec(spec_of(new), spec_of(old))


def _cron_spec(spec: Obj, before: Obj | None) -> Errors:
    errors: Errors = []
    schedule, zone = spec.get("schedule", ""), spec.get("timeZone")
    if not schedule:
        errors.append(fields.required("spec.schedule"))
    else:
        if wrong := schedule_error(schedule):
            errors.append(fields.invalid("spec.schedule", schedule, wrong))
        if "TZ" in schedule:
            if before is None or "TZ" not in before.get("schedule", ""):
                errors.append(
                    fields.invalid(
                        "spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
                    )
                )
            elif zone is not None:
                errors.append(
                    fields.invalid(
                        "spec.schedule", schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"
                    )
                )
    errors += nonnegative_field(spec, "startingDeadlineSeconds", "spec")
    if before is None or before.get("timeZone") != zone:
        errors += _zone(zone, "spec.timeZone")
    policy, policies = spec.get("concurrencyPolicy", ""), ("Allow", "Forbid", "Replace")
    if policy not in policies:
        at = "spec.concurrencyPolicy"
        errors.append(fields.not_supported(at, policy, policies) if policy else fields.required(at))
    work = (spec.get("jobTemplate") or {}).get("spec") or {}
    errors += job_spec(work, "spec.jobTemplate.spec")
    if work.get("selector") is not None:
        errors.append(
            fields.invalid(
                "spec.jobTemplate.spec.selector",
                meta.show_selector(work["selector"]),
                "`selector` will be auto-generated",
            )
        )
    if work.get("manualSelector"):
        errors.append(fields.not_supported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false")))
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        errors += nonnegative_field(spec, key, "spec")
    return errors


def _zone(zone: str | None, path: str) -> Errors:
    if zone is None:
        return []
    if not zone:
        return [fields.invalid(path, zone, "timeZone must be nil or non-empty string")]
    if any(p in (".", "..") or p.startswith("-") or not _time_zone(p) for p in zone.split("/")):
        return [fields.invalid(path, zone, f"unknown time zone {zone}")]
    errors: Errors = []
    if zone.lower() == "local":
        errors.append(
            fields.invalid(
                path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
            )
        )
    if zone not in ("Local", "UTC") and not _known(zone):
        errors.append(fields.invalid(path, zone, f"unknown time zone {zone}"))
    return errors


def _known(zone: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # only who names a zone needs the tables

    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
