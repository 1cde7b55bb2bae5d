"""Kinds that are served in two versions, or by two groups, from the same stored objects.

(kubernetes: pkg/apis/autoscaling/v1/conversion.go, pkg/apis/events/v1/conversion.go; apiextensions-apiserver:
pkg/apiserver/conversion/nop_converter.go)

*Note*: of a HorizontalPodAutoscaler in autoscaling/v1, what v2 alone can say is kept in annotations as upstream does,
but for metrics that are not of a resource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from controlplane.apiserver.codec import DecodeError, decode, encode
from controlplane.apiserver.defaults import apply as apply_defaults
from controlplane.apiserver.resources import ResourceInfo

Obj = dict[str, Any]
Convert = Callable[[Obj], Obj]


class Conversion(NamedTuple):
    """Both ways between a version and the one that is stored; both return a new object that shares parts."""

    to_stored: Convert
    from_stored: Convert


def conversion(info: ResourceInfo) -> Conversion | None:
    """How a resource's objects become what is stored; None if they are stored as they are."""
    if info.custom:
        return _renamed(info.storage_version, info.api_version)
    if info.storage_version in ("", info.api_version):
        return None
    return CONVERSIONS[info.api_version, info.kind]


def _renamed(stored: str, served: str) -> Conversion:
    """Versions of a custom kind differ in their names alone (strategy None)."""

    def rename(obj: Obj, version: str) -> Obj:
        return obj if obj["apiVersion"] == version else {**obj, "apiVersion": version}

    return Conversion(lambda obj: rename(obj, stored), lambda obj: rename(obj, served))


def _moved(obj: Obj, names: dict[str, str]) -> Obj:
    """The members of `obj` under their new names."""
    return {names.get(key, key): value for key, value in obj.items()}


# Event: events.k8s.io/v1 and v1 --------------------------------------------------------------------------------------

_EVENT_NAMES = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_CORE_NAMES = {core: new for new, core in _EVENT_NAMES.items()}


def _event_to_core(event: Obj) -> Obj:
    core: Obj = {**_moved(event, _EVENT_NAMES), "apiVersion": "v1"}
    for key, empty in (("involvedObject", {}), ("source", {}), ("reportingComponent", ""), ("reportingInstance", "")):
        core.setdefault(key, empty)
    for key in ("firstTimestamp", "lastTimestamp", "eventTime"):
        core.setdefault(key, None)
    return core


def _event_from_core(event: Obj) -> Obj:
    new: Obj = {**_moved(event, _CORE_NAMES), "apiVersion": "events.k8s.io/v1"}
    for key in ("deprecatedFirstTimestamp", "deprecatedLastTimestamp", "eventTime"):
        new.setdefault(key, None)
    for key in ("reportingController", "reportingInstance"):
        if not new.get(key):
            new.pop(key, None)
    return new


# HorizontalPodAutoscaler: autoscaling/v1 and autoscaling/v2 ----------------------------------------------------------

_ANNOTATION = "autoscaling.alpha.kubernetes.io/"
_KEPT = {"conditions": "conditions", "behavior": "behavior", "metrics": "metrics", "currentMetrics": "current-metrics"}


def _hpa_to_v2(hpa: Obj) -> Obj:
    meta, spec, status = hpa["metadata"], dict(hpa.get("spec") or {}), dict(hpa.get("status") or {})
    annotations = dict(meta.get("annotations") or {})
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    current = status.pop("currentCPUUtilizationPercentage", None)
    metrics = _take(annotations, "metrics") or []
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}, *metrics]
    if metrics:
        spec["metrics"] = metrics
    if behavior := _take(annotations, "behavior"):
        spec["behavior"] = behavior
    shown = _take(annotations, "currentMetrics") or []
    if current is not None:
        cpu = {"name": "cpu", "current": {"averageUtilization": current}}
        shown = [{"type": "Resource", "resource": cpu}, *shown]
    status["currentMetrics"] = shown or None
    if conditions := _take(annotations, "conditions"):
        status["conditions"] = conditions
    new = {**hpa, "apiVersion": "autoscaling/v2", "metadata": _annotated(meta, annotations), "spec": spec}
    new["status"] = status
    apply_defaults("autoscaling/v2", "HorizontalPodAutoscaler", new)
    return new


def _hpa_from_v2(hpa: Obj) -> Obj:
    meta, spec, status = hpa["metadata"], dict(hpa.get("spec") or {}), dict(hpa.get("status") or {})
    annotations = dict(meta.get("annotations") or {})
    others = []
    for metric in spec.pop("metrics", None) or ():
        percentage = _of_cpu(metric, "target")
        if percentage is not None and "targetCPUUtilizationPercentage" not in spec:
            spec["targetCPUUtilizationPercentage"] = percentage
        elif metric["type"] == "Resource":
            others.append(metric)
    shown = []
    for metric in status.pop("currentMetrics", None) or ():
        percentage = _of_cpu(metric, "current")
        if percentage is not None:
            status["currentCPUUtilizationPercentage"] = percentage
        else:
            shown.append(metric)
    values = (status.pop("conditions", None), spec.pop("behavior", None), others, shown)
    for name, value in zip(_KEPT.values(), values, strict=True):
        if value:
            annotations[_ANNOTATION + name] = encode(value).decode()
    new = {**hpa, "apiVersion": "autoscaling/v1", "metadata": _annotated(meta, annotations), "spec": spec}
    new["status"] = {"currentReplicas": 0, "desiredReplicas": 0, **status}
    return new


def _of_cpu(metric: Obj, what: str) -> int | None:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    found: int | None = (resource.get(what) or {}).get("averageUtilization")
    return found


def _take(annotations: Obj, field: str) -> Any:
    """What an annotation keeps; nothing if somebody wrote something else into it."""
    try:
        return decode(annotations.pop(_ANNOTATION + _KEPT[field], "null").encode())
    except DecodeError:
        return None


def _annotated(meta: Obj, annotations: Obj) -> Obj:
    kept = {key: value for key, value in meta.items() if key != "annotations"}
    return {**kept, "annotations": annotations} if annotations else kept


CONVERSIONS: dict[tuple[str, str], Conversion] = {
    ("events.k8s.io/v1", "Event"): Conversion(_event_to_core, _event_from_core),
    ("autoscaling/v1", "HorizontalPodAutoscaler"): Conversion(_hpa_to_v2, _hpa_from_v2),
}
