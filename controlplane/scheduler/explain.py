"""Why a Pod went where it went: the decision as a table (an object, text, HTML, an annotation).

*Note*: kube-scheduler has no such thing; its log at -v=10 comes nearest.
"""

from __future__ import annotations

from typing import NamedTuple

from controlplane.scheduler.status import Status


class Scores(NamedTuple):
    """The scores of one plugin, node -> score."""

    weight: int
    raw: dict[str, int]
    normalized: dict[str, int]


class Decision:
    """One attempt at one Pod."""

    def __init__(self, pod: str, when: float, profile: str, filters: list[str]) -> None:
        self.pod = pod
        self.when = when
        self.profile = profile
        self.filters = filters
        self.refusals: dict[str, Status | None] = {}  # node -> why not; None: it fits
        self.scores: dict[str, Scores] = {}
        self.winner = ""
        self.ties: list[str] = []
        self.why = ""
        self.message = ""

    def passed(self, node: str) -> None:
        self.refusals[node] = None

    def refused(self, node: str, status: Status) -> None:
        self.refusals[node] = status

    def scored(self, plugin: str, weight: int, nodes: list[str], raw: list[int], normalized: list[int]) -> None:
        self.scores[plugin] = Scores(weight, dict(zip(nodes, raw, strict=True)),
                                     dict(zip(nodes, normalized, strict=True)))

    def choose(self, node: str, ties: list[str], why: str) -> None:
        self.winner, self.ties, self.why = node, ties, why
