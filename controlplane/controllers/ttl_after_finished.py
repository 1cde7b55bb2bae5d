"""The TTL-after-finished controller: deletes Jobs some time after they ended.

Upstream: pkg/controller/ttlafterfinished.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj
from controlplane.clock import parse_time
from controlplane.controllers.base import Controller
from controlplane.controllers.job_tracking import has


def expires(job: Obj) -> float | None:
    """When a Job's time is up; None for one that is not finished, or has no limit."""
    ttl = job["spec"].get("ttlSecondsAfterFinished")
    ended = has(job, "Complete") or has(job, "Failed")
    if ttl is None or ended is None or "deletionTimestamp" in job["metadata"]:
        return None
    return parse_time(ended["lastTransitionTime"]) + float(ttl)


class TTLAfterFinishedController(Controller):
    """Deletes finished Jobs in the foreground when `ttlSecondsAfterFinished` has passed."""

    name = "ttl-after-finished-controller"
    watches: ClassVar = {"jobs": "self"}

    def reconcile(self, key: str) -> float | None:
        job = self.informer("jobs").get(key)
        if job is None or (when := expires(job)) is None:
            return None
        if when > self.loop.now():
            return when - self.loop.now()
        meta = job["metadata"]
        try:  # the cache may be late: somebody may have prolonged its life
            fresh = self.client.get("jobs", meta["name"], meta["namespace"])
            when = expires(fresh) or self.loop.now() + 1
            if when <= self.loop.now():
                self.client.delete(
                    "jobs",
                    meta["name"],
                    meta["namespace"],
                    propagation_policy="Foreground",
                    uid=fresh["metadata"]["uid"],
                )
        except ApiError as error:
            if not error.not_found:
                raise
        return None
