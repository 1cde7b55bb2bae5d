"""The CronJob controller: makes a Job whenever the schedule comes up (upstream: pkg/controller/cronjob)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.clock import parse_time, rfc3339
from controlplane.controllers.base import Controller, owner_reference
from controlplane.controllers.cron import Schedule
from controlplane.controllers.job_tracking import has, is_done
from controlplane.controllers.pod_control import namespace_terminating
from controlplane.controllers.pod_owner import controller_uid

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
DELTA = 0.1  # seconds after the time at which to look, so as not to look too early
TOO_MANY = 100  # missed times


class CronJobController(Controller):
    """Starts Jobs on time, keeps the list of active ones, and deletes old ones beyond the history limits."""

    name = "cronjob-controller"
    watches: ClassVar = {"cronjobs": "self", "jobs": "owner"}

    def prepare(self) -> None:
        self.cron_jobs = self.informer("cronjobs")
        self.jobs = self.informer("jobs")
        self.jobs.add_index("controller", controller_uid)

    def reconcile(self, key: str) -> float | None:
        cron = self.cron_jobs.get(key)
        if cron is None:
            return None
        jobs = sorted(self.jobs.by_index("controller", cron["metadata"]["uid"]), key=lambda j: j["metadata"]["name"])
        status = {**cron.get("status", {})}
        self._note_finished(cron, jobs, status)
        self._clean_up(cron, jobs)
        again = None
        if "deletionTimestamp" not in cron["metadata"] and not cron["spec"].get("suspend"):
            again = self._start(cron, jobs, status)
        if not status.get("active"):
            status.pop("active", None)
        if status != cron.get("status", {}):
            self.client.update_status({**cron, "status": status})
        return again

    def _note_finished(self, cron: Obj, jobs: Objs, status: Obj) -> None:
        """Bring the list of active Jobs up to date, and the time of the last success."""
        active = {ref["uid"]: ref for ref in status.get("active") or ()}
        for job in jobs:
            uid, name = job["metadata"]["uid"], job["metadata"]["name"]
            if not is_done(job):
                if uid not in active and "deletionTimestamp" not in job["metadata"]:
                    self.event(
                        cron,
                        "Warning",
                        "UnexpectedJob",
                        f"Saw a job that the controller did not create or forgot: {name}",
                    )
                continue
            condition = "Complete" if has(job, "Complete") else "Failed"
            if active.pop(uid, None) is not None:
                self.event(cron, "Normal", "SawCompletedJob", f"Saw completed job: {name}, condition: {condition}")
            ended = job["status"].get("completionTime")
            if condition == "Complete" and ended and ended > status.get("lastSuccessfulTime", ""):
                status["lastSuccessfulTime"] = ended
        known = {job["metadata"]["uid"] for job in jobs}
        for uid, ref in list(active.items()):
            if uid in known:
                continue
            try:
                there = self.client.get("jobs", ref["name"], cron["metadata"]["namespace"])["metadata"]["uid"] == uid
            except ApiError as error:
                if not error.not_found:
                    raise
                there = False
            if not there:
                self.event(cron, "Normal", "MissingJob", f"Active job went missing: {ref['name']}")
                del active[uid]
        status["active"] = list(active.values())

    def _clean_up(self, cron: Obj, jobs: Objs) -> None:
        for condition, field, default in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            done = [job for job in jobs if has(job, condition)]
            done.sort(key=lambda job: (job["status"].get("startTime", ""), job["metadata"]["name"]))
            for job in done[: max(len(done) - cron["spec"].get(field, default), 0)]:
                self._delete(cron, job)

    def _delete(self, cron: Obj, job: Obj) -> None:
        name = job["metadata"]["name"]
        try:
            self.client.delete("jobs", name, job["metadata"]["namespace"], propagation_policy="Background")
        except ApiError as error:
            if error.not_found:
                return
            self.event(cron, "Warning", "FailedDelete", f"Deleted job: {error.message}")
            raise
        self.event(cron, "Normal", "SuccessfulDelete", f"Deleted job {name}")

    # Starting ---------------------------------------------------------------------------------------------------------

    def _start(self, cron: Obj, jobs: Objs, status: Obj) -> float | None:
        now = self.loop.now()
        try:
            schedule = Schedule(cron["spec"]["schedule"], cron["spec"].get("timeZone") or "")
        except ValueError as error:
            reason = "UnknownTimeZone" if "time zone" in str(error) else "UnparseableSchedule"
            self.event(cron, "Warning", reason, f'unparseable schedule: "{cron["spec"]["schedule"]}" : {error}')
            return None
        due = self._due(cron, schedule, status, now)
        following = schedule.next(now)
        again = following - now + DELTA if following is not None else None
        if due is None or not self._in_time(cron, due, now) or self._started(jobs, status, due):
            return again
        policy = cron["spec"].get("concurrencyPolicy", "Allow")
        if policy == "Forbid" and status["active"]:
            self.event(
                cron,
                "Normal",
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid",
            )
            return again
        if policy == "Replace":
            for job in [job for job in jobs if any(r["uid"] == job["metadata"]["uid"] for r in status["active"])]:
                self._delete(cron, job)
            status["active"] = []
        self._create(cron, due, status)
        return again

    def _due(self, cron: Obj, schedule: Schedule, status: Obj, now: float) -> float | None:
        """The last time before now at which the schedule came up and no Job was started."""
        since = parse_time(status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"])
        deadline = cron["spec"].get("startingDeadlineSeconds")
        if deadline is not None:
            since = max(since, now - deadline)
        due, missed = None, 0
        moment = schedule.next(since)
        while moment is not None and moment <= now:
            due, missed = moment, missed + 1
            if missed > TOO_MANY:  # do not count each: take the last one
                self.event(
                    cron,
                    "Warning",
                    "TooManyMissedTimes",
                    "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
                )
                step: float | None = moment
                while step is not None and step <= now:
                    due, step = step, schedule.next(step)
                return due
            moment = schedule.next(moment)
        return due

    def _in_time(self, cron: Obj, due: float, now: float) -> bool:
        deadline = cron["spec"].get("startingDeadlineSeconds")
        if deadline is None or due + deadline >= now:
            return True
        self.event(cron, "Warning", "MissSchedule", f"Missed scheduled time to start a job: {rfc3339(due)}")
        return False

    def _started(self, jobs: Objs, status: Obj, due: float) -> bool:
        return status.get("lastScheduleTime") == rfc3339(due)

    def _create(self, cron: Obj, due: float, status: Obj) -> None:
        meta, template = cron["metadata"], cron["spec"]["jobTemplate"]
        t_meta = template.get("metadata") or {}
        stamp = rfc3339(due)
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "spec": template["spec"],
            "metadata": {
                "name": f"{meta['name']}-{int(due) // 60}",
                "namespace": meta["namespace"],
                "labels": t_meta.get("labels") or {},
                "annotations": {**(t_meta.get("annotations") or {}), SCHEDULED: stamp},
                "ownerReferences": [owner_reference(cron)],
            },
        }
        try:
            made = self.client.create(job)
        except ApiError as error:
            if namespace_terminating(error):
                return
            if not error.already_exists:
                self.event(cron, "Warning", "FailedCreate", f"Error creating job: {error.message}")
                raise
            made = self.client.get("jobs", job["metadata"]["name"], meta["namespace"])
            if not any(ref["uid"] == meta["uid"] for ref in made["metadata"].get("ownerReferences") or ()):
                self.event(cron, "Warning", "FailedCreate", f"Error creating job: {error.message}")
                raise
        else:
            self.event(cron, "Normal", "SuccessfulCreate", f"Created job {made['metadata']['name']}")
        fresh = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": made["metadata"]["name"],
            "namespace": meta["namespace"],
            "resourceVersion": made["metadata"]["resourceVersion"],
            "uid": made["metadata"]["uid"],
        }
        if not is_done(made):
            status["active"] = [*status["active"], fresh]
        status["lastScheduleTime"] = stamp
