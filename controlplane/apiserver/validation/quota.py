"""LimitRanges and ResourceQuotas (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta
from controlplane.apiserver.validation.quantities import (
    container_resource_name,
    overcommit,
    quantity_value,
    quota_resource_name,
    resource_name,
    value_of,
)
from controlplane.quantity import NANO

Obj = dict[str, Any]
Errors = list[FieldError]

_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_NOT_FOR_PODS = "may not be specified when `type` is 'Pod'"
_SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)
_PAIRS = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_COMPUTE = frozenset(
    (
        "pods",
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
    )
)
_STANDARD_QUOTA = _COMPUTE | {
    "requests.storage",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
    "resourcequotas",
}
_MUST_EXIST = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
    "ResourceQuotaScopeCrossNamespacePodAffinity"
)


def limit_range(obj: Obj) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        at, kind = f"spec.limits[{i}]", item.get("type", "")
        errors += _limit_type(kind, f"{at}.type")
        if kind in seen:
            errors.append(fields.duplicate(f"{at}.type", kind))
        seen.add(kind)
        errors += _item(item, kind, at)
    return errors


def _limit_type(kind: str, path: str) -> Errors:
    errors = meta.label_name(kind, path)
    if not errors and "/" not in kind and kind not in _TYPES:
        errors.append(fields.invalid(path, kind, "must be a standard limit type or fully qualified"))
    return errors


def _item(item: Obj, kind: str, at: str) -> Errors:
    errors: Errors = []
    check = container_resource_name if kind in ("Pod", "Container") else resource_name
    amounts: dict[str, Obj] = {
        k: item.get(k) or {} for k in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
    }
    names: set[str] = set()
    for key, values in amounts.items():
        if kind == "Pod" and key in ("default", "defaultRequest"):
            if values:
                errors.append(fields.forbidden(f"{at}.{key}", _NOT_FOR_PODS))
            amounts[key] = {}
            continue
        if (
            key == "maxLimitRequestRatio"
            and kind == "PersistentVolumeClaim"
            and not ("storage" in amounts["min"] or "storage" in amounts["max"])
        ):
            errors.append(
                fields.required(
                    f"{at}.limits", "either minimum or maximum storage value is required, but neither was provided"
                )
            )
        for name in sorted(values):
            errors += check(name, f"{at}.{key}[{name}]")
        names.update(values)
    for name in sorted(names):
        errors += _order(name, {k: v[name] for k, v in amounts.items() if name in v}, at)
    return errors


def _order(name: str, have: Obj, at: str) -> Errors:
    errors: Errors = []

    def over(low: str, high: str, field: str, shown: str, message: str) -> None:
        if low in have and high in have and value_of(have[low]) > value_of(have[high]):
            errors.append(fields.invalid(f"{at}.{field}[{name}]", have[shown], message.format(have[low], have[high])))

    over("min", "max", "min", "min", "min value {} is greater than max value {}")
    over(
        "min",
        "defaultRequest",
        "defaultRequest",
        "defaultRequest",
        "min value {} is greater than default request value {}",
    )
    over(
        "defaultRequest",
        "max",
        "defaultRequest",
        "defaultRequest",
        "default request value {} is greater than max value {}",
    )
    over(
        "defaultRequest",
        "default",
        "defaultRequest",
        "defaultRequest",
        "default request value {} is greater than default limit value {}",
    )
    over("min", "default", "default", "min", "min value {} is greater than default value {}")
    over("default", "max", "default", "max", "default value {} is greater than max value {}")
    ratio = have.get("maxLimitRequestRatio")
    if ratio is not None:
        if value_of(ratio) < NANO:
            errors.append(fields.invalid(f"{at}.maxLimitRequestRatio[{name}]", ratio, f"ratio {ratio} is less than 1"))
        if "min" in have and "max" in have and value_of(have["min"]) > 0:
            most = value_of(have["max"]) / value_of(have["min"])
            if value_of(ratio) / NANO > most:
                errors.append(
                    fields.invalid(
                        f"{at}.maxLimitRequestRatio[{name}]", ratio, f"ratio {ratio} is greater than max/min = {most:f}"
                    )
                )
    if (
        not overcommit(name)
        and "default" in have
        and "defaultRequest" in have
        and (value_of(have["default"]) != value_of(have["defaultRequest"]))
    ):
        errors.append(
            fields.invalid(
                f"{at}.defaultRequest[{name}]",
                have["defaultRequest"],
                f"default value {have['default']} must equal to "
                f"defaultRequest value {have['defaultRequest']} in {name}",
            )
        )
    return errors


def _amounts(values: Obj, path: str) -> Errors:
    errors: Errors = []
    for name in sorted(values):
        errors += quota_resource_name(name, f"{path}[{name}]") + quantity_value(name, values[name], f"{path}[{name}]")
    return errors


def _allowed(scope: str, name: str) -> bool:
    if scope in ("Terminating", "NotTerminating", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity"):
        return name in _COMPUTE
    return name == "pods" if scope == "BestEffort" else True


def resource_quota(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    hard, scopes = spec.get("hard") or {}, spec.get("scopes") or []
    errors = _amounts(hard, "spec.hard")
    standard = [n for n in sorted(hard) if n in _STANDARD_QUOTA]
    for scope in scopes:
        if scope not in _SCOPES:
            errors.append(fields.invalid("spec.scopes", scopes, "unsupported scope"))
        errors += [
            fields.invalid("spec.scopes", scopes, "unsupported scope applied to resource")
            for n in standard
            if not _allowed(scope, n)
        ]
    errors += [
        fields.invalid("spec.scopes", scopes, "conflicting scopes") for a, b in _PAIRS if a in scopes and b in scopes
    ]
    if (selector := spec.get("scopeSelector")) is not None:
        errors += _scope_selector(selector, scopes, standard, "spec.scopeSelector.matchExpressions")
    return errors


def _scope_selector(selector: Obj, scopes: list[str], standard: list[str], path: str) -> Errors:
    errors: Errors = []
    named: set[str] = set()
    expressions = selector.get("matchExpressions") or []
    shown = Raw(
        '{"MatchExpressions":['
        + ",".join(
            f'{{"ScopeName":{go_json(e.get("scopeName", ""))},"Operator":{go_json(e.get("operator", ""))},'
            f'"Values":{go_json(e.get("values"))}}}'
            for e in expressions
        )
        + "]}"
    )
    for e in expressions:
        scope, operator, values = e.get("scopeName", ""), e.get("operator", ""), e.get("values") or []
        if scope not in _SCOPES:
            errors.append(fields.invalid(f"{path}.scopeName", scope, "unsupported scope"))
        errors += [
            fields.invalid(path, shown, "unsupported scope applied to resource")
            for n in standard
            if not _allowed(scope, n)
        ]
        if scope in _SCOPES[:4] + _SCOPES[5:6] and operator != "Exists":
            errors.append(fields.invalid(f"{path}.operator", operator, _MUST_EXIST))
        if operator in ("In", "NotIn"):
            if not values:
                errors.append(
                    fields.required(
                        f"{path}.values",
                        "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
                    )
                )
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                errors.append(
                    fields.invalid(
                        f"{path}.values",
                        values,
                        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
                    )
                )
        else:
            errors.append(fields.invalid(f"{path}.operator", operator, "not a valid selector operator"))
        named.add(scope)
    return errors + [
        fields.invalid(path, scopes or None, "conflicting scopes") for a, b in _PAIRS if a in named and b in named
    ]


def resource_quota_update(new: Obj, old: Obj) -> Errors:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if spec is before:
        return []
    errors = resource_quota(new)
    if set(spec.get("scopes") or ()) != set(before.get("scopes") or ()):
        errors.append(fields.invalid("spec.scopes", spec.get("scopes"), meta.IMMUTABLE))
    return errors


def resource_quota_status_update(new: Obj, old: Obj) -> Errors:
    status = new.get("status") or {}
    return _amounts(status.get("hard") or {}, "status.hard") + _amounts(status.get("used") or {}, "status.used")
