"""Events (kubernetes: pkg/apis/core/validation/events.go).

Both groups store the same objects, in the form of core/v1; what came through events.k8s.io has more to fulfil.
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.semantics import same

Obj = dict[str, Any]
Errors = list[FieldError]

_UNSET = ("firstTimestamp", "lastTimestamp", "count", "source")
_FIXED = (
    *("involvedObject", "reason", "message", "firstTimestamp", "lastTimestamp", "count", "reason", "type"),
    *("eventTime", "action", "related"),
)


def event(obj: Obj) -> Errors:
    """What holds for all of them."""
    return _event(obj, "reportingComponent")


def event_update(new: Obj, old: Obj) -> Errors:
    return event(new)


def new_event(obj: Obj) -> Errors:
    """What events.k8s.io/v1 asks of an event that is made."""
    errors = _event(obj, "reportingController") + _series(obj)
    if not obj.get("eventTime"):
        errors.append(fields.required("eventTime"))
    if (kind := obj.get("type", "")) not in ("Normal", "Warning"):
        errors.append(fields.invalid("type", "", f"has invalid value: {kind}"))
    for key in _UNSET:
        value = obj.get(key)
        if any(value.values()) if isinstance(value, dict) else value:
            errors.append(fields.invalid(key, "", "needs to be unset"))
    return errors


def new_event_update(new: Obj, old: Obj) -> Errors:
    """Only the series may change."""
    errors = _event(new, "reportingController")
    if not same(new.get("series"), old.get("series")):
        errors += _series(new)
    for key in _FIXED:
        errors += meta.immutable(new.get(key), old.get(key), key)
    for key, shown in (("reportingComponent", "reportingController"), ("reportingInstance", "reportingInstance")):
        errors += meta.immutable(new.get(key) or "", old.get(key) or "", shown)
    return errors


def _event(obj: Obj, controller_key: str) -> Errors:
    namespace = obj["metadata"].get("namespace", "")
    involved = (obj.get("involvedObject") or {}).get("namespace", "")
    errors: Errors = []
    if obj.get("eventTime"):
        agrees = bool(involved) or namespace in ("default", "kube-system")
    else:
        agrees = namespace == involved if involved else namespace in ("", "default")
    if not agrees:
        errors.append(fields.invalid("involvedObject.namespace", involved, "does not match event.namespace"))
    if obj.get("eventTime"):
        errors += _reporter(obj, controller_key)
    return errors + [fields.invalid("namespace", namespace, m) for m in text.dns1123_subdomain(namespace)]


def _reporter(obj: Obj, controller_key: str) -> Errors:
    controller = obj.get("reportingComponent") or ""
    errors: Errors = [] if controller else [fields.required(controller_key)]
    errors += meta.label_name(controller, controller_key)
    for name in ("reportingInstance", "action", "reason"):
        value = obj.get(name, "")
        if not value:
            errors.append(fields.required(name))
        if len(value.encode()) > 128:
            errors.append(fields.invalid(name, "", "can have at most 128 characters"))
    if len(obj.get("message", "").encode()) > 1024:
        errors.append(fields.invalid("message", "", "can have at most 1024 characters"))
    return errors


def _series(obj: Obj) -> Errors:
    if (series := obj.get("series")) is None:
        return []
    errors: Errors = []
    if series.get("count", 0) < 2:
        errors.append(fields.invalid("series.count", "", "should be at least 2"))
    if not series.get("lastObservedTime"):
        errors.append(fields.required("series.lastObservedTime"))
    return errors
