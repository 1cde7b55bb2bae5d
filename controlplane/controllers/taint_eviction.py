"""The taint eviction controller: Pods leave a node with a NoExecute taint that they do not tolerate, or not for longer.

Upstream: pkg/controller/tainteviction.  Every Pod tolerates "not ready" and "unreachable" for 300 s unless it says
otherwise (the admission plugin DefaultTolerationSeconds adds that), hence the five minutes.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.clock import Timer, rfc3339
from controlplane.controllers.base import Controller
from controlplane.controllers.deployment_status import with_condition
from controlplane.controllers.node_lifecycle import on_node
from controlplane.controllers.node_taints import tolerates


class TaintEvictionController(Controller):
    """Reconciles Pods: a key is a Pod's; nodes lead to the Pods on them."""

    name = "taint-eviction-controller"
    watches: ClassVar = {"pods": "on_pod", "nodes": "on_node"}

    def prepare(self) -> None:
        self.pods = self.informer("pods")
        self.nodes = self.informer("nodes")
        self.pods.add_index("node", on_node)
        self._due: dict[str, tuple[str, float, Timer]] = {}  # Pod -> (uid, since when it waits, timer)

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        pod = new if new is not None else old or {}
        key = key_of(pod)
        if new is None:
            self._cancel(key, None)
            return []
        node = pod["spec"].get("nodeName")
        if not node:
            return []
        if (
            old is not None
            and old["spec"].get("nodeName") == node
            and (old["spec"].get("tolerations") == pod["spec"].get("tolerations"))
        ):
            return []
        return [key] if key in self._due or _no_execute(self.nodes.get(node)) else []

    def on_node(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        if new is None or (old is None and not _no_execute(new)):
            return []
        if old is not None and old["spec"].get("taints") == new["spec"].get("taints"):
            return []
        return [key_of(pod) for pod in self.pods.by_index("node", new["metadata"]["name"])]

    def reconcile(self, key: str) -> float | None:
        pod = self.pods.get(key)
        if pod is None:
            self._cancel(key, None)
            return None
        taints = _no_execute(self.nodes.get(pod["spec"].get("nodeName", "")))
        wait = tolerated_for(taints, pod["spec"].get("tolerations") or [])
        if wait is None:
            self._cancel(key, pod)
            return None
        uid, now = pod["metadata"]["uid"], self.loop.now()
        known = self._due.pop(key, None)
        since = known[1] if known is not None and known[0] == uid else now
        if known is not None:
            known[2].cancel()
        if since + wait <= now:
            self._evict(pod)
            return None
        self._due[key] = (uid, since, self.loop.call_at(since + wait, self.enqueue, key))
        return None

    def _cancel(self, key: str, pod: Obj | None) -> None:
        known = self._due.pop(key, None)
        if known is not None:
            known[2].cancel()
            if pod is not None:
                self._say(pod, "Cancelling deletion of Pod")

    def _evict(self, pod: Obj) -> None:
        meta, status = pod["metadata"], pod.get("status", {})
        self._say(pod, "Marking for deletion Pod")
        if "deletionTimestamp" in meta:
            return
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": rfc3339(self.loop.now()),
        }
        conditions = with_condition(status.get("conditions") or [], condition)
        try:
            if conditions != status.get("conditions"):
                self.client.patch(
                    "pods",
                    meta["name"],
                    {"metadata": {"uid": meta["uid"]}, "status": {"conditions": [condition]}},
                    meta["namespace"],
                    type="strategic",
                    subresource="status",
                )
            self.client.delete("pods", meta["name"], meta["namespace"], uid=meta["uid"])
        except ApiError as error:
            if not error.not_found:
                raise

    def _say(self, pod: Obj, what: str) -> None:
        self.event(pod, "Normal", "TaintManagerEviction", f"{what} {key_of(pod)}")


def _no_execute(node: Obj | None) -> Objs:
    return [t for t in node["spec"].get("taints") or () if t["effect"] == "NoExecute"] if node is not None else []


def tolerated_for(taints: Objs, tolerations: Objs) -> float | None:
    """For how many seconds the Pod may stay: None for ever, 0 if one taint is not tolerated at all.

    Of several tolerations with a time that are used, the shortest time counts.
    """
    used: Objs = []
    for taint in taints:
        fitting = [t for t in tolerations if tolerates(t, taint)]
        if not fitting:
            return 0.0
        used.append(fitting[0])
    times = [max(float(t["tolerationSeconds"]), 0.0) for t in used if t.get("tolerationSeconds") is not None]
    return min(times) if times else None
