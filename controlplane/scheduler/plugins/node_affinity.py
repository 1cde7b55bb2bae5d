"""NodeAffinity: nodeSelector and node affinity, required and preferred (upstream: plugins/nodeaffinity)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlplane.client.base import Obj
from controlplane.labels import Requirement
from controlplane.scheduler.events import NODE_ADD, NODE_LABEL, EventHint
from controlplane.scheduler.framework import CycleState, Plugin, default_normalize
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo, Template
from controlplane.scheduler.status import SKIP, Status, unresolvable

REFUSED = unresolvable("node(s) didn't match Pod's node affinity/selector", plugin="NodeAffinity")
ENFORCED = unresolvable("node(s) didn't match scheduler-enforced node affinity", plugin="NodeAffinity")
CONFLICT = unresolvable("pod affinity terms conflict", plugin="NodeAffinity")
OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}


class Term:
    """One nodeSelectorTerm, compiled.  An empty one matches nothing; so does one with an invalid expression."""

    def __init__(self, term: Obj) -> None:
        expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
        self.empty = not expressions and not fields
        self.valid = True
        self._labels = []
        for expression in expressions:
            requirement = Requirement(
                expression.get("key", ""),
                OPERATORS.get(expression.get("operator", ""), "?"),
                tuple(expression.get("values") or ()),
            )
            if requirement.op == "?" or requirement.errors():
                self.valid = False
            else:
                self._labels.append(requirement.compile())
        self.names: list[str] | None = None  # the only nodes that matchFields allow
        self._excluded: list[str] = []
        for field in fields:
            values = list(field.get("values") or ())
            if field.get("operator") == "In":
                self.names = values if self.names is None else [name for name in self.names if name in values]
            else:
                self._excluded += values

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        if (
            self.empty
            or not self.valid
            or name in self._excluded
            or (self.names is not None and name not in self.names)
        ):
            return False
        return all(matches(labels) for matches in self._labels)


class Required:
    """nodeSelector and required node affinity of a Pod: all of the first and any term of the second."""

    def __init__(self, selector: Mapping[str, str], affinity: Obj) -> None:
        self.selector = selector
        required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
        self.terms = None if required is None else [Term(term) for term in required.get("nodeSelectorTerms") or ()]

    def matches(self, node: NodeInfo) -> bool:
        labels = node.labels
        for key, value in self.selector.items():
            if labels.get(key) != value:
                return False
        return self.terms is None or any(term.matches(node.name, labels) for term in self.terms)


def required_affinity(template: Template) -> Required:
    """The compiled requirement of a template, compiled once."""
    known: Required | None = template.compiled.get("required")
    if known is None:
        known = template.compiled["required"] = Required(template.node_selector, template.node_affinity)
    return known


def preferred_terms(affinity: Obj) -> list[tuple[int, Term]]:
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return [(term["weight"], Term(term.get("preference") or {})) for term in terms if term.get("weight")]


class NodeAffinity(Plugin):
    """`args.addedAffinity` is a node affinity that every Pod of the profile has besides its own."""

    local = True

    def __init__(self, args: Obj, handle: Handle) -> None:
        super().__init__(args, handle)
        added = args.get("addedAffinity") or {}
        self._added = Required({}, added) if added else None
        self._added_preferred = preferred_terms(added)

    def events_to_register(self) -> tuple[EventHint, ...]:
        return (EventHint(NODE_ADD, self._matches), EventHint(NODE_LABEL, self._began_to_match))

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[Sequence[str] | None, Status | None]:
        required = required_affinity(pod.template)
        if required.terms is None and not required.selector and self._added is None:
            return None, SKIP
        if required.terms is None or not required.terms:
            return None, None
        names: list[str] = []
        for term in required.terms:  # terms are alternatives: only if each names its nodes are the rest ruled out
            if term.names is None:
                return None, None
            names += [name for name in term.names if name not in names]
        return (names, None) if names else (None, CONFLICT)

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        if self._added is not None and not self._added.matches(node):
            return ENFORCED
        return None if required_affinity(pod.template).matches(node) else REFUSED

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        missing = [
            f"{key}={value}" for key, value in pod.template.node_selector.items() if node.labels.get(key) != value
        ]
        if missing:
            return f"label the node {', '.join(missing)}, or change nodeSelector"
        return "label the node so that a term of the required node affinity matches it, or change the affinity"

    def _preferred(self, pod: PodInfo) -> list[tuple[int, Term]]:
        own: list[tuple[int, Term]] | None = pod.template.compiled.get("preferred")
        if own is None:
            own = pod.template.compiled["preferred"] = preferred_terms(pod.template.node_affinity)
        return self._added_preferred + own if self._added_preferred else own

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Status | None:
        return None if self._preferred(pod) else SKIP

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        return sum(weight for weight, term in self._preferred(pod) if term.matches(node.name, node.labels))

    def normalize(self, state: CycleState, pod: PodInfo, scores: list[int]) -> list[int]:
        return default_normalize(scores)

    @staticmethod
    def _node(obj: Obj | None) -> NodeInfo | None:
        return NodeInfo(obj["metadata"]["name"], obj) if obj else None

    def _matches(self, pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        node = self._node(new)
        return node is not None and self.filter(CycleState(), pod, node) is None

    def _began_to_match(self, pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
        before = self._node(old)
        return self._matches(pod, old, new) and (before is None or self.filter(CycleState(), pod, before) is not None)
