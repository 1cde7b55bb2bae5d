"""HorizontalPodAutoscalers and scales (kubernetes: pkg/apis/autoscaling/validation).

*Note*: an autoscaling/v1 object is looked at as it is, without its conversion to v2.
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.meta import label_selector, nonnegative
from controlplane.apiserver.validation.quantities import value_of

Obj = dict[str, Any]
Errors = list[FieldError]

_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_NO_NAME = "must specify a metric name"


def reference(ref: Obj, path: str) -> Errors:
    errors: Errors = []
    for key in ("kind", "name"):
        value = ref.get(key, "")
        if not value:
            errors.append(fields.required(f"{path}.{key}"))
        else:
            errors += [fields.invalid(f"{path}.{key}", value, m) for m in text.path_segment(value)]
    if "/" in (version := ref.get("apiVersion", "")):
        group = version.split("/")[0]
        errors += [fields.invalid(f"{path}.apiVersion", version, m) for m in text.dns1123_subdomain(group)]
    return errors


def autoscaler(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    errors: Errors = []
    if least is not None and least < 1:
        errors.append(fields.invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        errors.append(fields.invalid("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        errors.append(fields.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    errors += reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    for i, metric in enumerate(spec.get("metrics") or ()):
        errors += _metric(metric, f"spec.metrics[{i}]")
    behavior = spec.get("behavior") or {}
    for key in ("scaleUp", "scaleDown"):
        if (rules := behavior.get(key)) is not None:
            errors += _rules(rules, f"spec.behavior.{key}")
    return errors


def autoscaler_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("spec") is old.get("spec") else autoscaler(new)


def autoscaler_status_update(new: Obj, old: Obj) -> Errors:
    status = new.get("status") or {}
    return nonnegative(status.get("currentReplicas") or 0, "status.currentReplicas") + nonnegative(
        status.get("desiredReplicas") or 0, "status.desiredReplicas"
    )


def _metric(metric: Obj, path: str) -> Errors:
    kind = metric.get("type", "")
    errors: Errors = []
    if not kind:
        errors.append(fields.required(f"{path}.type", "must specify a metric source type"))
    if kind not in _SOURCES:
        errors.append(fields.not_supported(f"{path}.type", kind, sorted(_SOURCES)))
    present = [k for k in ("object", "external", "pods", "resource", "containerResource") if metric.get(k) is not None]
    if present:
        errors += _source(present[0], metric[present[0]], f"{path}.{present[0]}")
    expected = _SOURCES.get(kind)
    if expected is None:  # said twice by upstream too
        errors.append(fields.not_supported(f"{path}.type", kind, sorted(_SOURCES)))
    elif expected not in present:
        errors.append(fields.required(f"{path}.{expected}", "must populate information for the given metric source"))
    if len(present) != 1:
        errors += [
            fields.forbidden(f"{path}.{k}", "must populate the given metric source only")
            for k in sorted(present)
            if k != expected
        ]
    return errors


def _source(kind: str, source: Obj, path: str) -> Errors:
    target = source.get("target") or {}
    average, utilization, value = (target.get(k) for k in ("averageValue", "averageUtilization", "value"))
    errors: Errors = []
    if kind in ("object", "external", "pods"):
        if kind == "object":
            errors += reference(source.get("describedObject") or {}, f"{path}.describedObject")
        errors += _identifier(source.get("metric") or {}, f"{path}.metric") + _target(target, f"{path}.target")
        if kind == "object" and value is None and average is None:
            errors.append(
                fields.required(f"{path}.target.averageValue", "must set either a target value or averageValue")
            )
        if kind == "external":
            if value is None and average is None:
                errors.append(
                    fields.required(
                        f"{path}.target.averageValue", "must set either a target value for metric or a per-pod target"
                    )
                )
            if value is not None and average is not None:
                errors.append(
                    fields.forbidden(
                        f"{path}.target.value", "may not set both a target value for metric and a per-pod target"
                    )
                )
        if kind == "pods" and (average is None or value_of(average) <= 0):
            errors.append(fields.required(f"{path}.target.averageValue", "must specify a positive target averageValue"))
        return errors
    if not source.get("name"):
        errors.append(fields.required(f"{path}.name", "must specify a resource name"))
    if kind == "containerResource" and not source.get("container"):
        errors.append(fields.required(f"{path}.container", "must specify a container"))
    errors += _target(target, f"{path}.target")
    if utilization is None and average is None:
        errors.append(
            fields.required(
                f"{path}.target.averageUtilization", "must set either a target raw value or a target utilization"
            )
        )
    if utilization is not None and average is not None:
        errors.append(
            fields.forbidden(
                f"{path}.target.averageValue", "may not set both a target raw value and a target utilization"
            )
        )
    return errors


def _identifier(metric: Obj, path: str) -> Errors:
    name = metric.get("name", "")
    if not name:
        return [fields.required(f"{path}.name", _NO_NAME)]
    errors = [fields.invalid(f"{path}.name", name, m) for m in text.path_segment(name)]
    return errors + label_selector(metric.get("selector"), f"{path}.selector")


def _target(target: Obj, path: str) -> Errors:
    kind = target.get("type", "")
    errors: Errors = []
    if not kind:
        errors.append(fields.required(f"{path}.type", "must specify a metric target type"))
    if kind not in ("Utilization", "Value", "AverageValue"):
        errors.append(fields.invalid(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue"))
    for key in ("value", "averageValue"):
        if (amount := target.get(key)) is not None and value_of(amount) <= 0:
            errors.append(fields.invalid(f"{path}.{key}", str(amount), "must be positive"))
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        errors.append(fields.invalid(f"{path}.averageUtilization", utilization, "must be greater than 0"))
    return errors


def _rules(rules: Obj, path: str) -> Errors:
    errors: Errors = []
    window, select = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy")
    if window is not None and window < 0:
        errors.append(
            fields.invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero")
        )
    if window is not None and window > 3600:
        errors.append(
            fields.invalid(f"{path}.stabilizationWindowSeconds", window, "must be less than or equal to 3600")
        )
    selects = ("Disabled", "Max", "Min")
    if select is not None and select not in selects:
        errors.append(fields.not_supported(f"{path}.selectPolicy", select, selects))
    policies = rules.get("policies") or []
    if not policies:
        errors.append(fields.required(f"{path}.policies", "must specify at least one Policy"))
    for i, policy in enumerate(policies):
        at, kind = f"{path}.policies[{i}]", policy.get("type", "")
        if kind not in ("Percent", "Pods"):
            errors.append(fields.not_supported(f"{at}.type", kind, ("Percent", "Pods")))
        for key in ("value", "periodSeconds"):
            if policy.get(key, 0) <= 0:
                errors.append(fields.invalid(f"{at}.{key}", policy.get(key, 0), "must be greater than zero"))
        if policy.get("periodSeconds", 0) > 1800:
            errors.append(
                fields.invalid(f"{at}.periodSeconds", policy["periodSeconds"], "must be less than or equal to 1800")
            )
    return errors


def scale(obj: Obj) -> Errors:
    """The body of the scale subresource."""
    replicas = (obj.get("spec") or {}).get("replicas", 0)
    return [fields.invalid("spec.replicas", replicas, "must be greater than or equal to 0")] if replicas < 0 else []
