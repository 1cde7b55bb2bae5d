"""From what runs to the status that the API shows: phase, conditions and container statuses of a Pod.

Pure functions of a Pod and its container slots.  Upstream: pkg/kubelet/kubelet_pods.go (generateAPIPodStatus, getPhase)
and pkg/kubelet/status/generate.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from controlplane.clock import rfc3339
from controlplane.node.container_slot import ContainerSlot
from controlplane.node.pod_resources import qos_class
from controlplane.node.runtime import Container, Obj, Objs

KUBELET_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
TERMINAL = ("Succeeded", "Failed")
LOST = "The container could not be located when the pod was terminated"


@lru_cache(maxsize=512)
def _stamp(seconds: int) -> str:
    return rfc3339(seconds)


def stamp(seconds: float) -> str:
    """The time as the API writes it: many Pods share a second."""
    return _stamp(int(seconds))


class Facts(NamedTuple):
    """What a Pod's status is made of, besides its containers."""

    pod: Obj  # as the API has it
    node_ip: str
    pod_ip: str  # "" as long as there is no sandbox
    sandbox: bool  # is the sandbox up?
    start_time: float
    final: bool  # no container will be started again, whatever the restart policy
    now: float
    verdict: tuple[str, str] | None = None  # (reason, message) of a Pod that the kubelet failed: "Evicted", ...
    disruption: str = ""  # the message of the condition DisruptionTarget


def pod_status(facts: Facts, slots: Sequence[ContainerSlot], previous: Obj) -> Obj:
    """The whole status.  `previous` is the one before: unchanged conditions keep their times."""
    pod = facts.pod
    spec, known = pod["spec"], pod.get("status") or {}
    has_init = bool(spec.get("initContainers"))
    debug = [slot for slot in slots if slot.kind == "ephemeral"] if slots[-1].kind == "ephemeral" else []
    slots = slots[: len(slots) - len(debug)]  # those do not count for anything but themselves
    statuses: Objs = []
    init_statuses: Objs = []
    for slot in slots:
        (statuses if slot.kind == "app" else init_statuses).append(container_status(slot, has_init, facts.final))
    phase = pod_phase(slots, spec.get("restartPolicy") or "Always", facts.final)
    if facts.verdict is not None:
        phase = "Failed"
    elif known.get("phase") in TERMINAL:  # there is no way back
        phase = known["phase"]
    elif facts.final and phase not in TERMINAL:
        phase = "Failed"
    status: Obj = {}
    generation = pod["metadata"].get("generation")
    if generation:
        status["observedGeneration"] = generation
    status["phase"] = phase
    status["conditions"] = _conditions(facts, slots, phase, previous, generation)
    if facts.verdict is not None:
        status["reason"], status["message"] = facts.verdict
    elif known.get("phase") == phase:
        status.update((key, known[key]) for key in ("reason", "message") if key in known)
    status["hostIP"] = facts.node_ip
    status["hostIPs"] = [{"ip": facts.node_ip}]
    ip = facts.node_ip if spec.get("hostNetwork") else facts.pod_ip or known.get("podIP", "")
    if ip:
        status["podIP"] = ip
        status["podIPs"] = [{"ip": ip}]
    status["startTime"] = stamp(facts.start_time)
    if init_statuses:
        status["initContainerStatuses"] = init_statuses
    status["containerStatuses"] = statuses
    if debug:
        status["ephemeralContainerStatuses"] = [container_status(slot, False, False) for slot in debug]
    for key in ("nominatedNodeName", "resourceClaimStatuses"):
        if key in known:
            status[key] = known[key]
    status["qosClass"] = known.get("qosClass") or qos_class(pod)
    return status


def rejected_status(pod: Obj, reason: str, message: str, now: float) -> Obj:
    """The status of a Pod that the kubelet has not even tried to run."""
    known = pod.get("status") or {}
    status: Obj = {"phase": "Failed", "reason": reason, "message": message, "startTime": stamp(now)}
    if pod["metadata"].get("generation"):
        status["observedGeneration"] = pod["metadata"]["generation"]
    status["conditions"] = list(known.get("conditions") or ())
    status["qosClass"] = known.get("qosClass") or qos_class(pod)
    return status


# Containers ---------------------------------------------------------------------------------------------------------


def container_status(slot: ContainerSlot, has_init: bool, final: bool = False) -> Obj:
    """One entry of containerStatuses; `has_init` says that the Pod has init containers, `final` that it is over."""
    current = slot.current
    state: Obj
    if final and not slot.exited and slot.kind == "app" and (current is not None or not has_init):
        state = {
            "terminated": {
                "exitCode": 137,
                "reason": "ContainerStatusUnknown",
                "startedAt": None,
                "finishedAt": None,
                "message": LOST,
            }
        }
    elif slot.waiting is not None:
        reason, message = slot.waiting
        state = {"waiting": {"message": message, "reason": reason} if message else {"reason": reason}}
    elif current is None or current.state == "created":
        state = {"waiting": {"reason": "PodInitializing" if has_init else "ContainerCreating"}}
    elif current.state == "running":
        state = {"running": {"startedAt": stamp(current.started_at)}}
    else:
        state = {"terminated": terminated(current)}
    status: Obj = {
        "name": slot.spec["name"],
        "state": state,
        "lastState": {"terminated": slot.last} if slot.last is not None else {},
        "ready": slot.ready,
        "restartCount": slot.restarts,
        "image": slot.spec["image"],
        "imageID": current.image_id if current is not None else "",
    }
    if current is not None:
        status["containerID"] = f"containerd://{current.id}"
    status["started"] = slot.started
    resources = slot.spec.get("resources")
    if resources:
        if "requests" in resources:
            status["allocatedResources"] = resources["requests"]
        status["resources"] = resources
    return status


