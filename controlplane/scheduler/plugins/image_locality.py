"""ImageLocality: prefer nodes that have the images already (upstream: plugins/imagelocality)."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.scheduler.framework import MAX_SCORE, CycleState, Plugin
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import SKIP, Status

MB = 1024 * 1024
LEAST, MOST = 23 * MB, 1000 * MB  # for one container: less counts as nothing, more as this


def normalized_name(image: str) -> str:
    """The image with its tag.

    >>> normalized_name("registry:5000/app"), normalized_name("app:v1")
    ('registry:5000/app:latest', 'app:v1')
    """
    return image if image.rfind(":") > image.rfind("/") else image + ":latest"


class ImageLocality(Plugin):
    """An image counts by its size and by how many nodes have it, so that one early node does not draw everything."""

    def _known(self, pod: PodInfo) -> list[tuple[str, int]]:
        names = map(normalized_name, pod.template.images)
        on = self.handle.cache.image_nodes
        return [(name, on[name]) for name in names if name in on]

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Status | None:
        return None if self._known(pod) else SKIP  # no node has any of the images: 0 for all

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return self.score_nodes(state, pod, [node])[0]

    def score_nodes(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        known = self._known(pod)
        total = len(self.handle.cache.nodes)
        most = MOST * len(pod.template.images)
        scores: list[int] = []
        for node in nodes:
            size = sum(int(node.images[name] * (count / total)) for name, count in known if name in node.images)
            scores.append(MAX_SCORE * (min(max(size, LEAST), most) - LEAST) // (most - LEAST))
        return scores
