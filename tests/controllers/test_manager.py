"""Many controllers in one process: what one does wrong, the others do not feel; and of two managers, one works."""

from __future__ import annotations

from typing import Any, ClassVar

from controlplane.client.base import ApiError, Client
from controlplane.clock import Loop
from controlplane.controllers import DEFAULT_CONTROLLERS
from controlplane.controllers.base import Controller
from tests.controllers.plane import Plane, images
from tests.faults import CALM, Faults, FaultyClient


class Broken(Controller):
    """Raises for one ConfigMap, and notes when it was asked."""

    watches: ClassVar = {"configmaps": "self"}
    times: ClassVar[list[float]] = []
    cured: ClassVar[bool] = False

    def reconcile(self, key: str) -> float | None:
        if key == "default/bad" and not Broken.cured:
            Broken.times.append(self.loop.now())
            raise RuntimeError("no such luck")
        return None


class BrokenLegs(Controller):
    """Raises before it has begun."""

    def prepare(self) -> None:
        raise RuntimeError("no start")


class BrokenEars(Controller):
    """Raises for every event."""

    watches: ClassVar = {"pods": "on_pod"}

    def on_pod(self, *_: Any) -> list[str]:
        raise ValueError("deaf")


def test_one_that_raises_is_retried_reported_and_stops_nobody() -> None:
    Broken.times.clear()
    Broken.cured = False
    plane = Plane([Broken, BrokenEars, BrokenLegs, *DEFAULT_CONTROLLERS])
    plane.create("v1/ConfigMap", "bad")
    plane.create("v1/ConfigMap", "good")
    plane.workload("Deployment", "web", 2)
    plane.run(30)
    assert plane.get("deployments", "web")["status"]["availableReplicas"] == 2
    gaps = [b - a for a, b in zip(Broken.times, Broken.times[1:], strict=False)]
    assert gaps == sorted(gaps)
    assert gaps[0] < 0.01 < 1 < gaps[-1]
    mine = [e for e in plane.errors if e.controller == "broken"]
    assert [e.attempts for e in mine] == list(range(1, len(mine) + 1))
    assert str(mine[0]) == "broken default/bad: RuntimeError: no such luck"
    assert plane.events("ReconcileError") == ["ConfigMap/bad ReconcileError: RuntimeError: no such luck"]
    assert any(e.controller == "broken-ears" and isinstance(e.error, ValueError) for e in plane.errors)
    assert [str(e) for e in plane.errors if e.controller == "broken-legs"] == [
        "broken-legs start: RuntimeError: no start"
    ]
    Broken.cured = True
    plane.run(60)
    assert plane.manager.controller(Broken).queue.retries("default/bad") == 0


def test_a_resource_that_is_not_there_yet_holds_up_one_controller_only() -> None:
    class Waiting(Controller):
        watches: ClassVar = {"widgets.example.com": "self"}

    plane = Plane([Waiting, *DEFAULT_CONTROLLERS])
    plane.workload("Deployment", "web", 1)
    plane.run(5)
    assert plane.get("deployments", "web")["status"]["availableReplicas"] == 1


def test_a_manager_killed_in_the_middle_of_a_roll_out_is_replaced_by_another() -> None:
    plane = Plane(start=False)
    first = plane.new_manager(leader_elect=True, identity="one")
    first.start()
    plane.run(3)
    second = plane.new_manager(leader_elect=True, identity="two")
    second.start()
    plane.workload("Deployment", "web", 6)
    plane.run(10)
    assert (bool(first.controllers), bool(second.controllers)) == (True, False)
    plane.set_image("deployments", "web", "app:v2")
    plane.run(0.03)
    first.stop()
    assert images(plane.list("pods")) != ["app:v2"] * 6
    plane.run(12)
    assert second.controllers == []
    plane.run(10)
    assert second.controllers
    plane.run(10)
    assert images(plane.list("pods")) == ["app:v2"] * 6
    lease = plane.client.get("leases", "kube-controller-manager", "kube-system")["spec"]
    assert (lease["holderIdentity"], lease["leaseTransitions"]) == ("two", 1)
    said = [
        e["message"] for e in plane.client.list("events", "kube-system")["items"] if e["reason"] == "LeaderElection"
    ]
    assert sorted(said) == ["one became leader", "two became leader"]


def test_a_leader_that_cannot_renew_stops_before_another_starts() -> None:
    faulty: list[FaultyClient] = []

    def wrap(loop: Loop, inner: Client) -> Client:
        faulty.append(FaultyClient(loop, inner, CALM))
        return faulty[-1]

    plane = Plane(start=False, wrap=wrap)
    first = plane.new_manager(leader_elect=True, identity="one")
    first.start()
    plane.run(3)
    plane.controllers_client = plane.client
    second = plane.new_manager(leader_elect=True, identity="two")
    second.start()
    plane.run(5)
    faulty[0].faults = Faults(refuse=1.0)
    for _ in range(400):
        plane.run(0.1)
        assert not (first.controllers and second.controllers)
    assert second.controllers
    faulty[0].heal()
    plane.run(30)
    assert first.controllers == []


def test_an_api_server_that_does_not_answer_is_waited_for() -> None:
    faulty: list[FaultyClient] = []

    def wrap(loop: Loop, inner: Client) -> Client:
        faulty.append(FaultyClient(loop, inner, Faults(refuse=1.0)))
        return faulty[-1]

    plane = Plane(wrap=wrap)
    plane.workload("Deployment", "web", 1)
    plane.run(30)
    assert plane.list("replicasets") == []
    faulty[0].heal()
    plane.run(60)
    assert plane.get("deployments", "web")["status"]["availableReplicas"] == 1
    assert all(isinstance(error.error, ApiError) for error in plane.errors)


def test_the_same_seed_gives_the_same_run() -> None:
    def story(seed: int) -> list[str]:
        plane = Plane(seed=seed)
        plane.workload("Deployment", "web", 3)
        plane.run(5)
        plane.set_image("deployments", "web", "app:v2")
        plane.run(5)
        return [f"{e['metadata']['name']} {e['message']}" for e in plane.list("events")]

    assert story(1) == story(1)
    assert story(1) != story(2)
