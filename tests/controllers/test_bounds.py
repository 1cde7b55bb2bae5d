"""Never more Pods asked for than maxSurge allows, and never fewer ready than maxUnavailable allows, whatever is late.

Asked for: a Deployment counts what its ReplicaSets are asked for, not what they have, so while a ReplicaSet is late to
delete there may be more, upstream as here.
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.client.base import Client, Obj
from controlplane.clock import Loop
from controlplane.controllers import DeploymentController, NodeLifecycleController, ReplicaSetController
from tests.controllers.plane import Plane, images
from tests.faults import Faults, FaultyClient

LATE = Faults(refuse=0.05, lose_answer=0.0, conflict=0.1, repeat=0.1, delay=0.3, break_=0.02)
SIZE, SURGE, UNAVAILABLE = 6, 2, 1


def late(loop: Loop, inner: Client) -> Client:
    return FaultyClient(loop, inner, LATE)


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_bounds_hold_while_news_are_late_and_the_manager_restarts(seed: int) -> None:
    rng = random.Random(seed)
    plane = Plane([DeploymentController, ReplicaSetController, NodeLifecycleController], seed=seed, wrap=late)
    rolling = {"maxSurge": SURGE, "maxUnavailable": UNAVAILABLE}
    plane.workload("Deployment", "web", SIZE, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    while sum(map(_is_ready, plane.list("pods"))) < SIZE:
        plane.run(1)
    for n in range(3):
        plane.set_image("deployments", "web", f"app:v{n + 2}")
        for _ in range(rng.randrange(5, 60)):
            plane.run(0.2)
            pods = [pod for pod in plane.list("pods") if "deletionTimestamp" not in pod["metadata"]]
            assert sum(s["spec"]["replicas"] for s in plane.list("replicasets")) <= SIZE + SURGE
            assert sum(map(_is_ready, pods)) >= SIZE - UNAVAILABLE
        if rng.random() < 0.5:
            plane.manager.stop()
            plane.manager = plane.new_manager()
            plane.manager.start()
    plane.controllers_client.heal()
    plane.run(400)
    assert images(plane.list("pods")) == ["app:v4"] * SIZE


def _is_ready(pod: Obj) -> bool:
    return any((c["type"], c["status"]) == ("Ready", "True") for c in pod["status"].get("conditions", ()))
