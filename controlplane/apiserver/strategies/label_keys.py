"""matchLabelKeys and mismatchLabelKeys: the Pod's own labels become part of its selectors.

(kubernetes: pkg/registry/core/pod/strategy.go; KEP-3633 for affinity, KEP-3243 for spreading)
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

KINDS = ("podAffinity", "podAntiAffinity")
REQUIRED, PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)


def merged(spec: Obj, labels: dict[str, str]) -> Obj:
    """The spec with its label keys merged; the same object if it has none, a new one otherwise: it may be shared."""
    constraints = spec.get("topologySpreadConstraints") or []
    fresh = [_with_keys(constraint, labels) for constraint in constraints]
    if any(a is not b for a, b in zip(fresh, constraints, strict=True)):
        spec = {**spec, "topologySpreadConstraints": fresh}
    affinity = spec.get("affinity")
    if affinity and any(kind in affinity for kind in KINDS):
        changed = {kind: _affinity(affinity[kind], labels) for kind in KINDS if kind in affinity}
        if any(changed[kind] is not affinity[kind] for kind in changed):
            spec = {**spec, "affinity": {**affinity, **changed}}
    return spec


def _affinity(rules: Obj, labels: dict[str, str]) -> Obj:
    required = rules.get(REQUIRED) or []
    preferred = rules.get(PREFERRED) or []
    terms = [_with_keys(term, labels) for term in required]
    weighted = []
    for each in preferred:
        term = each.get("podAffinityTerm") or {}
        new = _with_keys(term, labels)
        weighted.append(each if new is term else {**each, "podAffinityTerm": new})
    if all(a is b for a, b in zip([*terms, *weighted], [*required, *preferred], strict=True)):
        return rules
    rules = dict(rules)
    if required:
        rules[REQUIRED] = terms
    if preferred:
        rules[PREFERRED] = weighted
    return rules


def _with_keys(term: Obj, labels: dict[str, str]) -> Obj:
    """A term, or a spread constraint, whose selector asks for the values that the Pod has under the keys."""
    asked = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in term.get(field) or ()
        if key in labels
    ]
    selector = term.get("labelSelector")
    if not asked or selector is None:
        return term
    return {
        **term,
        "labelSelector": {**selector, "matchExpressions": [*(selector.get("matchExpressions") or ()), *asked]},
    }
