"""Leader election over a Lease: of several that run, one works (client-go: tools/leaderelection).

The holder renews the Lease every 2 s.  The others watch the clock on their own wall: when the Lease has not changed
for 15 s since they saw it, they try to take it.  A holder that could not renew for 10 s stops working by itself, so two
never work at once as long as clocks run at the same speed, whatever time they show.
"""

from __future__ import annotations

from collections.abc import Callable

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.events import EventRecorder
from controlplane.clock import Loop, Timer, rfc3339_micro

LEASE_DURATION = 15.0  # seconds; kube-controller-manager --leader-elect-lease-duration
RENEW_DEADLINE = 10.0  # --leader-elect-renew-deadline
RETRY_PERIOD = 2.0  # --leader-elect-retry-period
JITTER = 1.2  # while waiting, tries are spread over retry period × (1 to 2.2)


class LeaderElector:
    """Stands for election until stopped; `on_started` and `on_stopped` are called when it begins and ceases to lead."""

    def __init__(
        self,
        loop: Loop,
        client: Client,
        name: str,
        namespace: str,
        identity: str,
        *,
        on_started: Callable[[], None],
        on_stopped: Callable[[], None],
    ) -> None:
        self.loop = loop
        self.client = client
        self.name = name
        self.namespace = namespace
        self.identity = identity
        self.leading = False
        self.holder = ""  # who holds the Lease, as far as we know
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._recorder = EventRecorder(loop, client, identity)
        self._rng = loop.rng(f"leader/{namespace}/{name}/{identity}")
        self._observed: Obj = {}
        self._observed_at = 0.0
        self._renewed_at = 0.0
        self._timer: Timer | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(0, self._try)

    def stop(self) -> None:
        """Stand back, without giving the Lease up (kube-controller-manager does not release it)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.leading = False

    def _try(self) -> None:
        try:
            held = self._acquire_or_renew()
        except ApiError:
            held = False
        now = self.loop.now()
        if held:
            self._renewed_at = now
            if not self.leading:
                self.leading = True
                self._say("became leader")
                self._on_started()
        elif self.leading and now - self._renewed_at >= RENEW_DEADLINE:
            self.leading = False
            self._say("stopped leading")
            self._on_stopped()
        if self._timer is not None:
            wait = RETRY_PERIOD if self.leading else RETRY_PERIOD * (1 + JITTER * self._rng.random())
            if self.leading:
                wait = min(wait, max(self._renewed_at + RENEW_DEADLINE - now, 0.0))
            self._timer = self.loop.call_later(wait, self._try)

    def _acquire_or_renew(self) -> bool:
        now = self.loop.now()
        stamp = rfc3339_micro(now)
        spec: Obj = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(LEASE_DURATION),
            "acquireTime": stamp,
            "renewTime": stamp,
            "leaseTransitions": 0,
        }
        try:
            lease = self.client.get("leases", self.name, self.namespace)
        except ApiError as error:
            if not error.not_found:
                raise
            meta = {"name": self.name, "namespace": self.namespace}
            made = self.client.create(
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
            )
            self._observe(made)
            return True
        if lease.get("spec") != self._observed.get("spec"):
            self._observe(lease)
        old = lease.get("spec") or {}
        mine = old.get("holderIdentity") == self.identity
        if old.get("holderIdentity") and not mine and now < self._observed_at + LEASE_DURATION:
            return False
        transitions = old.get("leaseTransitions") or 0
        spec["leaseTransitions"] = transitions if mine else transitions + 1
        if mine:
            spec["acquireTime"] = old.get("acquireTime", stamp)
        self._observe(self.client.update({**lease, "spec": {**old, **spec}}))
        return True

    def _observe(self, lease: Obj) -> None:
        self._observed = lease
        self._observed_at = self.loop.now()
        self.holder = (lease.get("spec") or {}).get("holderIdentity") or ""

    def _say(self, what: str) -> None:
        if self._observed:
            self._recorder.event(self._observed, "Normal", "LeaderElection", f"{self.identity} {what}")
