"""The scheduler's picture of the cluster, with the Pods that are on their way (upstream: backend/cache).

A cycle runs without interruption, so the cache is its own snapshot.  What changes is appended to a log; whoever keeps
something derived from the cache (`Follower`, `board.Board`) reads the log and works from what changed.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

from controlplane.client.base import Obj
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo

REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
LOG_LIMIT = 20_000  # entries kept; a follower that fell behind further starts from scratch


class Change(NamedTuple):
    """A Pod arrived on a node (+1) or left it (-1); with no Pod: the node itself changed."""

    node: NodeInfo
    pod: PodInfo | None
    delta: int


class Cache:
    """Nodes and the Pods on them.  `nodes` is in the order in which a cycle looks at them: round robin over zones."""

    def __init__(self) -> None:
        self.by_name: dict[str, NodeInfo] = {}  # also of nodes that are gone or unknown, while they have Pods
        self.pods: dict[str, PodInfo] = {}
        self.assumed: set[str] = set()  # keys of Pods that are on their way to a node; never iterated
        self.with_affinity: dict[str, PodInfo] = {}
        self.with_anti_affinity: dict[str, PodInfo] = {}
        self.image_nodes: dict[str, int] = {}  # image -> on how many nodes it is
        self.version = 0  # grows when the set, the labels or the taints of nodes change
        self.shape = 0  # grows when the set or the order of nodes changes
        self._nodes: list[NodeInfo] = []
        self._sorted = True
        self._log: list[Change] = []
        self._dropped = 0  # entries that have left the log

    # Following -------------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The end of the log."""
        return self._dropped + len(self._log)

    def since(self, position: int) -> list[Change] | None:
        """What changed after `position`, or None if that is too long ago."""
        if position < self._dropped:
            return None
        return self._log[position - self._dropped :]

    def _record(self, node: NodeInfo, pod: PodInfo | None, delta: int) -> None:
        self._log.append(Change(node, pod, delta))
        if len(self._log) > LOG_LIMIT:
            self._dropped += LOG_LIMIT // 2
            del self._log[: LOG_LIMIT // 2]

    # Nodes -----------------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> list[NodeInfo]:
        if not self._sorted:
            zones: dict[tuple[str, str], list[NodeInfo]] = {}
            for info in self.by_name.values():
                if info.node:
                    zones.setdefault((info.labels.get(REGION, ""), info.labels.get(ZONE, "")), []).append(info)
            self._nodes = [info for turn in zip_longest(*zones.values()) for info in turn if info is not None]
            for index, info in enumerate(self._nodes):
                info.index = index
            self._sorted = True
        return self._nodes

    def set_node(self, node: Obj) -> None:
        """A node is new or has changed."""
        name = node["metadata"]["name"]
        info = self.by_name.get(name)
        if info is None:
            info = self.by_name[name] = NodeInfo(name)
        old = info.node
        if old and _same_for_scheduling(old, node):
            info.node = node  # a heartbeat: nothing that a plugin asks about
            return
        self._count_images(info, -1)
        labels, taints, closed = info.labels, info.taints, info.unschedulable
        info.set_node(node)
        self._count_images(info, 1)
        moved = not old or any(labels.get(key) != info.labels.get(key) for key in (REGION, ZONE))
        if moved:
            self._sorted = False
            self.shape += 1
        if moved or labels != info.labels or taints != info.taints or closed != info.unschedulable:
            self.version += 1
        self._record(info, None, 0)

    def remove_node(self, name: str) -> None:
        info = self.by_name.get(name)
        if info is None:
            return
        self._count_images(info, -1)
        info.set_node({})
        if not info.pods:
            del self.by_name[name]
        self._sorted = False
        self.shape += 1
        self.version += 1

    def _count_images(self, info: NodeInfo, times: int) -> None:
        for image in info.images:
            left = self.image_nodes.get(image, 0) + times
            if left:
                self.image_nodes[image] = left
            else:
                del self.image_nodes[image]

    # Pods ------------------------------------------------------------------------------------------------------------

    def add_pod(self, pod: PodInfo) -> None:
        """A Pod is on its node, or something about it changed.  Confirms an assumed one."""
        old = self.pods.get(pod.key)
        self.assumed.discard(pod.key)
        if old is not None:
            if (
                old.node_name == pod.node_name
                and old.template is pod.template
                and old.terminating == pod.terminating
                and old.priority == pod.priority
            ):
                self._replace(old, pod)
                return
            self._remove(old)
        self._add(pod)

    def touch_pod(self, key: str, pod: Obj) -> bool:
        """Take over a new version of a Pod that asks for the same as before; False if it does not."""
        old = self.pods.get(key)
        if old is None or not old.same_needs(pod):
            return False
        self.assumed.discard(key)
        self._replace(old, PodInfo(pod, old.template))
        return True

    def remove_pod(self, key: str) -> PodInfo | None:
        self.assumed.discard(key)
        old = self.pods.get(key)
        if old is not None:
            self._remove(old)
        return old

    def assume(self, pod: PodInfo, node: str) -> PodInfo:
        """Count the Pod on the node although it is not bound yet."""
        bound = pod.on(node)
        self._add(bound)
        self.assumed.add(pod.key)
        return bound

    def forget(self, key: str) -> None:
        """The binding failed: the Pod is not on its way any more."""
        if key in self.assumed:
            self.assumed.discard(key)
            self._remove(self.pods[key])

    def _replace(self, old: PodInfo, new: PodInfo) -> None:
        node = self.by_name[old.node_name]
        self.pods[new.key] = node.pods[new.key] = new
        for index in (self.with_affinity, self.with_anti_affinity, node.with_affinity, node.with_anti_affinity):
            if new.key in index:
                index[new.key] = new

    def _add(self, pod: PodInfo) -> None:
        node = self.by_name.get(pod.node_name)
        if node is None:
            node = self.by_name[pod.node_name] = NodeInfo(pod.node_name)
        node.add_pod(pod)
        self.pods[pod.key] = pod
        if pod.template.has_affinity:
            self.with_affinity[pod.key] = pod
            if pod.template.required_anti_affinity:
                self.with_anti_affinity[pod.key] = pod
        self._record(node, pod, 1)

    def _remove(self, pod: PodInfo) -> None:
        node = self.by_name[pod.node_name]
        node.remove_pod(pod)
        del self.pods[pod.key]
        self.with_affinity.pop(pod.key, None)
        self.with_anti_affinity.pop(pod.key, None)
        self._record(node, pod, -1)
        if not node.node and not node.pods:
            del self.by_name[node.name]


class Follower:
    """Something derived from the cache that is brought up to date instead of computed again."""

    _version = -1
    _position = 0

    def follow(self, cache: Cache) -> None:
        changes = cache.since(self._position) if self._version == cache.version else None
        if changes is None:
            self.rebuild(cache)
        else:
            for node, pod, delta in changes:
                if pod is not None and node.node:
                    self.update(node, pod, delta)
        self._version, self._position = cache.version, cache.position

    def rebuild(self, cache: Cache) -> None:
        """Start from scratch."""
        raise NotImplementedError

    def update(self, node: NodeInfo, pod: PodInfo, delta: int) -> None:
        """A Pod arrived on `node` (+1) or left it (-1)."""
        raise NotImplementedError


def _same_for_scheduling(old: Obj, new: Obj) -> bool:
    before, after = old.get("status") or {}, new.get("status") or {}
    return (
        old.get("spec") == new.get("spec")
        and before.get("allocatable") == after.get("allocatable")
        and before.get("images") == after.get("images")
        and old["metadata"].get("labels") == new["metadata"].get("labels")
    )
