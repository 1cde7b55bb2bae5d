"""What to wait for: conditions for `Cluster.run_until`, each of which can say what is still missing.

A condition is a function of a client that returns "" once it holds, and until then one sentence on what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane import labels
from controlplane.client.base import ApiError, Client

Obj = dict[str, Any]
Condition = Callable[[Client], str]

SHOWN = 5  # names in a sentence


def is_ready(obj: Obj) -> bool:
    """Does the object (a Pod or a Node) have the condition Ready?"""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in obj.get("status", {}).get("conditions") or [])


def pods_ready(count: int | None = None, selector: str = "", namespace: str = "default") -> Condition:
    """At least `count` Pods (all there are, but one, if not given) are Ready; Pods that go do not count."""

    def missing(client: Client) -> str:
        pods, _ = client.list_shared("pods", namespace, label_selector=selector)
        live = [p for p in pods if "deletionTimestamp" not in p["metadata"]]
        ready = [p for p in live if is_ready(p)]
        wanted = max(len(live), 1) if count is None else count
        if len(ready) >= wanted:
            return ""
        return f"{len(ready)} of {wanted} Pods are Ready{_why(p for p in live if not is_ready(p))}"

    return missing


def nodes_ready(count: int | None = None) -> Condition:
    """At least `count` nodes (all there are) are Ready."""

    def missing(client: Client) -> str:
        nodes, _ = client.list_shared("nodes")
        ready = [n for n in nodes if is_ready(n)]
        wanted = max(len(nodes), 1) if count is None else count
        if len(ready) >= wanted:
            return ""
        waiting = [n["metadata"]["name"] for n in nodes if not is_ready(n)]
        return f"{len(ready)} of {wanted} nodes are Ready{_names(waiting)}"

    return missing


def available(what: str, namespace: str = "default") -> Condition:
    """The workload ("deployment/web") is rolled out: as many Pods as wanted are up to date and available.

    The same questions as `kubectl rollout status` asks.
    """
    resource, _, name = what.partition("/")
    if not name:
        raise ValueError(f"{what!r} names no workload: write it as deployment/web")

    def missing(client: Client) -> str:
        try:
            obj = client.get(resource, name, namespace)
        except ApiError as error:
            if error.not_found:
                return f"there is no {what}"
            raise
        spec, status = obj["spec"], obj.get("status") or {}
        if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
            return f"{what}: its controller has not seen its last change"
        if obj["kind"] == "DaemonSet":
            wanted = status.get("desiredNumberScheduled", 0)
            updated, usable = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        else:
            wanted = spec.get("replicas", 1)
            known = "updatedReplicas" if obj["kind"] in ("Deployment", "StatefulSet") else "replicas"
            updated = status.get(known, 0)
            usable = status.get("availableReplicas", 0)
        if updated < wanted:
            return f"{what}: {updated} of {wanted} Pods are up to date"
        old = status.get("replicas", 0) - updated
        if obj["kind"] == "Deployment" and old > 0:
            return f"{what}: {old} old Pods are still there"
        if usable < wanted:
            pods, _ = client.list_shared("pods", namespace)
            chosen = labels.from_label_selector(spec.get("selector"))
            waiting = (p for p in pods if chosen.matches(p["metadata"].get("labels")) and not is_ready(p))
            return f"{what}: {usable} of {wanted} Pods are available{_why(waiting)}"
        return ""

    return missing


def gone(what: str, namespace: str = "default") -> Condition:
    """The object ("pod/web-1") does not exist."""
    resource, _, name = what.partition("/")

    def missing(client: Client) -> str:
        try:
            obj = client.get(resource, name, namespace)
        except ApiError as error:
            if error.not_found:
                return ""
            raise
        finalizers = obj["metadata"].get("finalizers")
        return f"{what} is still there" + (f", held by its finalizers {', '.join(finalizers)}" if finalizers else "")

    return missing


def everything_ready() -> Condition:
    """All nodes and all Pods in all namespaces are Ready, but for Pods that have done their work."""

    def missing(client: Client) -> str:
        waiting = nodes_ready()(client)
        pods, _ = client.list_shared("pods")
        unready = [
            p for p in pods if not is_ready(p) and p.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        ]
        if unready:
            waiting += (
                "; " if waiting else ""
            ) + f"{len(unready)} of {len(pods)} Pods are not Ready{_why(iter(unready))}"
        return waiting

    return missing


def _why(pods: Any) -> str:
    """What keeps some Pods, in brackets."""
    told = [f"{p['metadata']['name']} {reason(p)}" for p in pods]
    return _names(told)


def _names(told: list[str]) -> str:
    if not told:
        return ""
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f" ({'; '.join(told[:SHOWN])}{more})"


def reason(pod: Obj) -> str:
    """Why a Pod is not Ready, as `kubectl get` and `kubectl describe` would say it."""
    status = pod.get("status") or {}
    if "deletionTimestamp" in pod["metadata"]:
        return "is Terminating"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"is not scheduled: {condition.get('message') or condition.get('reason', '')}"
    if not pod["spec"].get("nodeName"):
        return "is not scheduled yet"
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "PodInitializing"):
            return f"waits on {pod['spec']['nodeName']}: {waiting['reason']}"
    return f"is {status.get('phase', 'Pending')} on {pod['spec']['nodeName']}, not Ready"
