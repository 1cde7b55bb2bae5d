"""How many Pods each version may have (upstream: pkg/controller/deployment/util/deployment_util.go, rolling.go).

Pure functions of a Deployment and its ReplicaSets.
"""

from __future__ import annotations

import math
from typing import Any

from controlplane.client.base import Obj, Objs
from controlplane.controllers.revisions import DESIRED, MAX, number


def scaled(value: Any, total: int, round_up: bool) -> int:
    """An int-or-percent value: 3, or "25%" of `total` (intstr.GetScaledValueFromIntOrPercent)."""
    if isinstance(value, str):
        if not value.endswith("%"):
            raise ValueError("invalid value for IntOrString: invalid type: string is not a percentage")
        exact = int(value[:-1]) * total / 100
        return math.ceil(exact) if round_up else math.floor(exact)
    return int(value)


def fenceposts(deployment: Obj) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in Pods; if both come to 0, one may be unavailable (ResolveFenceposts)."""
    spec = deployment["spec"]
    strategy = spec.get("strategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return 0, 0
    rolling = strategy.get("rollingUpdate") or {}
    total = replicas(deployment)
    surge = scaled(rolling.get("maxSurge", 0), total, round_up=True)
    unavailable = scaled(rolling.get("maxUnavailable", 0), total, round_up=False)
    return surge, (1 if surge == 0 and unavailable == 0 else unavailable)


def max_surge(deployment: Obj) -> int:
    return fenceposts(deployment)[0]


def max_unavailable(deployment: Obj) -> int:
    total = replicas(deployment)
    return min(fenceposts(deployment)[1], total) if total else 0


def replicas(obj: Obj) -> int:
    """`spec.replicas`, of which the default is 1."""
    value = obj["spec"].get("replicas")
    return 1 if value is None else int(value)


def asked(sets: Objs) -> int:
    """The Pods that the ReplicaSets are asked for."""
    return sum(map(replicas, sets))


def reported(sets: Objs, field: str) -> int:
    """The sum of one number of their status."""
    return sum(one.get("status", {}).get(field, 0) for one in sets)


def active(sets: Objs) -> Objs:
    return [one for one in sets if replicas(one) > 0]


def by_age(sets: Objs) -> Objs:
    """The oldest first; of one age by name."""
    return sorted(sets, key=lambda s: (s["metadata"]["creationTimestamp"], s["metadata"]["name"]))


def active_or_latest(new: Obj | None, old: Objs) -> Obj | None:
    """The only ReplicaSet that has Pods, or the newest if none has; None if several have."""
    running = active([*old, new] if new is not None else old)
    if len(running) == 1:
        return running[0]
    if running:
        return None
    return new if new is not None else (by_age(old)[-1] if old else None)


def is_saturated(deployment: Obj, new: Obj | None) -> bool:
    """The newest ReplicaSet has all Pods of the Deployment, and all are available."""
    total = replicas(deployment)
    if new is None or number(new, DESIRED) is None:
        return False
    return bool(replicas(new) == total == number(new, DESIRED) == new.get("status", {}).get("availableReplicas", 0))


def new_size(deployment: Obj, sets: Objs, new: Obj) -> int:
    """How many Pods the newest ReplicaSet may have now (NewRSNewReplicas)."""
    total = replicas(deployment)
    if (deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate") != "RollingUpdate":
        return total
    room = total + max_surge(deployment) - asked(sets)
    if room <= 0:
        return replicas(new)
    return replicas(new) + min(room, total - replicas(new))


def shrunk(deployment: Obj, old: Objs, new: Obj) -> list[tuple[str, int]]:
    """Steps (name, new size) that scale old ReplicaSets down now without breaking maxUnavailable.

    First the Pods that are not available anyway, from the oldest; then as many as are available beyond the minimum.
    """
    old = by_age(active(old))
    sizes = {one["metadata"]["name"]: replicas(one) for one in old}
    least = replicas(deployment) - max_unavailable(deployment)
    new_unavailable = replicas(new) - new.get("status", {}).get("availableReplicas", 0)
    room = asked(old) + replicas(new) - least - new_unavailable
    steps: list[tuple[str, int]] = []
    if not old or room <= 0:
        return steps
    for one in old:
        name, there = one["metadata"]["name"], one.get("status", {}).get("availableReplicas", 0)
        if room > 0 and there > sizes[name]:
            return steps  # it was scaled down and has not done so yet: what it reports is not to be counted on
        if room > 0 and there != sizes[name]:
            less = min(room, sizes[name] - there)
            room -= less
            sizes[name] -= less
            steps.append((name, sizes[name]))
    spare = reported([*old, new], "availableReplicas") - least
    for one in old:
        name = one["metadata"]["name"]
        if spare > 0 and sizes[name] > 0:
            less = min(sizes[name], spare)
            spare -= less
            sizes[name] -= less
            steps.append((name, sizes[name]))
    return steps


def proportional(deployment: Obj, sets: Objs) -> list[tuple[Obj, int]]:
    """New sizes of all active ReplicaSets when a Deployment is scaled in the middle of a roll-out.

    What is to be added or removed is shared out in proportion to their sizes, the largest first and with the rest:
    the newer one first when scaling up, the older one first when scaling down.
    """
    total = replicas(deployment)
    sets = active(sets)
    change = (total + max_surge(deployment) if total else 0) - asked(sets)
    if change > 0:
        sets = sorted(reversed(by_age(sets)), key=lambda s: -replicas(s))
    elif change < 0:
        sets = sorted(by_age(sets), key=lambda s: -replicas(s))
    sizes = []
    added = 0
    for one in sets:
        share = _share(deployment, one, change, added)
        sizes.append(replicas(one) + share)
        added += share
    if sizes and change:
        sizes[0] = max(sizes[0] + change - added, 0)
    return list(zip(sets, sizes, strict=True))


def _share(deployment: Obj, one: Obj, change: int, added: int) -> int:
    if change == 0 or change == added:
        return 0
    fraction = _fraction(deployment, one)
    return min(fraction, change - added) if change > 0 else max(fraction, change - added)


def _fraction(deployment: Obj, one: Obj) -> int:
    total, size = replicas(deployment), replicas(one)
    if total == 0:
        return -size
    before = number(one, MAX) or deployment.get("status", {}).get("replicas", 0)
    if not before:
        return 0
    exact = size * (total + max_surge(deployment)) / before
    return int(exact + 0.5) - size
