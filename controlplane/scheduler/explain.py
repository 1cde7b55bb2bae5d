"""Why a Pod went where it went: the decision as a table, and what would have to change for one that was refused.

A `Decision` is an object, prints as text, shows as HTML in a notebook and makes an annotation.

*Note*: kube-scheduler keeps nothing of the kind; its log at -v=10 comes nearest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from controlplane.scheduler import explain_render
from controlplane.scheduler.framework import CycleState
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.runtime import Framework, describe
from controlplane.scheduler.status import Code, Status

ANNOTATION = "scheduler.controlplane.example/decision"
KEEP = 1000  # decisions
MANY_NODES = 50  # beyond this many, decisions are kept only on request: writing them down takes longer than deciding


class Scores(NamedTuple):
    """The scores of one plugin, node -> score, before and after NormalizeScore."""

    weight: int
    raw: dict[str, int]
    normalized: dict[str, int]

    def weighted(self, node: str) -> int:
        return self.normalized[node] * self.weight


class Obstacle(NamedTuple):
    """What keeps a Pod off a node, and what would have to change."""

    plugin: str
    reason: str
    advice: str


class Decision:
    """One attempt at one Pod.

    `refusals` says for each node that was looked at why not (None: it fits), `scores` what each plugin gave, `winner`
    which node was chosen among the `ties` at the top, and `message` how it ended.
    """

    def __init__(self, pod: str, when: float, framework: Framework, attempt: int) -> None:
        self.pod = pod
        self.when = when
        self.profile = framework.name
        self.attempt = attempt
        self.filters: list[str] = []
        self.refusals: dict[str, Status | None] = {}
        self.scores: dict[str, Scores] = {}
        self.obstacles: dict[str, list[Obstacle]] = {}
        self.winner = ""
        self.ties: list[str] = []
        self.message = ""

    # Written by the algorithm ----------------------------------------------------------------------------------------

    def passed(self, node: str) -> None:
        self.refusals[node] = None

    def refused(self, node: str, status: Status) -> None:
        self.refusals[node] = status

    def scored(self, plugin: str, weight: int, nodes: list[str], raw: list[int], normalized: list[int]) -> None:
        self.scores[plugin] = Scores(
            weight, dict(zip(nodes, raw, strict=True)), dict(zip(nodes, normalized, strict=True))
        )

    def choose(self, node: str, ties: list[str], why: str = "") -> None:
        self.winner, self.ties = node, ties
        self.message = why or (
            f"it has the highest of {len(self.fitting)} totals"
            if len(ties) == 1
            else f"drawn among {len(ties)} with the same total: {', '.join(ties)}"
        )

    def study(self, framework: Framework, state: CycleState, pod: PodInfo, nodes: list[NodeInfo]) -> None:
        """The Pod was refused: ask every filter about every node, not only up to the first refusal."""
        for node in nodes:
            found = []
            for plugin in framework.filters:
                if plugin.name in state.skip_filter:
                    continue
                try:
                    status = plugin.filter(state, pod, node)
                    if status is not None and status.code != Code.SUCCESS:
                        found.append(Obstacle(plugin.name, status.message, plugin.advise(state, pod, node)))
                except Exception as error:  # the plugin did better the first time
                    found.append(Obstacle(plugin.name, describe(error), ""))
            self.obstacles[node.name] = found

    # To be read ------------------------------------------------------------------------------------------------------

    @property
    def fitting(self) -> list[str]:
        """The nodes that passed all filters."""
        return [node for node, status in self.refusals.items() if status is None]

    def total(self, node: str) -> int:
        """The sum of the weighted scores of a node."""
        return sum(scores.weighted(node) for scores in self.scores.values())

    def cells(self, node: str) -> Iterator[tuple[str, str]]:
        """(filter, "passed", the refusal, or "not asked") for one node."""
        status = self.refusals.get(node)
        if status is not None and status.plugin not in self.filters:
            yield (status.plugin or "refused", status.message)
            return
        for name in self.filters:
            if status is not None and status.plugin == name:
                yield name, status.message
                break
            yield name, "passed"

    def what_would_help(self) -> list[str]:
        """For a refused Pod, what would have to change on each node; the nodes where least is missing come first."""
        ranked = sorted(self.obstacles.items(), key=lambda item: len(item[1]))
        return [f"{node}: " + "; and ".join(o.advice or o.reason for o in found) for node, found in ranked if found]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "pod": self.pod,
            "profile": self.profile,
            "attempt": self.attempt,
            "node": self.winner,
            "message": self.message,
            "ties": self.ties,
            "filters": {node: dict(self.cells(node)) for node in self.refusals},
            "scores": {
                name: {"weight": s.weight, "raw": s.raw, "normalized": s.normalized} for name, s in self.scores.items()
            },
            "totals": {node: self.total(node) for node in self.fitting} if self.scores else {},
            "whatWouldHelp": self.what_would_help(),
        }

    def annotation(self) -> dict[str, str]:
        """The decision as an annotation of the Pod: compact JSON under one key."""
        return {ANNOTATION: json.dumps(self.as_dict(), separators=(",", ":"), ensure_ascii=False)}

    def __repr__(self) -> str:
        return f"<Decision: {explain_render.headline(self)}>"

    def __str__(self) -> str:
        return explain_render.text(self)

    def _repr_html_(self) -> str:
        return explain_render.html(self)

    html = _repr_html_


class Decisions:
    """The last decisions, by Pod.  `everything` keeps them in large clusters too."""

    def __init__(self) -> None:
        self.everything = False
        self._by_pod: dict[str, Decision] = {}

    def wanted(self, nodes: int) -> bool:
        return self.everything or nodes <= MANY_NODES

    def keep(self, decision: Decision) -> None:
        self._by_pod.pop(decision.pod, None)
        self._by_pod[decision.pod] = decision
        if len(self._by_pod) > KEEP:
            del self._by_pod[next(iter(self._by_pod))]

    def get(self, pod: str) -> Decision | None:
        return self._by_pod.get(pod)
