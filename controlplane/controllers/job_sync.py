"""One pass over one Job (upstream: pkg/controller/job/job_controller.go, syncJob and manageJob)."""

from __future__ import annotations

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.clock import parse_time, rfc3339
from controlplane.controllers import job_backoff as backoff
from controlplane.controllers import job_indexes as indexes
from controlplane.controllers.job_policies import match_failure, match_success
from controlplane.controllers.job_tracking import JobTracking, has
from controlplane.controllers.pod_control import namespace_terminating, pod_from, slow_start
from controlplane.controllers.pods import deletion_order, is_ready

BURST = 500  # Pods created or deleted in one pass
COMPLETIONS = ("CompletionsReached", "Reached expected number of succeeded pods")


class JobSync(JobTracking):
    """Decides whether a Job is over, and creates or deletes Pods; `run` is the pass."""

    # The pass ---------------------------------------------------------------------------------------------------------

    def run(self) -> float | None:
        tracked = [pod for pod in self.controller.tracked(self.pods) if self._valid(pod)]
        fresh_succeeded = [
            p
            for p in tracked
            if p.get("status", {}).get("phase") == "Succeeded"
            and p["metadata"]["uid"] not in self.uncounted["succeeded"]
        ]
        fresh_failed = [p for p in tracked if self._failed(p) and p["metadata"]["uid"] not in self.uncounted["failed"]]
        self.succeeded = self.status.get("succeeded", 0) + len(fresh_succeeded) + len(self.uncounted["succeeded"])
        counted = [p for p in fresh_failed if match_failure(self.job, p)[0] != "Ignore"]
        self.failed = self.status.get("failed", 0) + len(counted) + len(self.uncounted["failed"])
        started = self.status.get("startTime")
        if started is None and not self.suspended:
            self.status["startTime"] = rfc3339(self.now)
        uid = self.job["metadata"]["uid"]
        self.record = backoff.updated(self.controller.backoff.get(uid, backoff.Record()), fresh_succeeded, fresh_failed)
        self._decide()
        if self.indexed:
            self._decide_by_index(tracked)
        failure = self._end() if self.finish is not None else self._go_on()
        numbers = {"active": len(self.active), "ready": self.ready, "terminating": self.terminating}
        for field, number in numbers.items():
            self.status[field] = number
        if not self.status["active"]:
            del self.status["active"]
        self._track()
        if failure is not None:
            raise failure
        return self.again

    def _decide(self) -> None:
        """Is it over, one way or the other?"""
        met, target = has(self.job, "SuccessCriteriaMet"), has(self.job, "FailureTarget")
        if met is not None:
            self.finish = ("Complete", met.get("reason", ""), met.get("message", ""))
            return
        if target is not None:
            self.finish = ("Failed", target.get("reason", ""), target.get("message", ""))
            return
        for pod in self.pods:
            if self._failed(pod):
                action, message = match_failure(self.job, pod)
                if action == "FailJob":
                    self.finish = ("Failed", "PodFailurePolicy", message)
                    return
        limit = self.spec.get("backoffLimit", 6)
        deadline = self.spec.get("activeDeadlineSeconds")
        if self.failed > limit or self._restarted_too_often(limit):
            self.finish = ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        elif deadline is not None and not self.suspended:
            left = parse_time(self.status["startTime"]) + deadline - self.now
            if left <= 0:
                self.finish = ("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
            else:
                self.controller.enqueue(self.key, left)

    def _restarted_too_often(self, limit: int) -> bool:
        if self.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
            return False
        total = 0
        for pod in self.pods:
            status = pod.get("status", {})
            if status.get("phase") in ("Running", "Pending"):
                for part in ("initContainerStatuses", "containerStatuses"):
                    total += sum(c.get("restartCount", 0) for c in status.get(part) or ())
        return total > 0 if limit == 0 else total >= limit

    def _decide_by_index(self, tracked: Objs) -> None:
        completions = self.spec["completions"]
        self.succeeded_before = indexes.parse(self.status.get("completedIndexes", ""), completions)
        now_done = {indexes.index_of(p) for p in tracked if p.get("status", {}).get("phase") == "Succeeded"}
        self.succeeded_indexes = self.succeeded_before | now_done
        self.succeeded = len(self.succeeded_indexes)
        if self.per_index:
            broken = [p for p in tracked if self._failed(p)]
            self.failed_indexes = indexes.parse(self.status.get("failedIndexes") or "", completions)
            self.failed_indexes |= {indexes.index_of(p) for p in broken if backoff.index_failed(self.job, p)}
            most, failed = self.spec.get("maxFailedIndexes"), len(self.failed_indexes)
            if self.finish is None and most is not None and failed > most:
                self.finish = (
                    "Failed",
                    "MaxFailedIndexesExceeded",
                    "Job has exceeded the specified maximal number of failed indexes",
                )
            elif self.finish is None and failed and failed + self.succeeded >= completions:
                self.finish = ("Failed", "FailedIndexes", "Job has failed indexes")
            busy = self.succeeded_indexes | self.failed_indexes | {indexes.index_of(p) for p in self.active}
            self.delayed = backoff.delayed(broken, busy)
        if self.finish is None and (message := match_success(self.job, self.succeeded_indexes)):
            self.finish = ("Complete", "SuccessPolicy", message)

    def _end(self) -> ApiError | None:
        """Delete what still runs; only when nothing does, the Job is over."""
        failure, gone = None, []
        for pod in self.active:
            try:
                self.controller.control.delete(pod, self.job)
                gone.append(pod)
            except ApiError as error:
                failure = error
        self._less(gone)
        if self.active or not self.may_manage:
            self.finish = None
        return failure

    def _less(self, gone: Objs) -> None:
        self.active = [pod for pod in self.active if pod not in gone]
        self.terminating += len(gone)
        self.ready -= sum(map(is_ready, gone))

    def _go_on(self) -> Exception | None:
        failure: Exception | None = None
        managed = self.may_manage and "deletionTimestamp" not in self.job["metadata"]
        if managed:
            failure = self._manage()
        completions = self.spec.get("completions")
        enough = self.succeeded > 0 if completions is None else self.succeeded >= completions
        if enough and not self.active:
            self.finish = ("Complete", *COMPLETIONS)
        elif managed and self.suspended:
            if self._set_condition("Suspended", "True", "JobSuspended", "Job suspended"):
                self.controller.event(self.job, "Normal", "Suspended", "Job suspended")
        elif managed and self._set_condition("Suspended", "False", "JobResumed", "Job resumed"):
            self.controller.event(self.job, "Normal", "Resumed", "Job resumed")
            self.status["startTime"] = rfc3339(self.now)
        return failure

    def _manage(self) -> Exception | None:
        parallelism, completions = self.spec.get("parallelism", 1), self.spec.get("completions")
        if self.suspended:
            return self._remove(self.active)
        if completions is None:
            wanted = len(self.active) if self.succeeded else parallelism
        else:
            wanted = max(min(completions - self.succeeded, parallelism), 0)
        surplus = indexes.superfluous(self.active, completions, self.now) if self.indexed else []
        rest = [pod for pod in self.active if pod not in surplus]
        more = len(self.active) - wanted - len(surplus)
        if more > 0:
            surplus += deletion_order(rest, [], self.now)[:more]
        if surplus:
            return self._remove(surplus[:BURST])
        going = self.terminating if self._only_replaces_failed() else 0
        missing = min(wanted - going - len(self.active), BURST)
        return self._create(missing) if missing > 0 else None

    def _remove(self, pods: Objs) -> Exception | None:
        controller, gone, failure = self.controller, [], None
        controller.expectations.expect_deletions(self.key, [key_of(pod) for pod in pods])
        for pod in pods:
            try:
                controller.remove_finalizer(pod)
                there = controller.control.delete(pod, self.job)
            except ApiError as error:
                there, failure = False, failure or error
            else:
                gone.append(pod)
            if not there:
                controller.expectations.deletion_observed(self.key, key_of(pod))
        self._less(gone)
        return failure

    def _create(self, missing: int) -> Exception | None:
        if not self.per_index and (wait := self.record.remaining(self.now)) > 0:
            self.again = wait
            self.active = []
            return None
        todo: list[int] = []
        if self.indexed:
            busy = self.succeeded_indexes | self.failed_indexes | {indexes.index_of(pod) for pod in self.active}
            todo = [index for index in range(self.spec["completions"]) if index not in busy][:missing]
            if self.per_index:
                waits = {i: backoff.index_wait(self.delayed[i], self.now) if i in self.delayed else 0.0 for i in todo}
                now = [index for index in todo if not waits[index]]
                if todo and not now:
                    self.again = min(waits.values())
                    self.active = []
                    return None
                todo = now
            missing = len(todo)
        controller, made = self.controller, list[Obj]()
        controller.expectations.expect_creations(self.key, missing)

        def create(number: int) -> None:
            try:
                made.append(controller.control.create(self._pod(todo[number] if self.indexed else None), self.job))
            except ApiError as error:
                if not namespace_terminating(error):
                    raise

        done, failure = slow_start(missing, create)
        for _ in range(missing - done):
            controller.expectations.creation_observed(self.key)
        self.active = self.active + made
        return failure

    def _pod(self, index: int | None) -> Obj:
        template = self.spec["template"]
        if index is not None:
            notes = backoff.replacement_notes(self.job, self.delayed.get(index)) if self.per_index else {}
            template = indexes.with_index(template, self.job, index, notes)
        pod = pod_from(template, self.job)
        finalizers = pod["metadata"].get("finalizers") or []
        if self.controller.finalizer not in finalizers:
            pod["metadata"]["finalizers"] = [*finalizers, self.controller.finalizer]
        if index is not None:
            pod["metadata"]["generateName"] = indexes.generate_name(self.job, index)
        return pod
