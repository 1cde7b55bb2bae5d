"""Pods (kubernetes: pkg/registry/core/pod/strategy.go)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.strategies import label_keys
from controlplane.apiserver.strategies.base import Errors, Obj, Strategy
from controlplane.apiserver.strategies.context import Context
from controlplane.apiserver.validation import pods
from controlplane.apiserver.validation.semantics import same


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, of cpu and memory (kubernetes: pkg/apis/core/v1/helper/qos)."""
    if resources := spec.get("resources"):
        return _qos([resources])
    return _qos([c.get("resources") or {} for key in ("containers", "initContainers") for c in spec.get(key) or ()])


def _qos(all_resources: list[Obj]) -> str:
    some, guaranteed = False, True
    for resources in all_resources:
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        for name in ("cpu", "memory"):
            request, limit = requests.get(name), limits.get(name)
            some = some or not _zero(request) or not _zero(limit)
            if _zero(limit) or request != limit:
                guaranteed = False
    if not some:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _zero(quantity: Any) -> bool:
    return quantity is None or str(quantity).lstrip("0.").rstrip("kMGTPEmi") == ""


class PodStrategy(Strategy):
    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        spec = obj.get("spec") or {}
        obj["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
        if spec.get("schedulingGates"):
            obj["status"]["conditions"] = [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "SchedulingGated",
                    "message": "Scheduling is blocked due to non-empty scheduling gates",
                }
            ]
        spec = label_keys.merged(spec, obj["metadata"].get("labels") or {})
        if spec:
            obj["spec"] = spec

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        self._keep_metadata(new, old)
        self._keep_status(new, old)
        if not same(new.get("spec"), old.get("spec")):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def prepare_for_status_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_status_update(new, old, ctx)
        if "ownerReferences" in old["metadata"]:
            new["metadata"]["ownerReferences"] = old["metadata"]["ownerReferences"]
        else:
            new["metadata"].pop("ownerReferences", None)
        status, before = new.setdefault("status", {}), old.get("status") or {}
        if not status.get("qosClass") and before.get("qosClass"):
            status["qosClass"] = before["qosClass"]
        if not status.get("observedGeneration") and before.get("observedGeneration"):
            status["observedGeneration"] = before["observedGeneration"]

    def validate_update(self, new: Obj, old: Obj, ctx: Context) -> Errors:
        return self._metadata_update(new, old) + self._metadata(new) + pods.pod_update(new, old)

    def check_graceful_delete(self, obj: Obj, options: Obj) -> int | None:
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        period = options.get("gracePeriodSeconds")
        if period is None:
            period = spec.get("terminationGracePeriodSeconds") or 0
        if not spec.get("nodeName") or status.get("phase") in ("Failed", "Succeeded"):
            period = 0
        return 1 if period < 0 else int(period)

    def _warns_again(self, obj: Obj, old: Obj) -> bool:
        return True
