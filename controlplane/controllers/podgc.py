"""Pod garbage collection: Pods that no kubelet will ever remove (upstream: pkg/controller/podgc)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.clock import rfc3339
from controlplane.controllers.base import Controller
from controlplane.controllers.node_lifecycle import on_node
from controlplane.controllers.pods import condition, is_finished

PERIOD = 20.0  # seconds
QUARANTINE = 40.0  # seconds for which a node must be gone
THRESHOLD = 12_500  # finished Pods that may be kept; --terminated-pod-gc-threshold
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


class PodGCController(Controller):
    """Looks every 20 s: finished Pods beyond the threshold, Pods on nodes that are gone, and Pods that were asked to
    go before they had a node."""

    name = "pod-garbage-collector"
    watches: ClassVar = {}

    def prepare(self) -> None:
        self.pods = self.informer("pods")
        self.nodes = self.informer("nodes")
        self.pods.add_index("node", on_node)
        self.pods.add_index("finished", lambda pod: ["yes"] if is_finished(pod) else [])
        self.pods.add_index("unscheduled", lambda pod: [] if pod["spec"].get("nodeName") else ["yes"])
        self._missing: dict[str, float] = {}  # node -> since when it has not been there

    def started(self) -> None:
        self.every(PERIOD, self._collect)

    def _collect(self) -> None:
        self._finished()
        self._on_lost_nodes()
        self._out_of_service()
        for pod in self.pods.by_index("unscheduled", "yes"):
            if "deletionTimestamp" in pod["metadata"]:
                self._remove(pod, "")

    def _finished(self) -> None:
        if len(self.pods) <= THRESHOLD:
            return
        done = sorted(
            self.pods.by_index("finished", "yes"),
            key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"]),
        )
        for pod in done[: max(len(done) - THRESHOLD, 0)]:
            self._remove(pod, "")

    def _on_lost_nodes(self) -> None:
        now = self.loop.now()
        used = dict.fromkeys(pod["spec"].get("nodeName") for pod in self.pods.list())
        lost = [name for name in used if name and self.nodes.get(name) is None]
        self._missing = {name: self._missing.get(name, now) for name in lost}
        for name, since in self._missing.items():
            if now - since < QUARANTINE:
                continue
            try:
                self.client.get("nodes", name)
            except ApiError as error:
                if not error.not_found:
                    raise
                for pod in self.pods.by_index("node", name):
                    self._remove(pod, "PodGC: node no longer exists")

    def _out_of_service(self) -> None:
        for node in self.nodes.list():
            taints: Objs = node["spec"].get("taints") or []
            ready = (condition(node, "Ready") or {}).get("status") == "True"
            if ready or not any(taint["key"] == OUT_OF_SERVICE for taint in taints):
                continue
            for pod in self.pods.by_index("node", node["metadata"]["name"]):
                if "deletionTimestamp" in pod["metadata"]:
                    self._remove(pod, "")

    def _remove(self, pod: Obj, why: str) -> None:
        """Delete at once.  A Pod that had not ended ends as Failed first, so that its Job or ReplicaSet counts it."""
        meta, status = pod["metadata"], pod.get("status", {})
        try:
            if not is_finished(pod):
                patch: Obj = {"phase": "Failed"}
                if why:
                    patch["conditions"] = [
                        {
                            "type": "DisruptionTarget",
                            "status": "True",
                            "reason": "DeletionByPodGC",
                            "message": why,
                            "lastTransitionTime": rfc3339(self.loop.now()),
                        }
                    ]
                elif status.get("phase") != "Failed":
                    patch["conditions"] = status.get("conditions") or []
                self.client.patch(
                    "pods",
                    meta["name"],
                    {"metadata": {"uid": meta["uid"]}, "status": patch},
                    meta["namespace"],
                    type="strategic",
                    subresource="status",
                )
            self.client.delete("pods", meta["name"], meta["namespace"], grace_period_seconds=0, uid=meta["uid"])
        except ApiError as error:
            if not error.not_found and not error.conflict:
                raise
