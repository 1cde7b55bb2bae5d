"""Counting the Pods of a Job, each once (upstream: job_controller.go, trackJobStatusAndRemoveFinalizers)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.clock import rfc3339
from controlplane.controllers import job_indexes as indexes
from controlplane.controllers.job_backoff import Record
from controlplane.controllers.job_policies import match_failure
from controlplane.controllers.pods import is_active, is_ready, is_terminating

if TYPE_CHECKING:
    from controlplane.controllers.job import JobController

MAX_UNCOUNTED = 500  # Pods whose uids may stand in the status


def has(job: Obj, type: str) -> Obj | None:
    """The Job's condition of this type, if it holds."""
    return next(
        (c for c in job.get("status", {}).get("conditions") or () if c["type"] == type and c["status"] == "True"), None
    )


def is_done(job: Obj) -> bool:
    """Complete or Failed, for good."""
    return has(job, "Complete") is not None or has(job, "Failed") is not None


class JobTracking:
    """What is known of a Job in one pass, and the end of the pass: `_track` counts, writes the status, frees Pods."""

    def __init__(self, controller: JobController, key: str, job: Obj, pods: Objs, may_manage: bool) -> None:
        self.controller = controller
        self.key = key
        self.job = job
        self.spec = job["spec"]
        self.now = controller.loop.now()
        self.pods = pods
        self.may_manage = may_manage
        self.status: Obj = {**job.get("status", {})}
        self.status["conditions"] = list(self.status.get("conditions") or ())
        old = self.status.get("uncountedTerminatedPods") or {}
        self.uncounted = {"succeeded": list(old.get("succeeded") or ()), "failed": list(old.get("failed") or ())}
        self.active = [pod for pod in pods if is_active(pod)]
        self.ready = sum(map(is_ready, self.active))
        self.terminating = sum(map(is_terminating, pods))
        self.again: float | None = None
        self.indexed = indexes.is_indexed(job)
        self.per_index = self.indexed and self.spec.get("backoffLimitPerIndex") is not None
        self.succeeded_before: set[int] = set()
        self.succeeded_indexes: set[int] = set()
        self.failed_indexes: set[int] = set()
        self.record = Record()
        self.delayed: dict[int, Obj] = {}
        self.finish: tuple[str, str, str] | None = None  # (condition, reason, message) that ends the Job

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend"))

    def _failed(self, pod: Obj) -> bool:
        """Failed, or going before it could end; with podReplacementPolicy Failed only what really failed."""
        status = pod.get("status", {})
        if status.get("phase") == "Failed":
            return True
        if self._only_replaces_failed():
            return False
        return "deletionTimestamp" in pod["metadata"] and status.get("phase") != "Succeeded"

    def _only_replaces_failed(self) -> bool:
        return bool(self.spec.get("podReplacementPolicy") == "Failed" or self.spec.get("podFailurePolicy"))

    def _valid(self, pod: Obj) -> bool:
        return not self.indexed or 0 <= indexes.index_of(pod) < self.spec["completions"]

    # Counting, each Pod once ------------------------------------------------------------------------------------------

    def _track(self) -> None:
        tracked = self.controller.tracked(self.pods)
        held = {pod["metadata"]["uid"] for pod in tracked}
        self._count_freed(held)
        free: Objs = []
        new_indexes: set[int] = set()
        for pod in sorted(tracked, key=indexes.index_of) if self.indexed else tracked:
            if len(new_indexes) + sum(map(len, self.uncounted.values())) >= MAX_UNCOUNTED:
                self.again = 0.0
                self.finish = None
                break
            if self._may_free(pod):
                free.append(pod)
                self._note(pod, new_indexes)
        if self.indexed:
            self._note_indexes(new_indexes)
        finish = self.finish
        if finish is not None:
            interim = "SuccessCriteriaMet" if finish[0] == "Complete" else "FailureTarget"
            self._set_condition(interim, "True", *finish[1:])
        self._flush()
        self.controller.backoff[self.job["metadata"]["uid"]] = self.record
        failure: ApiError | None = None
        for pod in free:
            try:
                self.controller.remove_finalizer(pod)
                held.discard(pod["metadata"]["uid"])
            except ApiError as error:
                failure = error
        self._count_freed(held)
        over = finish is not None and not any(self.uncounted.values()) and self.terminating <= 0
        if over and finish is not None:
            self._set_condition(finish[0], "True", *finish[1:])
            if finish[0] == "Complete":
                self.status["completionTime"] = rfc3339(self.now)
        self._flush()
        if over and finish is not None:
            self._announce(*finish)
        if failure is not None:
            raise failure

    def _may_free(self, pod: Obj) -> bool:
        if "deletionTimestamp" in self.job["metadata"] or self.finish is not None:
            return True
        if pod.get("status", {}).get("phase") == "Succeeded":
            return True
        waits = self.delayed.get(indexes.index_of(pod)) if self.per_index else None
        return self._failed(pod) and (waits is None or waits["metadata"]["uid"] != pod["metadata"]["uid"])

    def _note(self, pod: Obj, new_indexes: set[int]) -> None:
        """Write down that the Pod is to be counted."""
        uid, index = pod["metadata"]["uid"], indexes.index_of(pod)
        if pod.get("status", {}).get("phase") == "Succeeded" and uid not in self.uncounted["failed"]:
            if self.indexed:
                if self._valid(pod) and index not in self.succeeded_before:
                    new_indexes.add(index)
            elif uid not in self.uncounted["succeeded"]:
                self.uncounted["succeeded"].append(uid)
            return
        over = self.finish is not None and self.finish[0] == "Failed"
        counts = self._valid(pod) and match_failure(self.job, pod)[0] != "Ignore"
        if (over or self._failed(pod)) and counts and uid not in self.uncounted["failed"]:
            self.uncounted["failed"].append(uid)

    def _note_indexes(self, new: set[int]) -> None:
        done = self.succeeded_before | new
        self.status["succeeded"] = len(done)
        self.status["completedIndexes"] = indexes.compress(done)
        for field in ("succeeded", "completedIndexes"):
            if not self.status[field]:
                del self.status[field]
        if self.per_index:
            self.status["failedIndexes"] = indexes.compress(self.failed_indexes)

    def _count_freed(self, held: set[str]) -> None:
        """Pods that have lost their finalizer go from the list into the counters."""
        for field, uids in self.uncounted.items():
            left = [uid for uid in uids if uid in held]
            if len(left) != len(uids):
                self.status[field] = self.status.get(field, 0) + len(uids) - len(left)
                self.uncounted[field] = left

    def _set_condition(self, type: str, state: str, reason: str, message: str) -> bool:
        """Whether that changed anything.  A condition that never held is not added as False."""
        conditions: Objs = self.status["conditions"]
        stamp = rfc3339(self.now)
        new = {
            "type": type,
            "status": state,
            "lastProbeTime": stamp,
            "lastTransitionTime": stamp,
            "reason": reason,
            "message": message,
        }
        for at, old in enumerate(conditions):
            if old["type"] == type:
                if (old["status"], old.get("reason"), old.get("message")) == (state, reason, message):
                    return False
                conditions[at] = new
                return True
        if state != "False":
            conditions.append(new)
        return state != "False"

    def _flush(self) -> None:
        status = {
            **self.status,
            "conditions": list(self.status["conditions"]),
            "uncountedTerminatedPods": {field: uids for field, uids in self.uncounted.items() if uids},
        }
        if not status["conditions"]:
            del status["conditions"]
        if status != self.job.get("status"):
            self.job = self.controller.client.update_status({**self.job, "status": status})

    def _announce(self, type: str, reason: str, message: str) -> None:
        say, completions = self.controller.event, self.spec.get("completions")
        if type == "Failed":
            say(self.job, "Warning", reason, message)
            return
        if completions is not None and self.status.get("succeeded", 0) > completions:
            say(
                self.job,
                "Warning",
                "TooManySucceededPods",
                "Too many succeeded pods running after completion count reached",
            )
        say(self.job, "Normal", "Completed", "Job completed")
