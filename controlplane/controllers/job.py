"""The Job controller: runs Pods until enough of them have succeeded (upstream: pkg/controller/job).

A finished Pod is counted exactly once, although it may vanish at any time: it carries a finalizer until its uid stands
in `status.uncountedTerminatedPods`; when the finalizer is gone, the uid is moved from there into the counters.
"""

from __future__ import annotations

from typing import Any, ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.controllers.base import controller_of
from controlplane.controllers.job_backoff import Record
from controlplane.controllers.job_sync import JobSync
from controlplane.controllers.job_tracking import is_done
from controlplane.controllers.pod_owner import Keys, PodOwner, orphans

TRACKING = "batch.kubernetes.io/job-tracking"
BATCH = 1.0  # seconds for which Pod events of one Job are gathered
ORPHAN = "pod:"  # keys of Pods whose Job is over


class JobController(PodOwner):
    """Creates and deletes the Pods of Jobs, counts those that end, and says when the Job has."""

    name = "job-controller"
    resource: ClassVar = "jobs"
    kind: ClassVar = "Job"
    finalizer: ClassVar = TRACKING
    watches: ClassVar = {"jobs": "on_owner", "pods": "on_pod"}

    def prepare(self) -> None:
        super().prepare()
        self.pods.add_index("orphans", orphans)
        self.backoff: dict[str, Record] = {}  # by the Job's uid
        self.removing: dict[str, None] = {}  # uids of Pods whose finalizer we removed and still see

    def on_owner(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        over = new if new is not None and is_done(new) else None if new is not None else old
        for pod in self.pods.by_index("controller", over["metadata"]["uid"]) if over is not None else ():
            if TRACKING in (pod["metadata"].get("finalizers") or ()):
                yield ORPHAN + key_of(pod)
        if old is not None and new is not None and old.get("spec") == new.get("spec"):
            self.enqueue(key_of(new), BATCH)
            return
        if new is None and old is not None:
            self.backoff.pop(old["metadata"]["uid"], None)
        yield from super().on_owner(type, old, new)

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        pod = new if new is not None else old or {}
        if new is None or TRACKING not in (new["metadata"].get("finalizers") or ()):
            self.removing.pop(pod["metadata"]["uid"], None)
        else:
            ref = controller_of(new)
            if ref is not None and ref["kind"] == self.kind and self._is_over(new):
                yield ORPHAN + key_of(new)
        for key in super().on_pod(type, old, new):
            self.enqueue(key, BATCH)

    def reconcile(self, key: str) -> float | None:
        if key.startswith(ORPHAN):
            self._free(key.removeprefix(ORPHAN))
            return None
        job = self.owners.get(key)
        if job is None:
            self.expectations.forget(key)
            return None
        if job["spec"].get("managedBy") not in (None, "kubernetes.io/job-controller"):
            return None
        if is_done(job):
            self.backoff.pop(job["metadata"]["uid"], None)
            return None
        pods = self.claimed(job)
        waiting = self.expectations.remaining(key)
        again = JobSync(self, key, job, pods, not waiting).run()
        return again if again is not None else waiting or None

    def _is_over(self, pod: Obj) -> bool:
        """Is the Pod's Job finished, or gone?"""
        key = self.owner_key(pod)
        job = self.owners.get(key) if key is not None else None
        return job is None or is_done(job)

    def _free(self, key: str) -> None:
        """A Pod whose Job is over is not counted any more: let it go."""
        pod = self.pods.get(key)
        ref = controller_of(pod) if pod is not None else None
        if pod is None or ref is None or ref["kind"] != self.kind or not self._is_over(pod):
            return
        try:
            job = self.client.get("jobs", ref["name"], pod["metadata"]["namespace"])
            if job["metadata"]["uid"] == ref["uid"] and not is_done(job):
                return  # not seen yet
        except ApiError as error:
            if not error.not_found:
                raise
        self.remove_finalizer(pod)

    def remove_finalizer(self, pod: Obj) -> None:
        """Raises ApiError, but not if the Pod is gone."""
        meta: Any = pod["metadata"]
        if TRACKING not in (meta.get("finalizers") or ()):
            return
        self.removing[meta["uid"]] = None
        try:
            patch = {"metadata": {"uid": meta["uid"], "$deleteFromPrimitiveList/finalizers": [TRACKING]}}
            self.client.patch("pods", meta["name"], patch, meta["namespace"], type="strategic")
        except ApiError as error:
            self.removing.pop(meta["uid"], None)
            if not error.not_found:
                raise

    def tracked(self, pods: Objs) -> Objs:
        """Those that are not counted for good yet."""
        return [
            pod
            for pod in pods
            if TRACKING in (pod["metadata"].get("finalizers") or ()) and pod["metadata"]["uid"] not in self.removing
        ]
