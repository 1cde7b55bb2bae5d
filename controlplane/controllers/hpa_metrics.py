"""How many Pods the load calls for (upstream: pkg/controller/podautoscaler/replica_calculator.go, metrics/).

Usage comes from the API group metrics.k8s.io, which a metrics server fills from the kubelets.

*Note*: of the kinds of metrics, Resource and ContainerResource are known here; Pods, Object and External are not.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from controlplane.client.base import ApiError, Client, Obj, Objs
from controlplane.clock import parse_duration, parse_time
from controlplane.controllers.pods import condition
from controlplane.labels import Selector
from controlplane.quantity import Quantity

TOLERANCE = 0.1  # --horizontal-pod-autoscaler-tolerance
CPU_START = 300.0  # seconds in which a Pod that was never ready does not count; --…-cpu-initialization-period
READY_DELAY = 30.0  # --horizontal-pod-autoscaler-initial-readiness-delay
MILLI = 10**6  # nanos


class MetricError(Exception):
    """A metric that cannot be had, with the reason for the ScalingActive condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Proposal(NamedTuple):
    """What one metric calls for, and its value for the status."""

    replicas: int
    name: str
    current: Obj


class Usage(NamedTuple):
    """One Pod's use in thousandths, with when and over how many seconds it was measured."""

    value: int
    at: float
    window: float


def evaluate(
    client: Client, spec: Obj, namespace: str, selector: Selector, pods: Objs, current: int, now: float
) -> Proposal:
    """What one entry of `spec.metrics` calls for.  Raises MetricError."""
    kind = spec["type"]
    if kind not in ("Resource", "ContainerResource"):
        raise MetricError("InvalidMetricSourceType", f"unknown metric source type {json_text(kind)}")
    source = spec["resource" if kind == "Resource" else "containerResource"]
    what, container, target = source["name"], source.get("container", ""), source["target"]
    failed = f"FailedGet{kind}Metric"
    by_percent = target.get("averageUtilization") is not None
    prefix = f"failed to get {what} utilization: " if by_percent else f"failed to get {what} usage: "
    try:
        usage = _usage(client, namespace, selector, what, container)
        if not pods:
            raise ValueError("no pods returned by selector while calculating replica count")
        ready, ignored, missing = _group(pods, usage, what, now)
        known = {name: use.value for name, use in usage.items() if name not in ignored and name in ready}
        requests = _requests(pods, what, container) if by_percent else {}
        if not known:
            raise ValueError("did not receive metrics for any ready pods")
        wanted = target["averageUtilization"] if by_percent else Quantity.parse(target["averageValue"]).nanos // MILLI
        count = _replicas(known, requests, wanted, len(ready), ignored, missing, current)
    except ValueError as error:
        raise MetricError(failed, prefix + str(error)) from error
    average = sum(known.values()) // len(known)
    value: Obj = {"averageValue": str(Quantity(average * MILLI))}
    if by_percent:
        value["averageUtilization"] = int(_ratio(known, requests, 100) * 100)
    text = f"{what} resource utilization (percentage of request)" if by_percent else f"{what} resource"
    if kind == "ContainerResource":
        text = text.replace("resource", "container resource", 1)
        return Proposal(
            count, text, {"type": kind, "containerResource": {"name": what, "container": container, "current": value}}
        )
    return Proposal(count, text, {"type": kind, "resource": {"name": what, "current": value}})


def json_text(text: str) -> str:
    return f'"{text}"'


def _usage(client: Client, namespace: str, selector: Selector, what: str, container: str) -> dict[str, Usage]:
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
    where = f"unable to get metrics for resource {what}: "
    try:
        answer = client.request("GET", path, query={"labelSelector": str(selector)})
    except ApiError as error:
        detail = f"{error.message} (get pods.metrics.k8s.io)" if error.not_found else error.message
        raise ValueError(f"{where}unable to fetch metrics from resource metrics API: {detail}") from error
    found: dict[str, Usage] = {}
    for item in answer.get("items") or ():
        amounts = [c["usage"].get(what) for c in item["containers"] if container in ("", c["name"])]
        if amounts and all(a is not None for a in amounts):
            total = sum(Quantity.parse(a).nanos for a in amounts) // MILLI
            found[item["metadata"]["name"]] = Usage(
                total, parse_time(item["timestamp"]), parse_duration(item["window"])
            )
    if not found:
        raise ValueError(f"{where}no metrics returned from resource metrics API")
    return found


def _group(pods: Objs, usage: dict[str, Usage], what: str, now: float) -> tuple[set[str], set[str], set[str]]:
    """Names of Pods that count, of those that are not ready yet, and of those without a metric (groupPods)."""
    ready: set[str] = set()
    ignored: set[str] = set()
    missing: set[str] = set()
    for pod in pods:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        if "deletionTimestamp" in pod["metadata"] or status.get("phase") == "Failed":
            continue
        if status.get("phase") == "Pending":
            ignored.add(name)
        elif name not in usage:
            missing.add(name)
        elif what == "cpu" and _starting(pod, usage[name], now):
            ignored.add(name)
        else:
            ready.add(name)
    return ready, ignored, missing


def _starting(pod: Obj, use: Usage, now: float) -> bool:
    """Is its use of CPU still that of starting up?"""
    state, started = condition(pod, "Ready"), pod["status"].get("startTime")
    if state is None or started is None:
        return True
    since = parse_time(state["lastTransitionTime"])
    if parse_time(started) + CPU_START > now:
        return state["status"] == "False" or use.at < since + use.window
    return state["status"] == "False" and parse_time(started) + READY_DELAY > since


def _requests(pods: Objs, what: str, container: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for pod in pods:
        total = 0
        for c in pod["spec"]["containers"]:
            if container in ("", c["name"]):
                amount = ((c.get("resources") or {}).get("requests") or {}).get(what)
                if amount is None:
                    raise ValueError(
                        f"missing request for {what} in container {c['name']} of Pod {pod['metadata']['name']}"
                    )
                total += Quantity.parse(amount).nanos // MILLI
        found[pod["metadata"]["name"]] = total
    return found


def _ratio(known: dict[str, int], requests: dict[str, int], wanted: int) -> float:
    if not requests:
        return sum(known.values()) // len(known) / wanted
    asked = sum(requests.get(name, 0) for name in known)
    if not asked:
        raise ValueError("no metrics returned matched known pods")
    return sum(known.values()) * 100 // asked / wanted


def _replicas(
    known: dict[str, int],
    requests: dict[str, int],
    wanted: int,
    ready: int,
    ignored: set[str],
    missing: set[str],
    current: int,
) -> int:
    ratio = _ratio(known, requests, wanted)
    rebalance = bool(ignored) and ratio > 1.0
    if not rebalance and not missing:
        return current if abs(1.0 - ratio) <= TOLERANCE else math.ceil(ratio * ready)
    filled = dict(known)  # what is not known counts against the change
    for name in missing:
        filled[name] = (requests.get(name, 0) if requests else wanted) if ratio < 1.0 else 0
    if rebalance:
        filled.update(dict.fromkeys(ignored, 0))
    again = _ratio(filled, requests, wanted)
    if abs(1.0 - again) <= TOLERANCE or (ratio < 1.0) != (again < 1.0):
        return current
    count = math.ceil(again * len(filled))
    return current if (again < 1.0 and count > current) or (again > 1.0 and count < current) else count
