"""Carrying Pod statuses to the API server, and finished Pods out of it (upstream: pkg/kubelet/status).

A write that fails, because the server is away or somebody else wrote in between, is tried again until it succeeds or
the Pod is gone; of several statuses that wait only the newest counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controlplane.client.base import ApiError

if TYPE_CHECKING:
    from controlplane.node.kubelet import Kubelet
    from controlplane.node.pod_worker import PodWorker

RETRY = 10.0  # seconds, upstream's syncPeriod


class StatusManager:
    """The statuses of one kubelet's Pods."""

    def __init__(self, kubelet: Kubelet) -> None:
        self.kubelet = kubelet
        self._waiting: dict[str, PodWorker] = {}  # by uid: to be written
        self._removals: dict[str, PodWorker] = {}  # by uid: to be deleted
        self._retrying = False

    def clear(self) -> None:
        self._waiting.clear()
        self._removals.clear()
        self._retrying = False

    def write(self, worker: PodWorker) -> None:
        """Write the worker's status, now if possible."""
        if worker.uid in self._waiting:
            return
        if not self._put(worker):
            self._waiting[worker.uid] = worker
            self._retry_later()

    def remove(self, worker: PodWorker) -> None:
        """Everything of the Pod has ended: delete it for good, once its last status is written."""
        if worker.uid in self._removals:
            return
        if worker.uid in self._waiting or not self._delete(worker):
            self._removals[worker.uid] = worker
            self._retry_later()

    def retry(self) -> None:
        """Try again what failed: also called as soon as the server answers again."""
        self._retrying = False
        for uid, worker in list(self._waiting.items()):
            if worker.closed or self._put(worker):
                self._waiting.pop(uid, None)
            else:
                break  # the server is away: the others need not try
        for uid, worker in list(self._removals.items()):
            if worker.closed or (uid not in self._waiting and self._delete(worker)):
                self._removals.pop(uid, None)
        if self._waiting or self._removals:
            self._retry_later()

    def _retry_later(self) -> None:
        if not self._retrying:
            self._retrying = True
            self.kubelet.later(RETRY, self._retry_if_waiting)

    def _retry_if_waiting(self) -> None:
        if self._retrying:
            self.retry()

    def _put(self, worker: PodWorker) -> bool:
        """Write one status.  False: try again."""
        status, client = worker.status, self.kubelet.client
        in_api = worker.mirror if worker.static else worker.pod
        if in_api is None:
            return True
        try:
            stored = client.update_status({**in_api, "status": status})
        except ApiError as error:
            if error.not_found and not worker.static:
                self.kubelet.later(0.0, self.kubelet.lost, worker)
            if not error.conflict:
                return error.not_found
        else:
            worker.written(stored, status)
            return True
        try:
            meta = in_api["metadata"]
            fresh = client.get("pods", meta["name"], meta["namespace"])
        except ApiError as error:
            return error.not_found
        if fresh["metadata"]["uid"] == meta["uid"]:
            worker.update(fresh)  # somebody else wrote: look at what they made of it, and write again
        return True

    def _delete(self, worker: PodWorker) -> bool:
        meta = worker.pod["metadata"]
        try:
            self.kubelet.client.delete("pods", meta["name"], meta["namespace"], grace_period_seconds=0, uid=worker.uid)
        except ApiError as error:
            return error.not_found or error.conflict
        return True
