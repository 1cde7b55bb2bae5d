"""Defaults of workloads (kubernetes: pkg/apis/{apps,batch,autoscaling,policy}/*/defaults.go)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.defaults.pod import claim_spec, template

Obj = dict[str, Any]


def _default(obj: Obj, key: str, value: Any) -> None:
    if obj.get(key) is None:
        obj[key] = value


def _text(obj: Obj, key: str, value: str) -> None:
    if not obj.get(key):
        obj[key] = value


def deployment(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _default(spec, "replicas", 1)
    strategy = spec.setdefault("strategy", {})
    _text(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        _default(rolling, "maxUnavailable", "25%")
        _default(rolling, "maxSurge", "25%")
    _default(spec, "revisionHistoryLimit", 10)
    _default(spec, "progressDeadlineSeconds", 600)
    template(spec.setdefault("template", {}))


def replica_set(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _default(spec, "replicas", 1)
    template(spec.setdefault("template", {}))


def replication_controller(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if "template" in spec:
        template(spec["template"])
        labels = spec["template"].get("metadata", {}).get("labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            meta = obj.setdefault("metadata", {})
            if not meta.get("labels"):
                meta["labels"] = dict(labels)
    _default(spec, "replicas", 1)


def stateful_set(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _text(spec, "podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        _default(strategy["rollingUpdate"], "partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    _text(retention, "whenDeleted", "Retain")
    _text(retention, "whenScaled", "Retain")
    _default(spec, "replicas", 1)
    _default(spec, "revisionHistoryLimit", 10)
    template(spec.setdefault("template", {}))
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim_spec(claim.setdefault("spec", {}))
        _text(claim.setdefault("status", {}), "phase", "Pending")


def daemon_set(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    strategy = spec.setdefault("updateStrategy", {})
    _text(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        _default(rolling, "maxUnavailable", 1)
        _default(rolling, "maxSurge", 0)
    _default(spec, "revisionHistoryLimit", 10)
    template(spec.setdefault("template", {}))


def job_spec(spec: Obj) -> None:
    """*Note*: of a Job only: a CronJob's template gets the defaults of its Pod, and the Job later its own."""
    completions, parallelism = spec.get("completions"), spec.get("parallelism")
    if completions is None and parallelism is None:
        spec["completions"] = 1
    _default(spec, "parallelism", 1)
    _default(spec, "backoffLimit", 2147483647 if spec.get("backoffLimitPerIndex") is not None else 6)
    _text(spec, "completionMode", "NonIndexed")
    _default(spec, "suspend", False)
    policy = spec.get("podFailurePolicy")
    if policy:
        for rule in policy.get("rules") or ():
            for pattern in rule.get("onPodConditions") or ():
                _text(pattern, "status", "True")
    if not spec.get("podReplacementPolicy"):
        spec["podReplacementPolicy"] = "Failed" if policy else "TerminatingOrFailed"


def job(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    job_spec(spec)
    template(spec.setdefault("template", {}))


def cron_job(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _text(spec, "concurrencyPolicy", "Allow")
    _default(spec, "suspend", False)
    _default(spec, "successfulJobsHistoryLimit", 3)
    _default(spec, "failedJobsHistoryLimit", 1)
    job_template = spec.setdefault("jobTemplate", {})
    job_template.setdefault("metadata", {})
    template(job_template.setdefault("spec", {}).setdefault("template", {}))


def _scaling_rules(rules: Obj | None, window: int | None, policies: list[Obj]) -> Obj:
    rules = {} if rules is None else rules
    if window is not None:
        _default(rules, "stabilizationWindowSeconds", window)
    _text(rules, "selectPolicy", "Max")
    if rules.get("policies") is None:
        rules["policies"] = policies
    return rules


def autoscaler_v2(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _default(spec, "minReplicas", 1)
    if not spec.get("metrics"):
        spec["metrics"] = [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ]
    if "behavior" in spec:
        behavior = spec["behavior"]
        behavior["scaleUp"] = _scaling_rules(
            behavior.get("scaleUp"),
            0,
            [{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}],
        )
        behavior["scaleDown"] = _scaling_rules(
            behavior.get("scaleDown"), None, [{"type": "Percent", "value": 100, "periodSeconds": 15}]
        )


def autoscaler_v1(obj: Obj) -> None:
    _default(obj.setdefault("spec", {}), "minReplicas", 1)
