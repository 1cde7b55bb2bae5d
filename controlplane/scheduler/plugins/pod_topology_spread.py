"""PodTopologySpread: even numbers of matching Pods over zones, nodes and so on (upstream: plugins/podtopologyspread).

What is counted for one set of constraints is kept from cycle to cycle and brought up to date with the Pods that came
and went in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import repeat
from math import floor, log

from controlplane.client.base import Obj
from controlplane.scheduler.cache import Cache, Follower
from controlplane.scheduler.events import (
    ASSIGNED_ADD,
    ASSIGNED_DELETE,
    ASSIGNED_LABEL,
    NODE_ADD,
    NODE_DELETE,
    NODE_LABEL,
    NODE_TAINT,
    POD_LABEL,
    EventHint,
)
from controlplane.scheduler.framework import MAX_SCORE, CycleState, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.columns import column, first_refusals, judge
from controlplane.scheduler.plugins.spread_constraints import HOSTNAME, Constraint, ConstraintSource, has_all_keys
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import SKIP, Code, Status, unresolvable, unschedulable

NAME = "PodTopologySpread"
REFUSED = unschedulable("node(s) didn't match pod topology spread constraints", plugin=NAME)
NO_LABEL = unresolvable("node(s) didn't match pod topology spread constraints (missing required label)", plugin=NAME)
KEPT = 256  # counts kept


def _verdict(numbers: dict[str, int], most: int, domain: str | None) -> Status | None:
    if domain is None:
        return NO_LABEL
    return REFUSED if numbers.get(domain, 0) > most else None


def _score(row: Sequence[int | None], weights: Sequence[float], tolerances: Sequence[int], all_keys: bool) -> int:
    """The score of a node with these numbers of matching Pods; None where it has no such domain."""
    if all_keys and None in row:
        return -1
    score = 0.0
    for count, weight, tolerance in zip(row, weights, tolerances, strict=True):
        if count is not None:
            score += count * weight + tolerance
    return floor(score + 0.5)


class Counts(Follower):
    """For each constraint, the number of matching Pods in each domain.

    `all_keys`: only nodes that have the keys of all constraints count.
    """

    def __init__(self, pod: PodInfo, constraints: list[Constraint], all_keys: bool) -> None:
        self.pod = pod
        self.constraints = constraints
        self.all_keys = all_keys
        self.numbers: list[dict[str, int]] = [{} for _ in constraints]

    def clone(self) -> Counts:
        copy = Counts(self.pod, self.constraints, self.all_keys)
        copy.numbers = [dict(numbers) for numbers in self.numbers]
        return copy

    def rebuild(self, cache: Cache) -> None:
        self.numbers = [{} for _ in self.constraints]
        for node in cache.nodes:
            if self.all_keys and not has_all_keys(node, self.constraints):
                continue
            for constraint, numbers in zip(self.constraints, self.numbers, strict=True):
                domain = node.labels.get(constraint.key)
                if domain is not None and constraint.counts_node(self.pod.template, node):
                    matching = sum(self._matches(constraint, pod) for pod in node.pods.values())
                    numbers[domain] = numbers.get(domain, 0) + matching

    def update(self, node: NodeInfo, pod: PodInfo, delta: int) -> None:
        if pod.namespace != self.pod.namespace or pod.terminating:
            return
        if self.all_keys and not has_all_keys(node, self.constraints):
            return
        for constraint, numbers in zip(self.constraints, self.numbers, strict=True):
            domain = node.labels.get(constraint.key)
            if (
                domain is not None
                and constraint.selector.matches(pod.labels)
                and constraint.counts_node(self.pod.template, node)
            ):
                numbers[domain] = numbers.get(domain, 0) + delta

    def _matches(self, constraint: Constraint, pod: PodInfo) -> bool:
        return pod.namespace == self.pod.namespace and not pod.terminating and constraint.selector.matches(pod.labels)


class PodTopologySpread(Plugin):
    """`args.defaultConstraints` and `args.defaultingType` (System or List) set what Pods without constraints get."""

    def __init__(self, args: Obj, handle: Handle) -> None:
        super().__init__(args, handle)
        self.source = ConstraintSource(args, handle)
        self._kept: dict[tuple[str, str, bool, tuple[Constraint, ...]], Counts] = {}

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (
            *(EventHint(event, self._pod_matters) for event in (ASSIGNED_ADD, ASSIGNED_DELETE, ASSIGNED_LABEL)),
            EventHint(POD_LABEL),
            *(EventHint(event, self._node_matters) for event in (NODE_ADD, NODE_DELETE, NODE_LABEL, NODE_TAINT)),
        )

    def _counts(self, pod: PodInfo, constraints: list[Constraint], all_keys: bool) -> Counts:
        key = (pod.namespace, pod.template.where, all_keys, tuple(constraints))
        counts = self._kept.get(key)
        if counts is None:
            if len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            counts = self._kept[key] = Counts(pod, constraints, all_keys)
        counts.follow(self.handle.cache)
        return counts

    # Filter ----------------------------------------------------------------------------------------------------------

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[Sequence[str] | None, Status | None]:
        try:
            constraints = self.source.of(pod, "DoNotSchedule")
        except ValueError as error:
            return None, Status(Code.ERROR, f"get constraints from pod: {error}")
        if not constraints:
            return None, SKIP
        state[NAME] = self._counts(pod, constraints, True)
        return None, None

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        state[NAME].update(node, other, 1)

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        state[NAME].update(node, other, -1)

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        return self.filter_nodes(state, pod, [node])[0]

    def filter_nodes(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[Status | None]:
        counts: Counts = state[NAME]
        verdicts = []
        for constraint, numbers in zip(counts.constraints, counts.numbers, strict=True):
            fewest = min(numbers.values(), default=0) if len(numbers) >= constraint.min_domains else 0
            most = constraint.max_skew + fewest - constraint.selector.matches(pod.labels)
            verdicts.append(judge(column(nodes, constraint.key), partial(_verdict, numbers, most)))
        return first_refusals(verdicts, len(nodes))

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        counts: Counts = state[NAME]
        for constraint, numbers in zip(counts.constraints, counts.numbers, strict=True):
            domain = node.labels.get(constraint.key)
            if domain is None:
                return f"label the node with {constraint.key}"
            fewest = min(numbers.values(), default=0) if len(numbers) >= constraint.min_domains else 0
            itself = constraint.selector.matches(pod.labels)
            if numbers.get(domain, 0) + itself - fewest > constraint.max_skew:
                return (
                    f"{constraint.key}={domain} has {numbers.get(domain, 0)} matching Pods and the emptiest domain "
                    f"{fewest}: more Pods elsewhere first, or a maxSkew above {constraint.max_skew}"
                )
        return ""

    # Score -----------------------------------------------------------------------------------------------------------

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Status | None:
        try:
            constraints = self.source.of(pod, "ScheduleAnyway")
        except ValueError as error:
            return Status(Code.ERROR, f"obtaining pod's soft topology spread constraints: {error}")
        if not constraints:
            return SKIP
        all_keys = bool(pod.template.spread) or not self.source.system
        counts = self._counts(pod, constraints, all_keys)
        domains = columns = [column(nodes, constraint.key) for constraint in constraints]
        if all_keys and any(None in labels for labels in columns):
            complete = [row for row in zip(*columns, strict=True) if None not in row]
            columns = [[row[i] for row in complete] for i in range(len(constraints))]
        weights = []  # few large domains must not outweigh many small ones
        for constraint, labels in zip(constraints, columns, strict=True):
            weights.append(log((len(labels) if constraint.key == HOSTNAME else len(set(labels))) + 2))
        state[NAME + "/score"] = (counts, weights, all_keys)
        state[NAME + "/domains"] = (nodes, domains)
        return None

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return self.score_nodes(state, pod, [node])[0]

    def score_nodes(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """The weighted number of matching Pods in the node's domains: less is better.  -1 leaves the node out.

        Many nodes have the same numbers: the formula is worked out once for each.
        """
        counts, weights, all_keys = state[NAME + "/score"]
        known_nodes, domains = state[NAME + "/domains"]
        if known_nodes is not nodes:
            domains = [column(nodes, constraint.key) for constraint in counts.constraints]
        columns = [
            [None if domain is None else numbers.get(domain, 0) for domain in labels]
            if None in labels
            else list(map(numbers.get, labels, repeat(0)))
            for labels, numbers in zip(domains, counts.numbers, strict=True)
        ]
        tolerances = [constraint.max_skew - 1 for constraint in counts.constraints]
        rows = list(zip(*columns, strict=True))
        known = {row: _score(row, weights, tolerances, all_keys) for row in set(rows)}
        return list(map(known.__getitem__, rows))

    def normalize(self, state: CycleState, pod: PodInfo, scores: list[int]) -> list[int]:
        counted = [score for score in scores if score >= 0]
        most, least = max(counted, default=0), min(counted, default=0)
        known = {
            score: 0 if score < 0 else MAX_SCORE * (most + least - score) // most if most else MAX_SCORE
            for score in set(scores)
        }
        return list(map(known.__getitem__, scores))

    # Hints -----------------------------------------------------------------------------------------------------------

    def _pod_matters(self, pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        """Does a Pod that came, went or changed its labels count for one of the constraints?"""
        constraints = self.source.of(pod, "DoNotSchedule")
        for obj in (old, new):
            if obj is not None and obj["metadata"].get("namespace", "") == pod.namespace:
                labels = obj["metadata"].get("labels") or {}
                if any(constraint.selector.matches(labels) for constraint in constraints):
                    return True
        return False

    def _node_matters(self, pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        constraints = self.source.of(pod, "DoNotSchedule")
        return any(obj is not None and has_all_keys(NodeInfo("", obj), constraints) for obj in (old, new))
