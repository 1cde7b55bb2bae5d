"""What people see of a failed attempt: an event, and the Pod's PodScheduled condition (upstream: schedule_one.go,
handleSchedulingFailure)."""

from __future__ import annotations

from collections.abc import Callable

from controlplane.client.base import ApiError, Obj
from controlplane.clock import rfc3339
from controlplane.scheduler.framework import Nominated
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.queue import Queued, SchedulingQueue

MAX_MESSAGE = 1024  # characters of an event


class Reporter:
    """Puts a Pod back in the queue and says why.  `current` finds the newest version of a Pod that needs a node."""

    def __init__(self, handle: Handle, queue: SchedulingQueue, current: Callable[[PodInfo], Obj | None]) -> None:
        self.handle = handle
        self.queue = queue
        self.current = current

    def refused(self, item: Queued, message: str, nominated: Nominated | None) -> None:
        """No node fits; `nominated` None leaves an earlier nomination as it is."""
        self._fail(item, message, "Unschedulable", nominated)

    def broken(self, item: Queued, message: str) -> None:
        """Something broke: try again after a back-off."""
        item.plugins = ()
        self._fail(item, message, "SchedulerError", Nominated(""))

    def _fail(self, item: Queued, message: str, reason: str, nominated: Nominated | None) -> None:
        newest = self.current(item.pod)
        if newest is None:
            self.queue.done(item.pod.key)
            return
        item.pod = PodInfo(newest)
        self.queue.retry(item)
        if nominated is not None:
            self.handle.nominator.set(item.pod, nominated.node)
        short = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 4] + " ..."
        self.handle.event(item.pod.scheduler_name, item.pod.pod, "Warning", "FailedScheduling", short)
        self._write_status(item.pod, message, reason, nominated)

    def _write_status(self, pod: PodInfo, message: str, reason: str, nominated: Nominated | None) -> None:
        conditions = (pod.get("status") or {}).get("conditions") or ()
        old: Obj = next((c for c in conditions if c["type"] == "PodScheduled"), {})
        new: Obj = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        generation = pod["metadata"].get("generation")
        if generation:
            new["observedGeneration"] = generation
        patch: Obj = {}
        if any(old.get(field) != value for field, value in new.items()):
            since = old.get("lastTransitionTime") if old.get("status") == "False" else None
            new["lastProbeTime"] = None
            new["lastTransitionTime"] = since or rfc3339(self.handle.loop.now())
            patch["conditions"] = [new]
        if nominated is not None and nominated.node != pod.nominated_node:
            patch["nominatedNodeName"] = nominated.node or None
        if not patch:
            return
        body = {"metadata": {"uid": pod.uid}, "status": patch}
        try:
            self.handle.client.patch("pods", pod.name, body, pod.namespace, type="strategic", subresource="status")
        except ApiError:
            return  # it is written again with the next attempt
