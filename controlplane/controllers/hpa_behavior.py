"""How fast an autoscaler may change its mind (upstream: pkg/controller/podautoscaler/horizontal.go)."""

from __future__ import annotations

import math

from controlplane.client.base import Obj

DOWN_WINDOW = 300  # seconds; --horizontal-pod-autoscaler-downscale-stabilization
_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN = {
    "stabilizationWindowSeconds": DOWN_WINDOW,
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}

TOO_FAST = "the desired replica count is {} faster than the maximum scale rate"
Result = tuple[int, str, str]  # (replicas, reason, message)


class Memory:
    """What one autoscaler remembers: (time, recommended) and (time, change) of the past minutes."""

    def __init__(self) -> None:
        self.recommendations: list[tuple[float, int]] = []
        self.ups: list[tuple[float, int]] = []
        self.downs: list[tuple[float, int]] = []

    def scaled(self, now: float, before: int, after: int) -> None:
        (self.ups if after > before else self.downs).append((now, abs(after - before)))
        self.ups = [e for e in self.ups if e[0] > now - 1800]
        self.downs = [e for e in self.downs if e[0] > now - 1800]


def rules(hpa: Obj, way: str) -> Obj:
    """The scaleUp or scaleDown rules, defaults filled in."""
    given = (hpa["spec"].get("behavior") or {}).get(way) or {}
    default = _UP if way == "scaleUp" else _DOWN
    return {**default, **{k: v for k, v in given.items() if v is not None}}


def stabilized(memory: Memory, hpa: Obj, now: float, current: int, desired: int) -> Result:
    """The least eager of the recommendations within the window."""
    up, down = (rules(hpa, way)["stabilizationWindowSeconds"] for way in ("scaleUp", "scaleDown"))
    if desired >= current:
        window, better, reason, kind = up, min, "ScaleUpStabilized", ("lower", "lowest")
    else:
        window, better, reason, kind = down, max, "ScaleDownStabilized", ("higher", "highest")
    result = desired
    for at, recommended in memory.recommendations:
        if at > now - window:
            result = better(recommended, result)
    memory.recommendations = [r for r in memory.recommendations if r[0] >= now - max(up, down)]
    memory.recommendations.append((now, desired))
    if result != desired:
        message = (
            f"recent recommendations were {kind[0]} than current one, applying the {kind[1]} recent recommendation"
        )
        return result, reason, message
    return result, "ReadyForNewScale", "recommended size matches current size"


def limited(memory: Memory, hpa: Obj, now: float, current: int, desired: int) -> Result:
    """`desired` within the policies and between minReplicas and maxReplicas."""
    spec = hpa["spec"]
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if desired > current:
        limit = max(_limit(rules(hpa, "scaleUp"), memory.ups, now, current, up=True), current)
        allowed = min(most, limit)
        if desired > allowed:
            if most > limit:
                return allowed, "ScaleUpLimit", TOO_FAST.format("increasing")
            return allowed, "TooManyReplicas", "the desired replica count is more than the maximum replica count"
    elif desired < current:
        limit = min(_limit(rules(hpa, "scaleDown"), memory.downs, now, current, up=False), current)
        allowed = max(least, limit)
        if desired < allowed:
            if least < limit:
                return allowed, "ScaleDownLimit", TOO_FAST.format("decreasing")
            return allowed, "TooFewReplicas", "the desired replica count is less than the minimum replica count"
    return desired, "DesiredWithinRange", "the desired count is within the acceptable range"


def _limit(rule: Obj, events: list[tuple[float, int]], now: float, current: int, up: bool) -> int:
    """How far the policies let the number go, by what was changed already in each one's period."""
    if rule["selectPolicy"] == "Disabled":
        return current
    sign = 1 if up else -1
    proposals: list[int] = []
    for policy in rule["policies"]:
        start = current - sign * sum(change for at, change in events if at > now - policy["periodSeconds"])
        if policy["type"] == "Pods":
            proposals.append(start + sign * policy["value"])
        elif up:
            proposals.append(math.ceil(start * (1 + policy["value"] / 100)))
        else:
            proposals.append(int(start * (1 - policy["value"] / 100)))
    widest = (rule["selectPolicy"] == "Max") == up
    return max(proposals) if widest else min(proposals)
