"""Startup, liveness and readiness probes, with all their numbers."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.clock import EPOCH, Loop
from controlplane.node.container_slot import ContainerSlot
from controlplane.node.probes import Prober, ProbeType
from controlplane.node.runtime import Container, Obj, ProbeDone, ProbeResult
from tests.node.cluster import INSTANT, Node

HTTP = {"httpGet": {"path": "/healthz", "port": 8080}}


class Recorder:
    """The owner of a prober, and the application: healthy in second i if `health[i]`, the last one for ever."""

    def __init__(self, loop: Loop, health: list[bool]) -> None:
        self.loop = loop
        self.health = health
        self.probed: list[float] = []
        self.changes: list[tuple[float, bool]] = []
        self.failures: list[str] = []

    def healthy(self, at: float) -> bool:
        return self.health[min(int(at), len(self.health) - 1)]

    def execute(self, container_id: str, probe: Obj, timeout: float, done: ProbeDone) -> None:
        now = self.loop.now() - EPOCH
        self.probed.append(now)
        self.loop.call_later(0.0, done, ProbeResult(self.healthy(now), "broken"))

    def probe_failed(self, slot: ContainerSlot, type: ProbeType, output: str) -> None:
        self.failures.append(output)

    def probe_changed(self, slot: ContainerSlot, type: ProbeType, ok: bool) -> None:
        self.changes.append((self.loop.now() - EPOCH, ok))


def expected_changes(
    health: list[bool], start: float, delay: int, period: int, success: int, failure: int, type: str, until: float
) -> tuple[list[float], list[tuple[float, bool]]]:
    """(when it is probed, what changes when): the rules as the documentation states them, in a plain loop."""
    times = [start] if type == "readiness" and delay == 0 else []
    tick = period * (int(start / period) + 1)
    while tick <= until:
        if int(tick - start) >= delay:
            times.append(float(tick))
        tick += period
    state: bool | None = type == "liveness"
    run: list[bool] = []
    probed: list[float] = []
    changes = []
    for at in times:
        probed.append(at)
        ok = health[min(int(at), len(health) - 1)]
        run = [*run, ok] if run and run[-1] == ok else [ok]
        if len(run) >= (success if ok else failure) and ok != state:
            state = ok
            changes.append((at, ok))
            if type == "liveness" and not ok:
                break
    return probed, changes


@given(
    health=st.lists(st.booleans(), min_size=1, max_size=60),
    start=st.integers(0, 12),
    delay=st.integers(0, 9),
    period=st.integers(1, 7),
    success=st.integers(1, 3),
    failure=st.integers(1, 4),
    type=st.sampled_from(["readiness", "liveness"]),
)
@settings(max_examples=300, deadline=None)
def test_probes_follow_their_numbers(
    health: list[bool], start: int, delay: int, period: int, success: int, failure: int, type: str
) -> None:
    loop = Loop()
    app = Recorder(loop, health)
    probe = {
        **HTTP,
        "initialDelaySeconds": delay,
        "periodSeconds": period,
        "failureThreshold": failure,
        "successThreshold": success,
    }
    slot = ContainerSlot({"name": "c", f"{type}Probe": probe}, "app")
    slot.started = True
    container = Container("id", "uid", "c", 0, "image", "", "running", started_at=EPOCH + start)
    prober = Prober(loop, slot, container, app, app.execute, EPOCH)
    loop.call_later(start, prober.start)
    loop.run_for(60.5)
    probed, changes = expected_changes(health, start, delay, period, success, failure, type, 60.5)
    assert app.probed == probed
    assert app.changes == changes
    assert len(app.failures) == sum(not app.healthy(at) for at in probed)


def test_a_pod_is_ready_only_while_its_probe_succeeds() -> None:
    node = Node()
    node.add(container={"readinessProbe": {**HTTP, "periodSeconds": 2, "failureThreshold": 2}})
    node.run(3)
    assert node.ready()
    node.process().status = 500
    node.run(1.9)
    assert node.ready(), "one failure is not enough"
    node.run(2.5)
    assert not node.ready() and node.phase() == "Running"
    assert "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500" in node.events()
    node.process().status = 200
    node.run(2.1)
    assert node.ready() and node.container()["restartCount"] == 0


def test_a_liveness_probe_restarts_the_container() -> None:
    node = Node()
    node.add(container={"livenessProbe": {**HTTP, "periodSeconds": 2, "failureThreshold": 3}})
    node.run(5)
    node.process().status = 500
    node.run(20)
    assert node.container()["restartCount"] == 1 and node.ready()
    assert "Killing: Container c failed liveness probe, will be restarted" in node.events()


def test_a_liveness_probe_may_have_a_grace_period_of_its_own() -> None:
    node = Node()
    node.images.add("app:stubborn", replace(INSTANT, handles_term=False))
    node.add(
        image="app:stubborn",
        terminationGracePeriodSeconds=600,
        container={
            "livenessProbe": {**HTTP, "periodSeconds": 1, "failureThreshold": 1, "terminationGracePeriodSeconds": 3}
        },
    )
    node.run(5)
    node.process().status = 500
    node.run(8)
    assert node.container()["restartCount"] == 1
    assert node.container()["lastState"]["terminated"]["exitCode"] == 137


def test_a_startup_probe_holds_the_others_back() -> None:
    node = Node()
    node.images.add("app:slow", replace(INSTANT, boot=12.0))
    node.add(
        image="app:slow",
        container={
            "startupProbe": {**HTTP, "periodSeconds": 5, "failureThreshold": 10},
            "livenessProbe": {**HTTP, "periodSeconds": 1, "failureThreshold": 1},
            "readinessProbe": {**HTTP, "periodSeconds": 1},
        },
    )
    node.run(11)
    assert node.container()["started"] is False and not node.ready()
    assert not any("Liveness" in event or "Readiness" in event for event in node.events())
    node.run(9)
    assert node.container()["started"] is True and node.ready() and node.container()["restartCount"] == 0


def test_a_startup_probe_that_never_succeeds_restarts_the_container() -> None:
    node = Node()
    node.images.add("app:hang", replace(INSTANT, answers=False))
    node.add(image="app:hang", container={"startupProbe": {**HTTP, "periodSeconds": 2, "failureThreshold": 2}})
    node.run(15)
    assert "Killing: Container c failed startup probe, will be restarted" in node.events()
    node.run(30)  # it hangs on, until SIGKILL
    assert node.container()["restartCount"] == 1


@pytest.mark.parametrize(
    ("probe", "image", "output"),
    [
        (
            {"httpGet": {"path": "x", "port": 8080}},
            "app:hang",
            'Get "http://10.244.1.2:8080/x": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)",
        ),
        (
            HTTP,
            "app:mute",
            'Get "http://10.244.1.2:8080/healthz": dial tcp 10.244.1.2:8080: connect: connection refused',
        ),
        ({"tcpSocket": {"port": "web"}}, "app:mute", "dial tcp 10.244.1.2:9090: connect: connection refused"),
        (
            {"exec": {"command": ["cat", "/tmp/healthy"]}},
            "instant:v1",
            "cat: can't open '/tmp/healthy': No such file or directory\n",
        ),
        ({"exec": {"command": ["sleep", "5"]}}, "instant:v1", 'command timed out: "sleep 5" timed out after 1s'),
    ],
)
def test_what_a_failed_probe_says(probe: Obj, image: str, output: str) -> None:
    node = Node()
    node.images.add("app:hang", replace(INSTANT, answers=False))
    node.images.add("app:mute", replace(INSTANT, serves=False))
    node.add(
        image=image,
        container={"readinessProbe": probe, "ports": [{"name": "web", "containerPort": 9090}, {"containerPort": 8080}]},
    )
    node.run(5)
    assert f"Unhealthy: Readiness probe failed: {output}" in node.events()


def test_the_documentation_s_liveness_example() -> None:
    node = Node()
    node.add(
        container={
            "args": ["/bin/sh", "-c", "touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600"],
            "livenessProbe": {
                "exec": {"command": ["cat", "/tmp/healthy"]},
                "initialDelaySeconds": 5,
                "periodSeconds": 5,
            },
        }
    )
    node.run(35)
    assert node.container()["restartCount"] == 0
    node.run(50)
    assert node.container()["restartCount"] == 1
    assert node.container()["lastState"]["terminated"]["exitCode"] == 137, "a shell as process 1 ignores SIGTERM"


def test_a_terminating_pod_is_still_probed_for_readiness_but_not_restarted() -> None:
    node = Node()
    probe = {**HTTP, "periodSeconds": 1, "failureThreshold": 1}
    node.images.add("app:stubborn", replace(INSTANT, handles_term=False))
    node.add(image="app:stubborn", container={"livenessProbe": probe, "readinessProbe": probe})
    node.run(5)
    node.api.delete_pod("p")
    node.run(2)
    node.process().status = 500
    node.run(5)
    assert not node.ready() and node.container()["restartCount"] == 0
