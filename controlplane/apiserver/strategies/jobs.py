"""Jobs and CronJobs (kubernetes: pkg/registry/batch)."""

from __future__ import annotations

from controlplane.apiserver.strategies.base import Obj, Strategy
from controlplane.apiserver.strategies.context import Context
from controlplane.apiserver.validation.batch import CONTROLLER_UID, JOB_NAME


class JobStrategy(Strategy):
    """A Job that does not choose its own selector gets one that no other Job has: its uid."""

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        spec, metadata = obj["spec"], obj["metadata"]
        if spec.get("manualSelector"):
            return
        uid, name = metadata.get("uid", ""), metadata.get("name", "")
        template = spec.setdefault("template", {})
        template_meta = template.setdefault("metadata", {})
        template_meta["labels"] = {
            **(template_meta.get("labels") or {}),
            "controller-uid": uid,
            "job-name": name,
            CONTROLLER_UID: uid,
            JOB_NAME: name,
        }
        selector = spec["selector"] = dict(spec.get("selector") or {})
        labels = dict(selector.get("matchLabels") or {})
        labels.setdefault(CONTROLLER_UID, uid)
        selector["matchLabels"] = labels
