"""The DaemonSet controller: one Pod on each node that suits (upstream: pkg/controller/daemon).

It names the node in the Pod's affinity and leaves binding to the scheduler.
"""

from __future__ import annotations

from typing import Any, ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.controllers import history
from controlplane.controllers.daemonset_nodes import (
    pinned,
    suitable,
    target_node,
    with_tolerations,
)
from controlplane.controllers.daemonset_status import Suits, daemon_status, oldest_first
from controlplane.controllers.daemonset_update import rolling_update
from controlplane.controllers.deployment_scale import scaled
from controlplane.controllers.history import HASH
from controlplane.controllers.pod_control import namespace_terminating, pod_from, slow_start
from controlplane.controllers.pod_owner import PodOwner, controller_uid, orphans
from controlplane.controllers.pods import is_available, is_ready

BURST = 250  # Pods created or deleted in one go
GENERATION = "deprecated.daemonset.template.generation"
FIRST_BACKOFF, LAST_BACKOFF = 1.0, 900.0  # seconds before a failed Pod is replaced, doubling
ByNode = dict[str, Objs]


class DaemonSetController(PodOwner):
    """Keeps a Pod of each DaemonSet on every node that its affinity and tolerations allow."""

    name = "daemonset-controller"
    resource: ClassVar = "daemonsets"
    kind: ClassVar = "DaemonSet"
    watches: ClassVar = {"daemonsets": "on_owner", "pods": "on_pod_paced", "nodes": "on_node"}

    def prepare(self) -> None:
        super().prepare()
        self.pods.add_index("orphans", orphans)
        self.nodes = self.informer("nodes")
        self.revisions = self.informer("controllerrevisions")
        self.revisions.add_index("controller", controller_uid)
        self._backoff: dict[str, tuple[float, float]] = {}  # "uid/node" -> (wait, since)

    def on_node(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        """A node that is new, or gone, or whose labels, taints or conditions changed, may suit others now."""
        if old is not None and new is not None and _facts(old) == _facts(new):
            return []
        return self.owners.keys()

    def reconcile(self, key: str) -> float | None:
        owner = self.owners.get(key)
        if owner is None:
            self.expectations.forget(key)
            return None
        if owner["spec"].get("selector") == {}:
            self.event(
                owner,
                "Warning",
                "SelectingAll",
                "This daemon set is selecting all pods. A non-empty selector is required.",
            )
            return None
        if "deletionTimestamp" in owner["metadata"]:
            return None
        revisions = self.revisions.by_index("controller", owner["metadata"]["uid"])
        update = self._revision(owner, revisions)
        digest = (update["metadata"].get("labels") or {})[HASH]
        by_node = self._by_node(self.claimed(owner))
        self.pace.done(key, len(self.nodes))
        suits = suitable(owner, self.nodes.list())
        waiting = self.expectations.remaining(key)
        again = None
        if not waiting:
            again = self._manage(key, owner, suits, by_node, digest)
            waiting = self.expectations.remaining(key)
            strategy = owner["spec"].get("updateStrategy") or {}
            if not waiting and strategy.get("type", "RollingUpdate") == "RollingUpdate":
                self._roll(key, owner, suits, by_node, digest)
            live = {(pod["metadata"].get("labels") or {}).get(HASH) for pods in by_node.values() for pod in pods}
            old = [r for r in revisions if r is not update and r["metadata"]["name"] != update["metadata"]["name"]]
            used = {r["metadata"]["name"] for r in old if (r["metadata"].get("labels") or {}).get(HASH) in live}
            history.truncate(self.client, old, used, owner["spec"].get("revisionHistoryLimit", 10))
        status = daemon_status(owner, suits, by_node, digest, self.loop.now())
        if status != owner.get("status"):
            self.client.update_status({**owner, "status": status})
        wait = owner["spec"].get("minReadySeconds", 0)
        if wait and status["numberReady"] != status.get("numberAvailable", 0):
            again = min(again or wait, wait)
        return again or waiting or None

    def _revision(self, owner: Obj, revisions: Objs) -> Obj:
        collisions = owner.get("status", {}).get("collisionCount", 0)
        try:
            return history.current(self.client, owner, revisions, collisions, HASH)
        except ApiError as error:
            if error.already_exists:
                status = {**owner.get("status", {}), "collisionCount": collisions + 1}
                self.client.update_status({**owner, "status": status})
            raise

    def _by_node(self, pods: Objs) -> ByNode:
        found: ByNode = {}
        for pod in pods:
            found.setdefault(target_node(pod), []).append(pod)
        return found

    # Where Pods are missing, and where they are too many --------------------------------------------------------------

    def _manage(self, key: str, owner: Obj, suits: Suits, by_node: ByNode, digest: str) -> float | None:
        needing: list[str] = []
        surplus: Objs = []
        again: float | None = None
        for name, (run, stay) in suits.items():
            pods = by_node.get(name, [])
            if run and not pods:
                needing.append(name)
            elif stay:
                wait = self._tidy(owner, name, pods, surplus, needing if run else [], digest)
                again = wait if again is None else min(again, wait or again)
            else:
                surplus += [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        surplus += [
            pod
            for name, pods in by_node.items()
            if name not in suits
            for pod in pods
            if not pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]
        ]
        self._sync(key, owner, surplus, needing, digest)
        return again

    def _tidy(self, owner: Obj, node: str, pods: Objs, surplus: Objs, needing: list[str], digest: str) -> float | None:
        """Replace what ended on a node, and delete what is more than one; seconds to wait before a replacement."""
        running: Objs = []
        wait: float | None = None
        where = owner["metadata"]["namespace"]
        for pod in pods:
            if "deletionTimestamp" in pod["metadata"]:
                continue
            name, phase = pod["metadata"]["name"], pod.get("status", {}).get("phase")
            if phase == "Failed":
                wait = self._back_off(f"{owner['metadata']['uid']}/{node}")
                if wait is None:
                    self.event(
                        owner,
                        "Warning",
                        "FailedDaemonPod",
                        f"Found failed daemon pod {where}/{name} on node {node}, will try to kill it",
                    )
                    surplus.append(pod)
            elif phase == "Succeeded":
                self.event(
                    owner,
                    "Normal",
                    "SucceededDaemonPod",
                    f"Found succeeded daemon pod {where}/{name} on node {node}, will try to delete it",
                )
                surplus.append(pod)
            else:
                running.append(pod)
        running = oldest_first(running)
        if not _surge(owner):
            surplus += running[1:]
        elif not running:
            needing.append(node)
        elif len(running) > 1:
            surplus += self._surplus_in_surge(owner, running, digest)
        return wait

    def _surplus_in_surge(self, owner: Obj, running: Objs, digest: str) -> Objs:
        """One old and one new Pod may stay, as long as the old one is ready and the new one not yet available."""
        fresh = [pod for pod in running if (pod["metadata"].get("labels") or {}).get(HASH) == digest]
        stale = [pod for pod in running if pod not in fresh]
        surplus = fresh[1:] + stale[1:]
        if fresh and stale:
            done = is_available(fresh[0], owner["spec"].get("minReadySeconds", 0), self.loop.now())
            if done or not is_ready(stale[0]):
                surplus.append(stale[0])
        return surplus

    def _back_off(self, key: str) -> float | None:
        """Seconds still to wait before a failed Pod is replaced; None for now."""
        now = self.loop.now()
        wait, since = self._backoff.get(key, (0.0, now))
        if now < since + wait:
            return since + wait - now
        fresh = now - since > 2 * LAST_BACKOFF
        self._backoff[key] = (FIRST_BACKOFF if fresh else min(max(wait * 2, FIRST_BACKOFF), LAST_BACKOFF), now)
        return None

    def _roll(self, key: str, owner: Obj, suits: Suits, by_node: ByNode, digest: str) -> None:
        wanted = [node for node, (run, _) in suits.items() if run]
        rolling = (owner["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        unavailable = scaled(rolling.get("maxUnavailable", 1), len(wanted), round_up=True)
        surge = scaled(rolling.get("maxSurge", 0), len(wanted), round_up=True)
        surplus, needing = rolling_update(
            by_node,
            wanted,
            digest,
            unavailable,
            surge,
            lambda pod: is_available(pod, owner["spec"].get("minReadySeconds", 0), self.loop.now()),
        )
        self._sync(key, owner, surplus, needing, digest)

    def _sync(self, key: str, owner: Obj, surplus: Objs, needing: list[str], digest: str) -> None:
        surplus, needing = surplus[:BURST], needing[:BURST]
        if not surplus and not needing:
            return
        self.expectations.raise_expectations(key, len(needing), [key_of(pod) for pod in surplus])
        template = self._template(owner, digest)

        def create(index: int) -> None:
            spec = pinned(template["spec"], needing[index])
            try:
                self.control.create(pod_from({**template, "spec": spec}, owner), owner)
            except ApiError as error:
                if not namespace_terminating(error):
                    raise

        made, failure = slow_start(len(needing), create)
        for _ in range(len(needing) - made):
            self.expectations.creation_observed(key)
        for pod in surplus:
            try:
                there = self.control.delete(pod, owner)
            except ApiError as error:
                there, failure = False, failure or error
            if not there:
                self.expectations.deletion_observed(key, key_of(pod))
        if failure is not None:
            raise failure

    def _template(self, owner: Obj, digest: str) -> Obj:
        template = owner["spec"]["template"]
        meta = template.get("metadata") or {}
        labels = {**(meta.get("labels") or {}), HASH: digest}
        generation = (owner["metadata"].get("annotations") or {}).get(GENERATION)
        if generation:
            labels["pod-template-generation"] = generation
        return {"metadata": {**meta, "labels": labels}, "spec": with_tolerations(template["spec"])}


def _surge(owner: Obj) -> bool:
    rolling = (owner["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    return rolling.get("maxSurge", 0) not in (0, "0%")


def _facts(node: Obj) -> tuple[Any, ...]:
    return node["metadata"].get("labels"), node["spec"].get("taints"), node["spec"].get("unschedulable")
