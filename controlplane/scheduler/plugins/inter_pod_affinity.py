"""InterPodAffinity: near some Pods and away from others (upstream: plugins/interpodaffinity).

What is counted for the Pods of one template is kept from cycle to cycle and brought up to date with the Pods that came
and went in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import repeat
from operator import add

from controlplane.client.base import Obj
from controlplane.scheduler.cache import Cache, Follower
from controlplane.scheduler.events import (
    ASSIGNED_ADD,
    ASSIGNED_DELETE,
    ASSIGNED_LABEL,
    NODE_ADD,
    NODE_LABEL,
    POD_LABEL,
    EventHint,
)
from controlplane.scheduler.framework import MAX_SCORE, CycleState, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.columns import column, first_refusals, judge
from controlplane.scheduler.pod_info import AffinityTerm, NamespaceLabels, PodInfo, Template
from controlplane.scheduler.status import SKIP, Status, unresolvable, unschedulable

NAME = "InterPodAffinity"
NO_AFFINITY = unresolvable("node(s) didn't match pod affinity rules", plugin=NAME)
ANTI_AFFINITY = unschedulable("node(s) didn't match pod anti-affinity rules", plugin=NAME)
EXISTING = unschedulable("node(s) didn't satisfy existing pods anti-affinity rules", plugin=NAME)
KEPT = 256  # templates for which counts are kept

Numbers = dict[str, dict[str, int]]  # topology key -> domain -> how often


def _count(numbers: Numbers, terms: Iterable[AffinityTerm], node: NodeInfo, delta: int) -> None:
    for term in terms:
        domain = node.labels.get(term.topology_key)
        if domain is None:
            continue
        domains = numbers.setdefault(term.topology_key, {})
        domains[domain] = domains.get(domain, 0) + delta
        if not domains[domain]:
            del domains[domain]
            if not domains:
                del numbers[term.topology_key]


def _copy(numbers: Numbers) -> Numbers:
    return {key: dict(domains) for key, domains in numbers.items()}


def _matches_all(terms: Sequence[AffinityTerm], pod: PodInfo, labels_of: NamespaceLabels) -> bool:
    return bool(terms) and all(term.matches(pod, labels_of) for term in terms)


def _near(domains: dict[str, int], first: bool, domain: str | None) -> Status | None:
    return None if domain in domains or (first and domain is not None) else NO_AFFINITY


def _away(domains: dict[str, int], refusal: Status, domain: str | None) -> Status | None:
    return refusal if domain in domains else None


class Conflicts(Follower):
    """What the filter asks: in which domains are Pods that the incoming one must be near to, or away from?"""

    def __init__(self, pod: PodInfo, labels_of: NamespaceLabels) -> None:
        self.pod = pod
        self.labels_of = labels_of
        self.existing: Numbers = {}  # Pods that want to be away from the incoming one
        self.affinity: Numbers = {}
        self.anti_affinity: Numbers = {}

    def clone(self) -> Conflicts:
        copy = Conflicts(self.pod, self.labels_of)
        copy.existing, copy.affinity = _copy(self.existing), _copy(self.affinity)
        copy.anti_affinity = _copy(self.anti_affinity)
        return copy

    def rebuild(self, cache: Cache) -> None:
        self.existing, self.affinity, self.anti_affinity = {}, {}, {}
        own = self.pod.template
        pods = cache.pods if own.required_affinity or own.required_anti_affinity else cache.with_anti_affinity
        for pod in pods.values():
            node = cache.by_name[pod.node_name]
            if node.node:
                self.update(node, pod, 1)

    def update(self, node: NodeInfo, pod: PodInfo, delta: int) -> None:
        own, theirs, labels_of = self.pod.template, pod.template, self.labels_of
        if theirs.required_anti_affinity:
            hit = [term for term in theirs.required_anti_affinity if term.matches(self.pod, labels_of)]
            _count(self.existing, hit, node, delta)
        if own.required_affinity and _matches_all(own.required_affinity, pod, labels_of):
            _count(self.affinity, own.required_affinity, node, delta)
        if own.required_anti_affinity:
            hit = [term for term in own.required_anti_affinity if term.matches(pod, labels_of)]
            _count(self.anti_affinity, hit, node, delta)


class Preferences(Follower):
    """What the score asks: the points of each domain, from the incoming Pod's preferences and those of the others."""

    def __init__(self, pod: PodInfo, labels_of: NamespaceLabels, hard_weight: int, ignore_others: bool) -> None:
        self.pod = pod
        self.labels_of = labels_of
        self.hard_weight = hard_weight
        self.ignore_others = ignore_others
        self.points: dict[str, dict[str, int]] = {}

    def rebuild(self, cache: Cache) -> None:
        self.points = {}
        own = self.pod.template
        pods = cache.pods if own.preferred_affinity or own.preferred_anti_affinity else cache.with_affinity
        for pod in pods.values():
            node = cache.by_name[pod.node_name]
            if node.node:
                self.update(node, pod, 1)

    def update(self, node: NodeInfo, pod: PodInfo, delta: int) -> None:
        own, theirs = self.pod.template, pod.template
        self._add(own.preferred_affinity, pod, node, delta)
        self._add(own.preferred_anti_affinity, pod, node, -delta)
        if not theirs.has_affinity:
            return
        if self.hard_weight:
            self._add(theirs.required_affinity, self.pod, node, delta * self.hard_weight)
        if not self.ignore_others:
            self._add(theirs.preferred_affinity, self.pod, node, delta)
            self._add(theirs.preferred_anti_affinity, self.pod, node, -delta)

    def _add(self, terms: Sequence[AffinityTerm], pod: PodInfo, node: NodeInfo, sign: int) -> None:
        for term in terms:
            value = node.labels.get(term.topology_key)
            if value is not None and term.matches(pod, self.labels_of):
                domains = self.points.setdefault(term.topology_key, {})
                domains[value] = domains.get(value, 0) + (term.weight or 1) * sign


