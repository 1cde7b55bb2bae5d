"""NodeResourcesFit: what a Pod asks for must be free (upstream: plugins/noderesources/fit.go)."""

from __future__ import annotations

from functools import lru_cache

from controlplane.client.base import Obj
from controlplane.scheduler.events import (
    ASSIGNED_DELETE,
    ASSIGNED_SCALE_DOWN,
    NODE_ADD,
    NODE_ALLOCATABLE,
    POD_UPDATE,
    EventHint,
)
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.allocation import (
    Score,
    least_allocated,
    most_allocated,
    requested_to_capacity_ratio,
    specs,
)
from controlplane.scheduler.pod_info import PodInfo, Template
from controlplane.scheduler.resources import PREFERRED_ORDER, is_scalar, text
from controlplane.scheduler.status import Code, Status


@lru_cache(maxsize=1024)
def _refused(reasons: tuple[str, ...], hopeless: bool) -> Status:
    code = Code.UNSCHEDULABLE_AND_UNRESOLVABLE if hopeless else Code.UNSCHEDULABLE
    return Status(code, *reasons, plugin="NodeResourcesFit")


class NodeResourcesFit(Plugin):
    """Refuses with one reason for each resource that is short; scores by `args.scoringStrategy`."""

    local = True

    def __init__(self, args: Obj, handle: Handle) -> None:
        super().__init__(args, handle)
        self._ignored = frozenset(args.get("ignoredResources") or ())
        self._ignored_groups = frozenset(args.get("ignoredResourceGroups") or ())
        self._score = strategy(args.get("scoringStrategy") or {})

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (
            EventHint(ASSIGNED_DELETE, self._freed),
            EventHint(ASSIGNED_SCALE_DOWN),
            EventHint(NODE_ADD, self._has_room),
            EventHint(NODE_ALLOCATABLE, self._has_room),
            EventHint(POD_UPDATE),
        )

    def _wanted(self, template: Template) -> list[tuple[str, int]]:
        """What is asked for and counted, in the order in which refusals name it."""
        known: list[tuple[str, int]] | None = template.compiled.get("wanted")
        if known is None:
            names = [name for name in PREFERRED_ORDER if template.requests.get(name)]
            names += [name for name, value in template.requests.items() if is_scalar(name) and value]
            known = template.compiled["wanted"] = [(name, template.requests[name]) for name in names]
        if self._ignored or self._ignored_groups:
            return [(name, value) for name, value in known if not self._ignores(name)]
        return known

    def _ignores(self, name: str) -> bool:
        return is_scalar(name) and (name in self._ignored or name.partition("/")[0] in self._ignored_groups)

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        reasons: list[str] = []
        hopeless = False
        allocatable, requested = node.allocatable, node.requested
        if len(node.pods) + 1 > allocatable.get("pods", 0):
            reasons.append("Too many pods")
        for name, value in self._wanted(pod.template):
            capacity = allocatable.get(name, 0)
            if value > capacity - requested.get(name, 0):
                reasons.append(f"Insufficient {name}")
                hopeless = hopeless or value > capacity
        return _refused(tuple(reasons), hopeless) if reasons else None

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        wishes = []
        slots = node.allocatable.get("pods", 0)
        if len(node.pods) + 1 > slots:
            wishes.append(f"remove a Pod: the node takes {slots}")
        for name, value in self._wanted(pod.template):
            capacity = node.allocatable.get(name, 0)
            free = capacity - node.requested.get(name, 0)
            if value > free:
                wishes.append(
                    f"{text(name, value - free)} more {name}: {text(name, value)} asked for, "
                    f"{text(name, free)} of {text(name, capacity)} free"
                )
        return "; ".join(wishes)

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return self._score(pod, node)

    def _has_room(self, pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        """Would the Pod fit on the node if nothing else were there, and is there more of something than before?"""
        if new is None:
            return False
        after = NodeInfo(new["metadata"]["name"], new)
        before = NodeInfo(after.name, old).allocatable if old else {}
        grown = any(after.allocatable.get(name, 0) > before.get(name, 0) for name in (*pod.requests, "pods"))
        return grown and self.filter(CycleState(), pod, after) is None

    def _freed(self, pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        """A Pod is gone: it left its place and what it had asked for."""
        return old is not None and bool((old.get("spec") or {}).get("nodeName"))


def strategy(args: Obj) -> Score:
    """The scoring function of a `scoringStrategy`."""
    resources = specs(args.get("resources"))
    kind = args.get("type") or "LeastAllocated"
    if kind == "LeastAllocated":
        return least_allocated(resources)
    if kind == "MostAllocated":
        return most_allocated(resources)
    if kind == "RequestedToCapacityRatio":
        shape = (args.get("requestedToCapacityRatio") or {}).get("shape")
        if not shape:
            raise ValueError(
                "scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified"
            )
        return requested_to_capacity_ratio(resources, shape)
    raise ValueError(
        f'scoringStrategy.type: Unsupported value: "{kind}": supported values: "LeastAllocated", '
        '"MostAllocated", "RequestedToCapacityRatio"'
    )
