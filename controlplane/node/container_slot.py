"""What a kubelet knows of one container of a Pod's spec, across all attempts to run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from controlplane.clock import Timer
from controlplane.node.runtime import Container, Obj

if TYPE_CHECKING:
    from controlplane.node.probes import Prober

Kind = Literal["init", "sidecar", "app", "ephemeral"]
FIELDS = {"app": "containers", "ephemeral": "ephemeralContainers"}


class ContainerSlot:
    """One container of the spec.  `current` is the attempt that runs or ran last."""

    __slots__ = (
        "busy",
        "current",
        "kind",
        "last",
        "prober",
        "ready",
        "restarts",
        "retry",
        "spec",
        "started",
        "stop_by",
        "stopping",
        "waiting",
    )

    def __init__(self, spec: Obj, kind: Kind) -> None:
        self.spec = spec
        self.kind = kind
        self.current: Container | None = None
        self.last: Obj | None = None  # how the attempt before ended: the status' lastState.terminated
        self.restarts = 0
        self.waiting: tuple[str, str] | None = None  # (reason, message) while it waits for something that went wrong
        self.busy = False  # an image pull, creation, start or hook is under way
        self.started = False  # has its startup probe, if any, succeeded?
        self.ready = False
        self.stopping = False
        self.stop_by = 0.0  # when SIGKILL comes
        self.prober: Prober | None = None
        self.retry: Timer | None = None

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def running(self) -> bool:
        return self.current is not None and self.current.state == "running"

    @property
    def exited(self) -> bool:
        return self.current is not None and self.current.state == "exited"

    @property
    def field_path(self) -> str:
        """How events name the container."""
        return f"spec.{FIELDS.get(self.kind, 'initContainers')}{{{self.spec['name']}}}"

    def restarts_after(self, exit_code: int, pod_policy: str) -> bool:
        """Does the container run again after it ended with `exit_code`?"""
        if self.kind in ("sidecar", "ephemeral"):
            return self.kind == "sidecar"
        for rule in self.spec.get("restartPolicyRules") or ():
            codes = rule.get("exitCodes") or {}
            if (exit_code in (codes.get("values") or ())) == (codes.get("operator") == "In"):
                return bool(rule.get("action") == "Restart")
        policy = self.spec.get("restartPolicy") or pod_policy
        if self.kind == "init" and policy == "Always":
            policy = "OnFailure"
        return bool(policy == "Always" or (policy == "OnFailure" and exit_code != 0))

    def done(self, pod_policy: str) -> bool:
        """Did it end for good?"""
        current = self.current
        return (
            current is not None and current.state == "exited" and not self.restarts_after(current.exit_code, pod_policy)
        )
