"""PodDisruptionBudgets, PriorityClasses and Leases (kubernetes: pkg/apis/policy, scheduling, coordination)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta
from controlplane.apiserver.validation.workloads import int_or_percent, nonnegative_field, not_over_hundred

Obj = dict[str, Any]
Errors = list[FieldError]


def disruption_budget(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    least, most, policy = (spec.get(k) for k in ("minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy"))
    errors: Errors = []
    if least is not None and most is not None:
        selector = meta.show_selector(spec.get("selector"))
        shown = Raw(
            f'{{"MinAvailable":{go_json(least)},"Selector":{"null" if selector is None else selector},'
            f'"MaxUnavailable":{go_json(most)},"UnhealthyPodEvictionPolicy":{go_json(policy)}}}'
        )
        errors.append(fields.invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"))
    for key, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            errors += int_or_percent(value, f"spec.{key}") + not_over_hundred(value, f"spec.{key}")
    errors += meta.label_selector(spec.get("selector"), "spec.selector")
    policies = ("AlwaysAllow", "IfHealthyBudget")
    if policy is not None and policy not in policies:
        errors.append(fields.not_supported("spec.unhealthyPodEvictionPolicy", policy, policies))
    return errors


def disruption_budget_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("spec") is old.get("spec") else disruption_budget(new)


def disruption_budget_status_update(new: Obj, old: Obj) -> Errors:
    status = new.get("status") or {}
    errors = meta.conditions(status.get("conditions"), "status.conditions")
    for key in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"):
        errors += nonnegative_field(status, key, "status")
    return errors


_SYSTEM_CLASSES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_HIGHEST = 1_000_000_000


def priority_class(obj: Obj) -> Errors:
    name, value, policy = obj["metadata"].get("name", ""), obj.get("value", 0), obj.get("preemptionPolicy")
    errors: Errors = []
    if name.startswith("system-"):
        if name not in _SYSTEM_CLASSES:
            why = f"{name} is not a known system priority class"
        elif value != _SYSTEM_CLASSES[name]:
            why = f"value of {name} PriorityClass must be {_SYSTEM_CLASSES[name]}"
        elif obj.get("globalDefault"):
            why = f"globalDefault of {name} PriorityClass must be false"
        else:
            why = ""
        if why:
            errors.append(
                fields.forbidden(
                    "metadata.name",
                    f"priority class names with 'system-' prefix are reserved for system use only. error: {why}",
                )
            )
    elif value > _HIGHEST:
        errors.append(fields.forbidden("value", f"maximum allowed value of a user defined priority is {_HIGHEST}"))
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        errors.append(
            fields.not_supported("preemptionPolicy", policy, ("PreemptLowerPriority", "Never"))
            if policy
            else fields.required("preemptionPolicy")
        )
    return errors


def priority_class_update(new: Obj, old: Obj) -> Errors:
    errors: Errors = []
    if new.get("value", 0) != old.get("value", 0):
        errors.append(fields.forbidden("value", "may not be changed in an update."))
    return errors + meta.immutable(new.get("preemptionPolicy"), old.get("preemptionPolicy"), "preemptionPolicy")


def lease(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    errors: Errors = []
    if duration is not None and duration <= 0:
        errors.append(fields.invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        errors.append(fields.invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))
    return errors


def lease_update(new: Obj, old: Obj) -> Errors:
    return lease(new)
