"""The controllers of Pods: how many are wanted, and how many there are."""

from __future__ import annotations

from controlplane.apiserver.tables.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Obj,
    at,
    containers,
    created,
    label_text,
    name,
    selector_text,
)


def _template(obj: Obj) -> Cells:
    return containers(at(obj, "spec.template", {}))


def _count(obj: Obj, path: str) -> int:
    return int(at(obj, path, 0))


def _ready(obj: Obj) -> str:
    return f"{_count(obj, 'status.readyReplicas')}/{_count(obj, 'spec.replicas')}"


def print_deployment(obj: Obj, now: float) -> Cells:
    return [
        name(obj),
        _ready(obj),
        _count(obj, "status.updatedReplicas"),
        _count(obj, "status.availableReplicas"),
        created(obj, now),
        *_template(obj),
        selector_text(at(obj, "spec.selector"), "", "<invalid>"),
    ]


def _replicas(obj: Obj, now: float) -> Cells:
    counts = [_count(obj, path) for path in ("spec.replicas", "status.replicas", "status.readyReplicas")]
    return [name(obj), *counts, created(obj, now), *_template(obj)]


def print_replica_set(obj: Obj, now: float) -> Cells:
    return [*_replicas(obj, now), selector_text(at(obj, "spec.selector"))]


def print_replication_controller(obj: Obj, now: float) -> Cells:
    return [*_replicas(obj, now), label_text(at(obj, "spec.selector"))]


def print_stateful_set(obj: Obj, now: float) -> Cells:
    return [name(obj), _ready(obj), created(obj, now), *_template(obj)]


def print_daemon_set(obj: Obj, now: float) -> Cells:
    counts = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    return [
        name(obj),
        *(_count(obj, f"status.{count}") for count in counts),
        label_text(at(obj, "spec.template.spec.nodeSelector")),
        created(obj, now),
        *_template(obj),
        selector_text(at(obj, "spec.selector")),
    ]


def print_controller_revision(obj: Obj, now: float) -> Cells:
    owner = next((o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")), None)
    controller = NONE
    if owner:
        group = owner["apiVersion"].rpartition("/")[0]
        kind = f"{owner['kind']}.{group}" if group else owner["kind"]
        controller = f"{kind.lower()}/{owner['name']}"
    return [name(obj), controller, obj.get("revision", 0), created(obj, now)]


def print_scale(obj: Obj, now: float) -> Cells:
    return [name(obj), _count(obj, "spec.replicas"), _count(obj, "status.replicas"), created(obj, now)]


def print_pod_disruption_budget(obj: Obj, now: float) -> Cells:
    return [
        name(obj),
        str(at(obj, "spec.minAvailable", "N/A")),
        str(at(obj, "spec.maxUnavailable", "N/A")),
        _count(obj, "status.disruptionsAllowed"),
        created(obj, now),
    ]


def print_autoscaler(obj: Obj, now: float) -> Cells:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    metrics, current = spec.get("metrics") or [], status.get("currentMetrics") or []
    if percent := spec.get("targetCPUUtilizationPercentage"):  # autoscaling/v1 knows but this one metric
        metrics, current = [_cpu("target", percent)], [_cpu("current", status.get("currentCPUUtilizationPercentage"))]
    return [
        name(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(metrics, current),
        str(spec.get("minReplicas", UNSET)),
        _count(obj, "spec.maxReplicas"),
        _count(obj, "status.currentReplicas"),
        created(obj, now),
    ]


def _cpu(what: str, percent: int | None) -> Obj:
    return {"type": "Resource", "resource": {"name": "cpu", what: {"averageUtilization": percent}}}


def _metrics(specs: list[Obj], statuses: list[Obj]) -> str:
    """`cpu: 30%/80%, 5/10 + 1 more...`: what is measured over what is aimed at."""
    if not specs:
        return NONE
    shown = []
    for place, spec in enumerate(specs):
        type_ = spec.get("type", "")
        source = type_[:1].lower() + type_[1:]
        target = at(spec, f"{source}.target", {})
        current = at(statuses[place], f"{source}.current", {}) if place < len(statuses) else {}
        prefix = f"{at(spec, f'{source}.name', '')}: " if type_ in ("Resource", "ContainerResource") else ""
        if type_ not in ("Resource", "ContainerResource", "Pods", "Object", "External"):
            shown.append("<unknown type>")
        elif target.get("averageValue") is not None:
            suffix = " (avg)" if type_ in ("Object", "External") else ""
            shown.append(f"{prefix}{current.get('averageValue') or UNKNOWN}/{target['averageValue']}{suffix}")
        elif prefix:
            used, wanted = current.get("averageUtilization"), target.get("averageUtilization")
            left = UNKNOWN if used is None else f"{used}%"
            shown.append(f"{prefix}{left}/{'<auto>' if wanted is None else f'{wanted}%'}")
        else:
            shown.append(f"{current.get('value') or UNKNOWN}/{target.get('value', 0)}")
    text = ", ".join(shown[:2])
    return f"{text} + {len(shown) - 2} more..." if len(shown) > 2 else text


PRINTERS = {
    "apps/Deployment": print_deployment,
    "apps/ReplicaSet": print_replica_set,
    "apps/StatefulSet": print_stateful_set,
    "apps/DaemonSet": print_daemon_set,
    "apps/ControllerRevision": print_controller_revision,
    "/ReplicationController": print_replication_controller,
    "autoscaling/Scale": print_scale,
    "autoscaling/HorizontalPodAutoscaler": print_autoscaler,
    "policy/PodDisruptionBudget": print_pod_disruption_budget,
}
