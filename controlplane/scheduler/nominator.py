"""Which Pods wait for room on which node (upstream: backend/queue/nominator.go)."""

from __future__ import annotations

from controlplane.scheduler.pod_info import PodInfo


class Nominator:
    """Pods that preempted others and wait for their room, by the node on which it will be."""

    def __init__(self) -> None:
        self.by_node: dict[str, dict[str, PodInfo]] = {}
        self._node_of: dict[str, str] = {}

    def set(self, pod: PodInfo, node: str) -> None:
        """The Pod is nominated to `node`, or to none any more."""
        self.remove(pod.key)
        if node:
            self._node_of[pod.key] = node
            self.by_node.setdefault(node, {})[pod.key] = pod

    def remove(self, key: str) -> None:
        node = self._node_of.pop(key, None)
        if node is not None:
            del self.by_node[node][key]
            if not self.by_node[node]:
                del self.by_node[node]

    def node_of(self, key: str) -> str:
        return self._node_of.get(key, "")
