"""Asking many nodes at once: one column for each label, and each distinct value judged once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.status import Status

Labels = list[str | None]
Verdicts = list[Status | None]


def column(nodes: Sequence[NodeInfo], key: str) -> Labels:
    """The value of a label on each node, None where it is missing."""
    return [node.labels.get(key) for node in nodes]


def judge(labels: Labels, verdict: Callable[[str | None], Status | None]) -> Verdicts:
    """The verdict on each value."""
    known = {value: verdict(value) for value in set(labels)}
    return list(map(known.__getitem__, labels))


def first_refusals(columns: Sequence[Verdicts], nodes: int) -> Verdicts:
    """For each node, the first verdict that is a refusal."""
    found: Verdicts = list(columns[0]) if columns else [None] * nodes
    for verdicts in columns[1:]:
        found = [earlier or later for earlier, later in zip(found, verdicts, strict=True)]
    return found
