"""Pods, and what runs them: the columns that say at a glance what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.apiserver.tables.cells import NONE, Cells, Obj, age, at, containers, created, label_text, name

_COMPLETED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def row_conditions(pod: Obj) -> list[Obj] | None:
    """What lets a client show the row of a finished Pod with less emphasis."""
    phase = at(pod, "status.phase", "")
    if phase not in _COMPLETED:
        return None
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _COMPLETED[phase]}]


def _condition(status: Obj, type_: str) -> Obj:
    return next((c for c in status.get("conditions") or () if c.get("type") == type_), {})


def _ended(terminated: Obj) -> str:
    """Why a container is not running any more."""
    if reason := terminated.get("reason"):
        return str(reason)
    if signal := terminated.get("signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


class _Restarts:
    """How often, and when last."""

    def __init__(self) -> None:
        self.count = 0
        self.last = ""

    def add(self, status: Obj) -> None:
        self.count += status.get("restartCount", 0)
        self.last = max(self.last, at(status, "lastState.terminated.finishedAt", ""))

    def text(self, now: float) -> str:
        return f"{self.count} ({age(self.last, now)} ago)" if self.count and self.last else str(self.count)


def print_pod(pod: Obj, now: float) -> Cells:
    spec, status, meta = pod.get("spec") or {}, pod.get("status") or {}, pod["metadata"]
    reason = status.get("reason") or status.get("phase") or ""
    if _condition(status, "PodScheduled").get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or ()) + len(sidecars)
    ready = 0
    of_all, of_sidecars = _Restarts(), _Restarts()
    initializing = False
    for place, container in enumerate(status.get("initContainerStatuses") or ()):
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), at(state, "waiting.reason", "")
        of_all.add(container)
        if sidecar := container.get("name") in sidecars:
            of_sidecars.add(container)
        if terminated and not terminated.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated:
            reason = f"Init:{_ended(terminated)}"
        elif waiting and waiting != "PodInitializing":
            reason = f"Init:{waiting}"
        else:
            reason = f"Init:{place}/{len(spec.get('initContainers') or ())}"
        initializing = True
        break
    restarts = of_all
    if not initializing or _condition(status, "Initialized").get("status") == "True":
        restarts = of_sidecars
        running = False
        for container in reversed(status.get("containerStatuses") or ()):
            state = container.get("state") or {}
            restarts.add(container)
            if waiting := at(state, "waiting.reason", ""):
                reason = waiting
            elif state.get("terminated") is not None:
                reason = _ended(state["terminated"])
            elif container.get("ready") and state.get("running") is not None:
                running = True
                ready += 1
        if reason == "Completed" and running:
            reason = "Running" if _condition(status, "Ready").get("status") == "True" else "NotReady"
    if meta.get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    ips = status.get("podIPs") or [{"ip": status.get("podIP")}]
    return [
        name(pod),
        f"{ready}/{total}",
        reason,
        restarts.text(now),
        created(pod, now),
        ips[0].get("ip") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _readiness_gates(spec, status),
    ]


def _readiness_gates(spec: Obj, status: Obj) -> str:
    gates = spec.get("readinessGates") or ()
    met = sum(_condition(status, gate.get("conditionType", "")).get("status") == "True" for gate in gates)
    return f"{met}/{len(gates)}" if gates else NONE


def print_pod_template(obj: Obj, now: float) -> Cells:
    template: Mapping[str, object] = obj.get("template") or {}
    return [name(obj), *containers(template), label_text(at(template, "metadata.labels"))]


PRINTERS = {"/Pod": print_pod, "/PodTemplate": print_pod_template}
