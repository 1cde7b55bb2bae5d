"""How full a node would be, as a score (upstream: plugins/noderesources, one file for each strategy).

Every formula counts in whole numbers and cuts off fractions, as upstream's int64 arithmetic does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

from controlplane.client.base import Obj
from controlplane.scheduler.framework import MAX_SCORE
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.resources import is_scalar

Spec = tuple[str, int]  # resource and weight
Score = Callable[[PodInfo, NodeInfo], int]

CPU_AND_MEMORY: tuple[Spec, ...] = (("cpu", 1), ("memory", 1))


def specs(resources: Sequence[Obj] | None) -> tuple[Spec, ...]:
    """The `resources` of a plugin's arguments."""
    if not resources:
        return CPU_AND_MEMORY
    return tuple((resource["name"], resource.get("weight") or 1) for resource in resources)


def usage(name: str, pod: PodInfo, node: NodeInfo) -> tuple[int, int]:
    """(requested with the Pod, allocatable) of one resource; containers without requests count for a little."""
    wanted = pod.template.assumed.get(name, 0)
    if not wanted and is_scalar(name):
        return 0, 0
    used = node.assumed if name in ("cpu", "memory") else node.requested
    return used.get(name, 0) + wanted, node.allocatable.get(name, 0)


def least_allocated(resources: Sequence[Spec]) -> Score:
    """The emptier the better."""

    def score(pod: PodInfo, node: NodeInfo) -> int:
        total = weights = 0
        for name, weight in resources:
            requested, capacity = usage(name, pod, node)
            if not capacity:
                continue
            if requested <= capacity:
                total += (capacity - requested) * MAX_SCORE // capacity * weight
            weights += weight
        return total // weights if weights else 0

    return score


def most_allocated(resources: Sequence[Spec]) -> Score:
    """The fuller the better."""

    def score(pod: PodInfo, node: NodeInfo) -> int:
        total = weights = 0
        for name, weight in resources:
            requested, capacity = usage(name, pod, node)
            if not capacity:
                continue
            total += min(requested, capacity) * MAX_SCORE // capacity * weight
            weights += weight
        return total // weights if weights else 0

    return score


def requested_to_capacity_ratio(resources: Sequence[Spec], shape: Sequence[Obj]) -> Score:
    """A score for each utilisation, in per cent, from straight lines between the points of `shape` (scores 0 to 10)."""
    points: list[tuple[int, int]] = [
        (point.get("utilization", 0), point.get("score", 0) * MAX_SCORE // 10) for point in shape
    ]

    def at(utilization: int) -> int:
        for i, (x, y) in enumerate(points):
            if utilization <= x:
                if i == 0:
                    return y
                x0, y0 = points[i - 1]
                return y0 + int((y - y0) * (utilization - x0) / (x - x0))
        return points[-1][1]

    def score(pod: PodInfo, node: NodeInfo) -> int:
        total = weights = 0
        for name, weight in resources:
            requested, capacity = usage(name, pod, node)
            if not capacity:
                continue
            part = at(min(requested * 100 // capacity, 100))
            if part > 0:
                total += part * weight
                weights += weight
        return int(total / weights + 0.5) if weights else 0

    return score


def _balance(fractions: list[float]) -> int:
    """100 less the standard deviation, in per cent."""
    if len(fractions) == 2:
        deviation = abs((fractions[0] - fractions[1]) / 2)
    elif len(fractions) > 2:
        mean = sum(fractions) / len(fractions)
        deviation = sqrt(sum((fraction - mean) * (fraction - mean) for fraction in fractions) / len(fractions))
    else:
        deviation = 0.0
    return int((1 - deviation) * MAX_SCORE)


def balanced(resources: Sequence[Spec]) -> Score:
    """Does the Pod make the use of the resources more even?  50 to 100; 75 if it changes nothing (since 1.36)."""
    names = [name for name, _ in resources]

    def score(pod: PodInfo, node: NodeInfo) -> int:
        wanted, used, capacities = pod.template.requests, node.requested, node.allocatable
        before: list[float] = []
        after: list[float] = []
        for name in names:
            capacity = capacities.get(name, 0)
            request = wanted.get(name, 0)
            if not capacity or (not request and is_scalar(name)):
                continue
            already = used.get(name, 0)
            before.append(min(already / capacity, 1.0))
            after.append(min((already + request) / capacity, 1.0))
        return MAX_SCORE // 2 + (MAX_SCORE // 2 + _balance(after) - _balance(before)) // 2

    return score
