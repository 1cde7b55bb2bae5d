"""Eviction: a deletion that asks the PodDisruptionBudgets first (pkg/registry/core/pod/storage/eviction.go)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane import labels
from controlplane.apiserver import decoding, deletion, errors
from controlplane.apiserver.api import Response
from controlplane.apiserver.options import delete_options
from controlplane.apiserver.registry import Call
from controlplane.clock import rfc3339

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

DONE = ("Succeeded", "Failed")


def handle(server: ApiServer, call: Call, verb: str) -> Response:
    """POST pods/NAME/eviction; 429 while a budget allows no further disruption."""
    wanted = decoding.read_object(call.request, server.custom, "policy/v1", "Eviction", "Warn", call.warnings)
    name = (wanted.get("metadata") or {}).get("name", "")
    if name != call.name:
        raise errors.bad_request("name in URL does not match name in Eviction object")
    options = delete_options(wanted.get("deleteOptions") or {}, call.request.query, call.request.lists)
    registry = server.registry(call.info)
    pod = registry.entry(call.namespace, call.name).obj
    if _needs_budget(pod):
        _spend(server, call, pod, options.dry_run)
    deletion.delete(registry, call, options)
    return Response(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})


def _needs_budget(pod: Obj) -> bool:
    """A Pod that does nothing yet, or nothing any more, disrupts nobody."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in DONE and phase != "Pending" and "deletionTimestamp" not in pod["metadata"]


def _spend(server: ApiServer, call: Call, pod: Obj, dry_run: bool) -> None:
    """Take one disruption from the Pod's budget, if it has one."""
    budgets = [
        b
        for b in server.read_all("poddisruptionbudgets.policy", call.namespace)
        if labels.from_label_selector(b["spec"].get("selector")).matches(pod["metadata"].get("labels"))
    ]
    if not budgets:
        return
    if len(budgets) > 1:
        raise errors.StatusError(
            500,
            "InternalError",
            "Internal error occurred: This pod has more than one "
            "PodDisruptionBudget, which the eviction subresource does not support.",
        )
    budget = budgets[0]
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions") or [])
    status = budget.get("status") or {}
    always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
    enough = status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) and status.get("desiredHealthy", 0) > 0
    if not ready and (always or enough):
        return
    name, generation = budget["metadata"]["name"], budget["metadata"].get("generation", 0)
    problem = ""
    if status.get("observedGeneration", 0) < generation:
        raise _refusal(name, f"The disruption budget {name} is still being processed by the server.", retry_after=10)
    if status.get("disruptionsAllowed", 0) <= 0:
        problem = (
            f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods and has "
            f"{status.get('currentHealthy', 0)} currently"
        )
        raise _refusal(name, problem)
    if dry_run:
        return
    disrupted = {**(status.get("disruptedPods") or {}), pod["metadata"]["name"]: rfc3339(server.loop.now())}
    changed = {
        **budget,
        "status": {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1, "disruptedPods": disrupted},
    }
    info = server.resources.by_name("poddisruptionbudgets.policy")
    assert info is not None
    storage = server.registry(info).storage
    entry = storage.get(storage.key(call.namespace, name))
    if entry is None or entry.obj is not budget or storage.replace(entry, changed) is None:
        raise _refusal(name, f"The disruption budget {name} is still being processed by the server.", retry_after=10)


def _refusal(name: str, message: str, retry_after: int = 0) -> errors.StatusError:
    cause = {"reason": "DisruptionBudget", "message": message}
    return errors.too_many_requests(
        "Cannot evict pod as it would violate the pod's disruption budget.", {"causes": [cause]}, retry_after
    )
