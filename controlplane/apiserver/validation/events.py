"""Events (kubernetes: pkg/apis/core/validation/events.go)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import meta, text

Obj = dict[str, Any]
Errors = list[FieldError]


def event(obj: Obj) -> Errors:
    """ValidateEventCreate, the part for core/v1."""
    namespace = obj["metadata"].get("namespace", "")
    involved = (obj.get("involvedObject") or obj.get("regarding") or {}).get("namespace", "")
    at = "involvedObject.namespace"
    errors: Errors = []
    if not obj.get("eventTime"):
        if (involved and namespace != involved) or (not involved and namespace not in ("", "default")):
            errors.append(fields.invalid(at, involved, "does not match event.namespace"))
        return errors + [fields.invalid("namespace", namespace, m) for m in text.dns1123_subdomain(namespace)]
    if not involved and namespace not in ("default", "kube-system"):
        errors.append(fields.invalid(at, involved, "does not match event.namespace"))
    controller = obj.get("reportingComponent") or obj.get("reportingController") or ""
    key = "reportingController" if "reportingController" in obj else "reportingComponent"
    if not controller:
        errors.append(fields.required(key))
    errors += meta.label_name(controller, key)
    for name in ("reportingInstance", "action", "reason"):
        value = obj.get(name, "")
        if not value:
            errors.append(fields.required(name))
        if len(value) > 128:
            errors.append(fields.invalid(name, "", "can have at most 128 characters"))
    if len(obj.get("message", "")) > 1024:
        errors.append(fields.invalid("message", "", "can have at most 1024 characters"))
    return errors
