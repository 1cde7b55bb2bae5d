"""Topology spread constraints, parsed; and the ones that every Pod of a workload has by default (upstream:
plugins/podtopologyspread/common.go, plugins/helper/spread.go)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controlplane.client.base import Obj
from controlplane.labels import Requirement, Selector, from_label_selector
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.node_affinity import required_affinity
from controlplane.scheduler.plugins.tolerations import untolerated
from controlplane.scheduler.pod_info import PodInfo, Template

HOSTNAME = "kubernetes.io/hostname"
SYSTEM_DEFAULTS: tuple[Obj, ...] = (
    {"maxSkew": 3, "topologyKey": HOSTNAME, "whenUnsatisfiable": "ScheduleAnyway"},
    {"maxSkew": 5, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"},
)
OWNERS = {
    "ReplicationController": "replicationcontrollers",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
}


class Constraint(NamedTuple):
    max_skew: int
    key: str
    selector: Selector
    min_domains: int
    honor_affinity: bool
    honor_taints: bool

    def counts_node(self, template: Template, node: NodeInfo) -> bool:
        """Do the Pods of this node count (node inclusion policies)?"""
        if self.honor_affinity and not required_affinity(template).matches(node):
            return False
        return not (self.honor_taints and untolerated(template.tolerations, node.taints))


def has_all_keys(node: NodeInfo, constraints: Iterable[Constraint]) -> bool:
    return all(constraint.key in node.labels for constraint in constraints)


def _parse(constraint: Obj, labels: dict[str, str], selector: Selector | None) -> Constraint:
    if selector is None:
        selector = from_label_selector(constraint.get("labelSelector"))
        own = [Requirement(key, "=", (labels[key],)) for key in constraint.get("matchLabelKeys") or () if key in labels]
        if own:
            selector = Selector((*selector.requirements, *own))
    return Constraint(
        constraint["maxSkew"],
        constraint["topologyKey"],
        selector,
        constraint.get("minDomains") or 1,
        constraint.get("nodeAffinityPolicy") != "Ignore",
        constraint.get("nodeTaintsPolicy") == "Honor",
    )


class ConstraintSource:
    """Finds the constraints of a Pod: its own or else the default ones of the profile."""

    def __init__(self, args: Obj, handle: Handle) -> None:
        self.handle = handle
        self.system = (args.get("defaultingType") or "System") == "System" and not args.get("defaultConstraints")
        self.defaults: tuple[Obj, ...] = SYSTEM_DEFAULTS if self.system else tuple(args.get("defaultConstraints") or ())
        self._cache: dict[tuple[int, str], list[Constraint]] = {}
        self.services = handle.lister("services")
        self.owners = {kind: handle.lister(resource) for kind, resource in OWNERS.items()}
        if self.defaults:
            for lister in (self.services, *self.owners.values()):
                lister.add_handler(self._on_workload)

    def _on_workload(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if old is None or new is None or old["spec"].get("selector") != new["spec"].get("selector"):
            self._cache.clear()

    def of(self, pod: PodInfo, action: str) -> list[Constraint]:
        """The constraints with `whenUnsatisfiable: action`.  Raises ValueError for an invalid selector."""
        key = (pod.template.id, action)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) > 4096:
                self._cache.clear()
            found = self._cache[key] = self._find(pod, action)
        return found

    def _find(self, pod: PodInfo, action: str) -> list[Constraint]:
        own = pod.template.spread
        wanted = [c for c in own or self.defaults if c.get("whenUnsatisfiable") == action]
        selector = None
        if wanted and not own:
            selector = self._workload_selector(pod)
            if selector.empty:
                return []
        return [_parse(constraint, pod.labels, selector) for constraint in wanted]

    def _workload_selector(self, pod: PodInfo) -> Selector:
        """What the Services of a Pod and its controller select, taken together."""
        merged: dict[str, str] = {}
        for service in self.services.within(pod.namespace):
            wanted = service["spec"].get("selector")
            if wanted and all(pod.labels.get(key) == value for key, value in wanted.items()):
                merged.update(wanted)
        requirements: tuple[Requirement, ...] = ()
        owner = next((o for o in pod["metadata"].get("ownerReferences") or () if o.get("controller")), None)
        lister = self.owners.get(owner["kind"]) if owner else None
        found = lister.get(f"{pod.namespace}/{owner['name']}") if lister and owner else None
        if found is not None:
            wanted = found["spec"].get("selector") or {}
            if owner and owner["kind"] == "ReplicationController":
                merged.update(wanted)
            else:
                requirements = from_label_selector(wanted).requirements
        return Selector((*(Requirement(k, "=", (v,)) for k, v in merged.items()), *requirements))