class InterPodAffinity(Plugin):
    """`args.hardPodAffinityWeight` (1): what a required affinity of an existing Pod counts when nodes are scored."""

    def __init__(self, args: Obj, handle: Handle) -> None:
        super().__init__(args, handle)
        weight = args.get("hardPodAffinityWeight")
        self._hard_weight = 1 if weight is None else int(weight)
        self._ignore_others = bool(args.get("ignorePreferredTermsOfExistingPods"))
        self._namespaces_version = 0
        handle.lister("namespaces").add_handler(self._on_namespace)
        self._conflicts: dict[str, tuple[int, Conflicts]] = {}
        self._preferences: dict[str, tuple[int, Preferences]] = {}

    def _on_namespace(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if old is None or new is None or old["metadata"].get("labels") != new["metadata"].get("labels"):
            self._namespaces_version += 1

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (
            *(EventHint(event, self._pod_matters) for event in (ASSIGNED_ADD, ASSIGNED_DELETE, ASSIGNED_LABEL)),
            EventHint(POD_LABEL),
            EventHint(NODE_ADD, self._node_matters),
            EventHint(NODE_LABEL, self._node_matters),
        )

    # Filter ----------------------------------------------------------------------------------------------------------

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[Sequence[str] | None, Status | None]:
        own, cache = pod.template, self.handle.cache
        if not own.required_affinity and not own.required_anti_affinity and not cache.with_anti_affinity:
            return None, SKIP
        version, kept = self._conflicts.get(own.company, (-1, None))
        if kept is None or version != self._namespaces_version:
            if len(self._conflicts) >= KEPT:
                del self._conflicts[next(iter(self._conflicts))]
            kept = Conflicts(pod, self.handle.namespace_labels)
            self._conflicts[own.company] = (self._namespaces_version, kept)
        kept.follow(cache)
        if not kept.existing and not own.required_affinity and not own.required_anti_affinity:
            return None, SKIP
        state[NAME] = kept
        return None, None

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        state[NAME].update(node, other, 1)

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        state[NAME].update(node, other, -1)

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        return self.filter_nodes(state, pod, [node])[0]

    def filter_nodes(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[Status | None]:
        kept: Conflicts = state[NAME]
        own = pod.template.required_affinity
        # The first Pod of a group with affinity to itself may go anywhere that has the labels.
        first = bool(own) and not kept.affinity and _matches_all(own, pod, self.handle.namespace_labels)
        verdicts = []
        for key in dict.fromkeys(term.topology_key for term in own):
            near = partial(_near, kept.affinity.get(key, {}), first)
            verdicts.append(judge(column(nodes, key), near))
        for numbers, refusal in ((kept.anti_affinity, ANTI_AFFINITY), (kept.existing, EXISTING)):
            for key, domains in numbers.items():
                verdicts.append(judge(column(nodes, key), partial(_away, domains, refusal)))
        return first_refusals(verdicts, len(nodes))

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        status = self.filter(state, pod, node)
        if status is NO_AFFINITY:
            keys = ", ".join(term.topology_key for term in pod.template.required_affinity)
            return f"run a Pod that the affinity asks for in the same {keys}"
        if status is ANTI_AFFINITY:
            return "remove the Pods that the anti-affinity keeps away from"
        return "remove the Pods that keep this one away" if status is EXISTING else ""

    # Score -----------------------------------------------------------------------------------------------------------

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Status | None:
        own, cache = pod.template, self.handle.cache
        if (
            not own.preferred_affinity
            and not own.preferred_anti_affinity
            and (self._ignore_others or not cache.with_affinity)
        ):
            return SKIP
        version, kept = self._preferences.get(own.company, (-1, None))
        if kept is None or version != self._namespaces_version:
            if len(self._preferences) >= KEPT:
                del self._preferences[next(iter(self._preferences))]
            kept = Preferences(pod, self.handle.namespace_labels, self._hard_weight, self._ignore_others)
            self._preferences[own.company] = (self._namespaces_version, kept)
        kept.follow(cache)
        if not kept.points:
            return SKIP
        state[NAME + "/score"] = kept
        return None

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return self.score_nodes(state, pod, [node])[0]

    def score_nodes(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        totals = [0] * len(nodes)
        for key, domains in state[NAME + "/score"].points.items():
            points = map(domains.get, column(nodes, key), repeat(0))
            totals = list(map(add, totals, points))
        return totals

    def normalize(self, state: CycleState, pod: PodInfo, scores: list[int]) -> list[int]:
        least, most = min(scores, default=0), max(scores, default=0)
        if most == least:
            return [0] * len(scores)
        known = {score: int(MAX_SCORE * ((score - least) / (most - least))) for score in set(scores)}
        return list(map(known.__getitem__, scores))

    # Hints -----------------------------------------------------------------------------------------------------------

    def _pod_matters(self, pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        """Does a Pod that came, went or changed its labels have to do with the terms of the waiting one, or it with
        theirs?"""
        own, labels_of = pod.template, self.handle.namespace_labels
        for obj in (old, new):
            if obj is None:
                continue
            other = PodInfo(obj)
            if (
                _matches_all(own.required_affinity, other, labels_of)
                or any(term.matches(other, labels_of) for term in own.required_anti_affinity)
                or any(term.matches(pod, labels_of) for term in other.template.required_anti_affinity)
            ):
                return True
        return False

    @staticmethod
    def _node_matters(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        """Has the node the topology keys that the Pod asks for?"""
        own: Template = pod.template
        labels = ((new or {}).get("metadata") or {}).get("labels") or {}
        return all(term.topology_key in labels for term in own.required_affinity)
