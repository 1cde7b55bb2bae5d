"""Which taints a Pod tolerates (upstream: component-helpers/scheduling/corev1, api/core/v1/toleration.go)."""

from __future__ import annotations

from collections.abc import Iterable

from controlplane.client.base import Obj

HARD_EFFECTS = ("NoSchedule", "NoExecute")


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Does this one toleration cover the taint?

    >>> tolerates({"operator": "Exists"}, {"key": "gpu", "effect": "NoSchedule"})
    True
    """
    effect = toleration.get("effect")
    if effect and effect != taint.get("effect"):
        return False
    key = toleration.get("key")
    if key and key != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Equal":
        return (toleration.get("value") or "") == (taint.get("value") or "")
    return bool(operator == "Exists")


def tolerated(tolerations: Iterable[Obj], taint: Obj) -> bool:
    """Does any of the tolerations cover the taint?"""
    return any(tolerates(toleration, taint) for toleration in tolerations)


def untolerated(tolerations: Iterable[Obj], taints: Iterable[Obj]) -> Obj | None:
    """The first taint that keeps the Pod away, or None."""
    for taint in taints:
        if taint.get("effect") in HARD_EFFECTS and not tolerated(tolerations, taint):
            return taint
    return None
