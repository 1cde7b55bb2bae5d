"""Deployments and the other workloads (kubernetes: pkg/apis/apps/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.meta import nonnegative
from controlplane.apiserver.validation.pod_spec import template
from controlplane.apiserver.validation.semantics import same

Obj = dict[str, Any]
Errors = list[FieldError]

NO_MATCH = "`selector` does not match template `labels`"
_TOO_MANY = "cannot be greater than status.replicas"


def spec_of(obj: Obj) -> Obj:
    return obj.get("spec") or {}


def nonnegative_field(obj: Obj, key: str, path: str) -> Errors:
    value = obj.get(key) or 0
    return nonnegative(value, f"{path}.{key}") if value < 0 else []


def required_selector(spec: Obj, path: str, empty: str) -> Errors:
    selector = spec.get("selector")
    if selector is None:
        return [fields.required(path)]
    errors = meta.label_selector(selector, path)
    if meta.empty_selector(selector):
        errors.append(fields.invalid(path, meta.show_selector(selector), empty))
    return errors


def template_labels(spec: Obj, path: str) -> Errors:
    """Whether the selector, if it can be read, selects what the template makes; none selects nothing."""
    selector = spec.get("selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if selector is not None and meta.matches(selector, labels or {}):
        return []
    return [fields.invalid(f"{path}.metadata.labels", labels, NO_MATCH)]


def broken_selector(spec: Obj, path: str) -> bool:
    """Upstream then says no more than that."""
    return bool(meta.label_selector(spec.get("selector"), path))


def restart_always(pod: Obj, path: str) -> Errors:
    policy = pod.get("restartPolicy", "")
    if policy == "Always":
        return []
    return [fields.not_supported(f"{path}.restartPolicy", policy, ("Always",))]


def replicated_template(spec: Obj, path: str, owner: str) -> Errors:
    """ValidatePodTemplateSpecForReplicaSet."""
    if broken_selector(spec, "selector"):
        return []
    errors = template_labels(spec, path)
    errors += template(spec.get("template") or {}, path)
    pod = (spec.get("template") or {}).get("spec") or {}
    errors += restart_always(pod, f"{path}.spec")
    if pod.get("activeDeadlineSeconds") is not None:
        errors.append(
            fields.forbidden(f"{path}.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {owner} is not Supported")
        )
    return errors


# Deployments.


def int_or_percent(value: Any, path: str) -> Errors:
    """ValidatePositiveIntOrPercent."""
    if isinstance(value, str):
        return [fields.invalid(path, value, m) for m in text.percent(value)]
    return nonnegative(value, path) if value < 0 else []


def percent_of(value: Any) -> int | None:
    return int(value[:-1]) if isinstance(value, str) and not text.percent(value) else None


def not_over_hundred(value: Any, path: str) -> Errors:
    percent = percent_of(value)
    if percent is None or percent <= 100:
        return []
    return [fields.invalid(path, value, "must not be greater than 100%")]


def whole_or_percent(value: Any) -> int:
    percent = percent_of(value)
    return percent if percent is not None else value if isinstance(value, int) else 0


def _rolling_update(rolling: Obj | None, path: str) -> Errors:
    if rolling is None:
        return [fields.required(path, "this should be defaulted and never be nil")]
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = int_or_percent(unavailable, f"{path}.maxUnavailable") + int_or_percent(surge, f"{path}.maxSurge")
    if whole_or_percent(unavailable) == 0 and whole_or_percent(surge) == 0:
        errors.append(fields.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    return errors + not_over_hundred(unavailable, f"{path}.maxUnavailable")


def _strategy(strategy: Obj, path: str) -> Errors:
    kind = strategy.get("type", "")
    if kind == "Recreate":
        if strategy.get("rollingUpdate") is None:
            return []
        return [fields.forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")]
    if kind == "RollingUpdate":
        return _rolling_update(strategy.get("rollingUpdate"), f"{path}.rollingUpdate")
    shown = Raw(f'{{"Type":{go_json(kind)},"RollingUpdate":null}}')
    return [fields.not_supported(path, shown, ("Recreate", "RollingUpdate"))]


def deployment(obj: Obj) -> Errors:
    spec = spec_of(obj)
    errors = nonnegative_field(spec, "replicas", "spec")
    errors += required_selector(spec, "spec.selector", "empty selector is invalid for deployment")
    if broken_selector(spec, "selector"):
        errors.append(
            fields.invalid("spec.selector", meta.show_selector(spec.get("selector")), "invalid label selector")
        )
    else:
        errors += replicated_template(spec, "spec.template", "ReplicaSet")
    errors += _strategy(spec.get("strategy") or {}, "spec.strategy")
    errors += nonnegative_field(spec, "minReadySeconds", "spec")
    errors += nonnegative_field(spec, "revisionHistoryLimit", "spec")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        errors += nonnegative_field(spec, "progressDeadlineSeconds", "spec")
        if deadline <= spec.get("minReadySeconds", 0):
            errors.append(
                fields.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
            )
    return errors


def selector_update(new: Obj, old: Obj) -> Errors:
    after, before = spec_of(new).get("selector"), spec_of(old).get("selector")
    if after is before or same(after, before):
        return []
    return [fields.invalid("spec.selector", meta.show_selector(after), meta.IMMUTABLE)]


def deployment_update(new: Obj, old: Obj) -> Errors:
    if new.get("spec") is old.get("spec"):
        return []
    return deployment(new) + selector_update(new, old)


def nonnegative_counts(status: Obj, keys: tuple[str, ...]) -> Errors:
    errors: Errors = []
    for key in keys:
        errors += nonnegative_field(status, key, "status")
    return errors


def not_over_replicas(status: Obj, keys: tuple[str, ...]) -> Errors:
    replicas = status.get("replicas", 0)
    return [fields.invalid(f"status.{k}", count, _TOO_MANY) for k in keys if (count := status.get(k, 0)) > replicas]


def available_in_bounds(status: Obj) -> Errors:
    if status.get("availableReplicas", 0) <= status.get("readyReplicas", 0):
        return []
    return [
        fields.invalid(
            "status.availableReplicas", status.get("availableReplicas", 0), "cannot be greater than readyReplicas"
        )
    ]


def collisions_not_decremented(new: Obj, old: Obj) -> Errors:
    now, was = (new.get("status") or {}).get("collisionCount"), (old.get("status") or {}).get("collisionCount")
    if was is None or (now is not None and now >= was):
        return []
    return [fields.invalid("status.collisionCount", now or 0, "cannot be decremented")]


def deployment_status_update(new: Obj, old: Obj) -> Errors:
    status = new.get("status") or {}
    errors = nonnegative_counts(
        status,
        (
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "terminatingReplicas",
            "unavailableReplicas",
            "collisionCount",
        ),
    )
    errors += not_over_replicas(status, ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return errors + available_in_bounds(status) + collisions_not_decremented(new, old)


# ReplicaSets and ReplicationControllers.


def replica_set(obj: Obj) -> Errors:
    spec = spec_of(obj)
    errors = nonnegative_field(spec, "replicas", "spec") + nonnegative_field(spec, "minReadySeconds", "spec")
    errors += required_selector(spec, "spec.selector", "empty selector is invalid for deployment")
    if broken_selector(spec, "selector"):
        return [
            *errors,
            fields.invalid("spec.selector", meta.show_selector(spec.get("selector")), "invalid label selector"),
        ]
    return errors + replicated_template(spec, "spec.template", "ReplicaSet")


def replica_set_update(new: Obj, old: Obj) -> Errors:
    if new.get("spec") is old.get("spec"):
        return []
    return replica_set(new) + selector_update(new, old)


def replica_status_update(new: Obj, old: Obj) -> Errors:
    status = new.get("status") or {}
    keys = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    errors = nonnegative_counts(status, ("replicas", *keys, "terminatingReplicas", "observedGeneration"))
    return errors + not_over_replicas(status, keys) + available_in_bounds(status)


def replication_controller(obj: Obj) -> Errors:
    spec = spec_of(obj)
    errors = nonnegative_field(spec, "minReadySeconds", "spec")
    selector = spec.get("selector") or {}
    if not selector:
        errors.append(fields.required("spec.selector"))
    errors += nonnegative_field(spec, "replicas", "spec")
    pods = spec.get("template")
    if pods is None:
        return [*errors, fields.required("spec.template")]
    labels = (pods.get("metadata") or {}).get("labels")
    if any((labels or {}).get(k) != v for k, v in selector.items()):
        errors.append(fields.invalid("spec.template.metadata.labels", labels, NO_MATCH))
    errors += template(pods, "spec.template") + restart_always(pods.get("spec") or {}, "spec.template.spec")
    if (pods.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        errors.append(
            fields.forbidden(
                "spec.template.spec.activeDeadlineSeconds",
                "activeDeadlineSeconds in ReplicationController is not Supported",
            )
        )
    return errors


def replication_controller_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("spec") is old.get("spec") else replication_controller(new)
