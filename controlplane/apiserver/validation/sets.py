"""StatefulSets, DaemonSets and ControllerRevisions (kubernetes: pkg/apis/apps/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.pod_spec import template
from controlplane.apiserver.validation.semantics import same
from controlplane.apiserver.validation.workloads import (
    available_in_bounds,
    broken_selector,
    collisions_not_decremented,
    int_or_percent,
    nonnegative_counts,
    nonnegative_field,
    not_over_hundred,
    not_over_replicas,
    required_selector,
    restart_always,
    spec_of,
    template_labels,
    whole_or_percent,
)

Obj = dict[str, Any]
Errors = list[FieldError]

_CHANGEABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_NOT_CHANGEABLE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
    "'minReadySeconds' are forbidden"
)


def _retention(policy: Obj | None, path: str) -> Errors:
    errors: Errors = []
    for key in ("whenDeleted", "whenScaled"):
        value = (policy or {}).get(key, "Retain")
        if value not in ("Retain", "Delete"):
            errors.append(fields.not_supported(f"{path}.{key}", value, ("Delete", "Retain")))
    return errors


def stateful_set(obj: Obj) -> Errors:
    spec = spec_of(obj)
    policy = spec.get("podManagementPolicy", "")
    errors: Errors = []
    if not policy:
        errors.append(fields.required("spec.podManagementPolicy"))
    elif policy not in ("OrderedReady", "Parallel"):
        errors.append(fields.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"))
    errors += _update_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    errors += _retention(spec.get("persistentVolumeClaimRetentionPolicy"), "spec.persistentVolumeClaimRetentionPolicy")
    errors += nonnegative_field(spec, "replicas", "spec") + nonnegative_field(spec, "minReadySeconds", "spec")
    errors += nonnegative_field(spec, "revisionHistoryLimit", "spec")
    if (ordinals := spec.get("ordinals")) is not None:
        errors += nonnegative_field(ordinals, "start", "spec.ordinals")
    errors += required_selector(spec, "spec.selector", "empty selector is invalid for statefulset")
    if broken_selector(spec, "selector"):
        return [*errors, fields.invalid("spec.selector", meta.show_selector(spec.get("selector")), "")]
    errors += template_labels(spec, "spec.template")
    pods = spec.get("template") or {}
    metadata = pods.get("metadata") or {}
    errors += meta.labels(metadata.get("labels"), "spec.template.labels")
    errors += meta.annotation_map(metadata.get("annotations"), "spec.template.annotations")
    errors += _pods(pods, spec, "spec.template")
    pod = pods.get("spec") or {}
    errors += restart_always(pod, "spec.template.spec")
    if pod.get("activeDeadlineSeconds") is not None:
        errors.append(
            fields.forbidden(
                "spec.template.spec.activeDeadlineSeconds", "activeDeadlineSeconds in StatefulSet is not Supported"
            )
        )
    return errors


def _pods(pods: Obj, spec: Obj, path: str) -> Errors:
    """The template with the volumes that the claims will give: upstream looks at what does not need them only."""
    claims = [
        {"name": (c.get("metadata") or {}).get("name", ""), "persistentVolumeClaim": {"claimName": "claim"}}
        for c in spec.get("volumeClaimTemplates") or ()
    ]
    pod = pods.get("spec") or {}
    names = {c["name"] for c in claims}
    volumes = [v for v in pod.get("volumes") or () if v.get("name") not in names]
    whole = {**pods, "metadata": {}, "spec": {**pod, "volumes": volumes + [c for c in claims if c["name"]]}}
    return template(whole, path)


def _update_strategy(strategy: Obj, path: str) -> Errors:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if not kind:
        return [fields.required(path)]
    if kind == "OnDelete":
        if rolling is None:
            return []
        return [
            fields.invalid(
                f"{path}.rollingUpdate", _show_rolling(rolling), "only allowed for updateStrategy 'RollingUpdate'"
            )
        ]
    if kind != "RollingUpdate":
        shown = Raw(
            f'{{"Type":{go_json(kind)},"RollingUpdate":{"null" if rolling is None else _show_rolling(rolling)}}}'
        )
        return [fields.invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")]
    if rolling is None:
        return []
    errors = nonnegative_field(rolling, "partition", f"{path}.rollingUpdate")
    if (most := rolling.get("maxUnavailable")) is not None:
        at = f"{path}.rollingUpdate.maxUnavailable"
        errors += int_or_percent(most, at)
        if whole_or_percent(most) == 0:
            errors.append(fields.invalid(at, most, "cannot be 0"))
        errors += not_over_hundred(most, at)
    return errors


def _show_rolling(rolling: Obj) -> Raw:
    most = go_json(rolling["maxUnavailable"]) if "maxUnavailable" in rolling else "null"
    return Raw(f'{{"Partition":{rolling.get("partition", 0)},"MaxUnavailable":{most}}}')


def stateful_set_update(new: Obj, old: Obj) -> Errors:
    spec, before = spec_of(new), spec_of(old)
    if spec is before:
        return []
    errors = stateful_set(new)
    if not same(
        {k: v for k, v in spec.items() if k not in _CHANGEABLE},
        {k: v for k, v in before.items() if k not in _CHANGEABLE},
    ):
        errors.append(fields.forbidden("spec", _NOT_CHANGEABLE))
    return errors


def stateful_set_status_update(new: Obj, old: Obj) -> Errors:
    status = new.get("status") or {}
    keys = ("readyReplicas", "currentReplicas", "updatedReplicas")
    errors = nonnegative_counts(
        status, ("replicas", *keys, "availableReplicas", "observedGeneration", "collisionCount")
    )
    errors += not_over_replicas(status, (*keys, "availableReplicas"))
    return errors + available_in_bounds(status) + collisions_not_decremented(new, old)


def daemon_set(obj: Obj) -> Errors:
    spec = spec_of(obj)
    errors: Errors = []
    selector = spec.get("selector")
    errors += meta.label_selector(selector, "spec.selector")
    if not broken_selector(spec, "selector"):
        errors += template_labels(spec, "spec.template")
    if selector is not None and meta.empty_selector(selector):
        errors.append(
            fields.invalid("spec.selector", meta.show_selector(selector), "empty selector is invalid for daemonset")
        )
    pods = spec.get("template") or {}
    errors += template(pods, "spec.template")
    pod = pods.get("spec") or {}
    errors += restart_always(pod, "spec.template.spec")
    if pod.get("activeDeadlineSeconds") is not None:
        errors.append(
            fields.forbidden(
                "spec.template.spec.activeDeadlineSeconds", "activeDeadlineSeconds in DaemonSet is not Supported"
            )
        )
    errors += nonnegative_field(spec, "minReadySeconds", "spec")
    errors += _daemon_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    return errors + nonnegative_field(spec, "revisionHistoryLimit", "spec")


def _daemon_strategy(strategy: Obj, path: str) -> Errors:
    kind = strategy.get("type", "")
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        shown = Raw(f'{{"Type":{go_json(kind)},"RollingUpdate":null}}')
        return [fields.not_supported(path, shown, ("OnDelete", "RollingUpdate"))]
    rolling = strategy.get("rollingUpdate")
    if rolling is None:
        return [fields.required(f"{path}.rollingUpdate")]
    at = f"{path}.rollingUpdate"
    most, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = int_or_percent(most, f"{at}.maxUnavailable") + not_over_hundred(most, f"{at}.maxUnavailable")
    errors += int_or_percent(surge, f"{at}.maxSurge") + not_over_hundred(surge, f"{at}.maxSurge")
    has_most, has_surge = whole_or_percent(most) != 0, whole_or_percent(surge) != 0
    if has_most and has_surge:
        errors.append(fields.invalid(f"{at}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    elif not has_most and not has_surge:
        errors.append(fields.required(f"{at}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors


def daemon_set_update(new: Obj, old: Obj) -> Errors:
    spec, before = spec_of(new), spec_of(old)
    if spec is before:
        return []
    errors: Errors = []
    if not same(spec.get("selector"), before.get("selector")):
        errors.append(fields.invalid("spec.selector", meta.show_selector(spec.get("selector")), meta.IMMUTABLE))
    return errors + daemon_set(new)


_DAEMON_COUNTS = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
)


def daemon_set_status_update(new: Obj, old: Obj) -> Errors:
    return nonnegative_counts(new.get("status") or {}, _DAEMON_COUNTS) + collisions_not_decremented(new, old)


def controller_revision(obj: Obj) -> Errors:
    errors: Errors = []
    if obj.get("data") is None:
        errors.append(fields.required("data", "data is mandatory"))
    revision = obj.get("revision", 0)
    return errors + (meta.nonnegative(revision, "revision") if revision < 0 else [])


def controller_revision_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("data") == old.get("data") else [fields.invalid("data", new.get("data"), meta.IMMUTABLE)]


def stateful_set_name(name: str, prefix: bool) -> list[str]:
    """A label, for the name becomes a part of the name of each Pod."""
    return text.name_is_label(name, prefix)