def terminated(container: Container) -> Obj:
    """ContainerStateTerminated."""
    state: Obj = {"exitCode": container.exit_code, "reason": container.reason}
    if container.message:
        state["message"] = container.message
    state["startedAt"] = stamp(container.started_at) if container.started_at else None
    state["finishedAt"] = stamp(container.finished_at)
    state["containerID"] = f"containerd://{container.id}"
    return state


# Phase --------------------------------------------------------------------------------------------------------------


def pod_phase(slots: Sequence[ContainerSlot], policy: str, final: bool) -> str:
    """Pending, Running, Succeeded or Failed."""
    pending_init = pending_sidecars = running = waiting = stopped = over = succeeded = 0
    for slot in slots:
        ended = _ended(slot)
        if slot.kind == "init":
            if ended is None:
                pending_init += 1
            elif ended[0] != 0 and not slot.restarts_after(ended[0], policy):
                return "Failed"
            continue
        if slot.running:
            running += 1
            pending_sidecars += slot.kind == "sidecar" and not slot.started
        elif ended is None:
            waiting += 1
            pending_sidecars += slot.kind == "sidecar"
        elif slot.kind == "app":
            stopped += 1
            over += not slot.restarts_after(ended[0], policy)
            succeeded += ended[0] == 0 and ended[1]
    if pending_init or waiting or (pending_sidecars and not initialized(slots)):
        return "Pending"
    if running:
        return "Running"
    if not stopped:
        return "Pending"
    if not final and over < stopped:
        return "Running"
    return "Succeeded" if succeeded == stopped else "Failed"


def _ended(slot: ContainerSlot) -> tuple[int, bool] | None:
    """(exit code, is that its state now?) of a slot that has ended, or waits to run again; None for any other."""
    if slot.waiting is None and slot.exited:
        assert slot.current is not None
        return slot.current.exit_code, True
    if not slot.running and slot.last is not None:
        return slot.last["exitCode"], False
    return None


# Conditions ---------------------------------------------------------------------------------------------------------


def initialized(slots: Sequence[ContainerSlot]) -> bool:
    """Are the init containers through?  Once a regular container has started, yes, whatever happens to sidecars."""
    for slot in slots:
        if slot.kind == "app":
            if slot.running or slot.exited or slot.last is not None:
                return True
        elif slot.kind != "ephemeral" and not _initialises(slot):
            return False
    return True


def _initialises(slot: ContainerSlot) -> bool:
    if slot.kind == "sidecar":
        return slot.started
    return slot.waiting is None and slot.current is not None and slot.exited and slot.current.exit_code == 0


def _conditions(
    facts: Facts, slots: Sequence[ContainerSlot], phase: str, previous: Obj, generation: int | None
) -> Objs:
    """What others have set, then the kubelet's own five."""
    known = (facts.pod.get("status") or {}).get("conditions") or ()
    before = {c["type"]: c for c in previous.get("conditions") or known}
    conditions: Objs = [c for c in known if c["type"] not in KUBELET_CONDITIONS]
    now = stamp(facts.now)

    def add(type: str, status: bool, reason: str = "", message: str = "") -> None:
        old = before.get(type)
        text = "True" if status else "False"
        condition: Obj = {
            "type": type,
            "status": text,
            "lastProbeTime": None,
            "lastTransitionTime": old["lastTransitionTime"] if old and old["status"] == text else now,
        }
        if reason:
            condition["reason"] = reason
        if message:
            condition["message"] = message
        if generation:
            condition["observedGeneration"] = generation
        conditions.append(condition)

    if facts.disruption:
        conditions = [c for c in conditions if c["type"] != "DisruptionTarget"]
        add("DisruptionTarget", True, "TerminationByKubelet", facts.disruption)
    add("PodReadyToStartContainers", facts.sandbox)
    if phase == "Succeeded":
        add("Initialized", True, "PodCompleted")
    elif initialized(slots):
        add("Initialized", True)
    else:
        names = " ".join(slot.name for slot in slots if slot.kind != "app" and not _initialises(slot))
        add("Initialized", False, "ContainersNotInitialized", f"containers with incomplete status: [{names}]")
    if phase in TERMINAL:
        reason, message = ("PodCompleted" if phase == "Succeeded" else "PodFailed"), ""
    else:
        unready = [slot.name for slot in slots if slot.kind != "init" and not slot.ready]
        reason = "ContainersNotReady" if unready else ""
        message = f"containers with unready status: [{' '.join(unready)}]" if unready else ""
    gates = _gates(facts.pod, conditions) if not reason else ""
    if gates:
        add("Ready", False, "ReadinessGatesNotReady", gates)
    else:
        add("Ready", not reason, reason, message)
    add("ContainersReady", not reason, reason, message)
    add("PodScheduled", True)
    return conditions


def _gates(pod: Obj, conditions: Objs) -> str:
    """What the Pod's readiness gates still wait for."""
    messages = []
    for gate in pod["spec"].get("readinessGates") or ():
        type = gate["conditionType"]
        found = next((c for c in conditions if c["type"] == type), None)
        if found is None:
            messages.append(f'corresponding condition of pod readiness gate "{type}" does not exist.')
        elif found["status"] != "True":
            messages.append(f'the status of pod readiness gate "{type}" is not "True", but {found["status"]}')
    return ", ".join(messages)
