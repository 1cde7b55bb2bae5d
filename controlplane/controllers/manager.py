"""The controller manager: all controllers in one process, behind one leader election (cmd/kube-controller-manager)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controlplane.client.base import Client
from controlplane.client.informer import InformerFactory
from controlplane.client.leader import LeaderElector
from controlplane.clock import Loop
from controlplane.controllers.base import Controller

LEASE = ("kube-system", "kube-controller-manager")
REMEMBER = 100  # errors


@dataclass(frozen=True, slots=True)
class ReconcileError:
    """One reconcile that raised.  It is retried in `retry_after` seconds at the latest.

    `key` is the object's `namespace/name`; for work that is not about one object it says what was being done.
    """

    time: float
    controller: str
    key: str
    error: Exception
    attempts: int
    retry_after: float

    def __str__(self) -> str:
        return f"{self.controller} {self.key}: {type(self.error).__name__}: {self.error}"


class ControllerManager:
    """Runs `controllers` (all of `DEFAULT_CONTROLLERS` if not given) as long as it is started, and leads.

    They share informers.  One that raises is retried with back-off and reported to `on_error` and in `errors`; the
    others do not notice.  With `leader_elect`, several managers may run: the one that holds the Lease
    kube-system/kube-controller-manager works, and when it is lost another takes over within 15 seconds.

    *Note*: upstream's process exits when it loses the lease and is started again; here it goes back to waiting.
    """

    def __init__(
        self,
        loop: Loop,
        client: Client,
        controllers: Sequence[type[Controller]] | None = None,
        *,
        leader_elect: bool = False,
        identity: str = "kube-controller-manager",
        on_error: Callable[[ReconcileError], None] | None = None,
    ) -> None:
        if controllers is None:
            from controlplane.controllers import DEFAULT_CONTROLLERS

            controllers = DEFAULT_CONTROLLERS
        self.loop = loop
        self.client = client
        self.classes = list(controllers)
        self.identity = identity
        self.on_error = on_error
        self.errors: deque[ReconcileError] = deque(maxlen=REMEMBER)
        self.informers = InformerFactory(loop, client)
        self.controllers: list[Controller] = []  # the running ones; none while another manager leads
        self.elector: LeaderElector | None = None
        if leader_elect:
            self.elector = LeaderElector(
                loop, client, LEASE[1], LEASE[0], identity, on_started=self._run, on_stopped=self._halt
            )

    def start(self) -> None:
        """Begin to work, or to stand for election.  Idempotent."""
        if self.elector is not None:
            self.elector.start()
        else:
            self._run()

    def stop(self) -> None:
        """Stop at once, as a process that is killed: a Lease that is held is left to expire."""
        if self.elector is not None:
            self.elector.stop()
        self._halt()

    def controller(self, kind: type[Controller]) -> Controller:
        """The running controller of a class.  Raises KeyError if it does not run."""
        for controller in self.controllers:
            if type(controller) is kind:
                return controller
        raise KeyError(kind.__name__)

    def _run(self) -> None:
        if self.controllers:
            return
        self.informers = InformerFactory(self.loop, self.client)
        for kind in self.classes:
            self.controllers.append(kind(self.loop, self.client, self.informers, self._failed))
        for controller in self.controllers:
            try:
                controller.start()
            except Exception as error:
                self._failed(controller, "start", error)

    def _halt(self) -> None:
        for controller in self.controllers:
            controller.stop()
        self.controllers = []
        self.informers.stop()

    def _failed(self, controller: Controller, key: str, error: Exception) -> None:
        queue = controller.queue
        attempts = queue.retries(key)
        wait = min(queue.base_delay * 2.0 ** min(max(attempts - 1, 0), 60), queue.max_delay)
        report = ReconcileError(self.loop.now(), controller.title, key, error, attempts, wait)
        self.errors.append(report)
        if self.on_error is not None:
            self.on_error(report)
