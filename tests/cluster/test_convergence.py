"""Level-triggered everywhere: whatever is lost, repeated, delayed, restarted or killed, it ends the same."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane import demo
from controlplane.apiserver.api import UserInfo
from controlplane.client.local import LocalClient
from controlplane.cluster import Cluster, _as_part
from controlplane.conditions import is_ready
from controlplane.controllers import DEFAULT_CONTROLLERS
from controlplane.scheduler.scheduler import Scheduler
from tests.faults import Faults, FaultyClient

ACTIONS = ("scheduler", "controllers", "delete pod", "kill node", "partition", "scale", "image", "wait")


class StormyCluster(Cluster):
    """A cluster in which no part has a good connection to the API server."""

    def client_as(self, user: str, *groups: str) -> Any:
        inner = LocalClient(self.server, UserInfo(user, (*groups, "system:authenticated")))
        if user == "kubernetes-admin":
            return inner
        client = FaultyClient(self.loop, inner, Faults(), user)
        self.__dict__.setdefault("faulty", []).append(client)
        return client

    def calm(self) -> None:
        for client in self.__dict__.get("faulty", []):
            client.heal()


def act(cluster: StormyCluster, action: str, which: int) -> None:
    """One disturbance, in the middle of whatever goes on."""
    if action == "scheduler":
        cluster.replace("scheduler", Scheduler)
    elif action == "controllers":
        make = _as_part(tuple(DEFAULT_CONTROLLERS))
        assert make is not None
        cluster.replace("controllers", make)
    elif action == "delete pod":
        pods = cluster.pods()
        if pods:
            pod = pods[which % len(pods)]["metadata"]["name"]
            cluster.client.delete("pods", pod, "default", grace_period_seconds=which % 2 * 30)
    elif action == "kill node":
        name = list(cluster.machines)[which % 2]
        machine = cluster.machine(name)
        machine.kill() if machine.powered else machine.start()
    elif action == "partition":
        name = list(cluster.machines)[which % 2]
        cluster.partition(name) if cluster.machine(name).link.up else cluster.heal(name)
    elif action == "scale":
        cluster.client.patch("deployments", "web", {"spec": {"replicas": which % 6}}, subresource="scale")
    elif action == "image":
        container = {"name": "app", "image": f"app:v{1 + which % 3}"}
        patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
        cluster.client.patch("deployments", "web", patch, type="strategic")


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    storm=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 11), st.floats(0.0, 30.0)), max_size=8),
)
def test_it_always_ends_in_the_desired_state(seed: int, storm: list[tuple[str, int, float]]) -> None:
    cluster = StormyCluster(nodes=2, seed=seed)
    cluster.apply(demo.APP)
    for action, which, pause in storm:
        act(cluster, action, which)
        cluster.run_for(pause)
    cluster.calm()
    for machine in cluster.machines.values():
        machine.link.heal()
        if not machine.powered:
            machine.start()
    final = {"spec": {"replicas": 4, "template": {"spec": {"containers": [{"name": "app", "image": "app:v2"}]}}}}
    cluster.client.patch("deployments", "web", final, type="strategic")
    cluster.run_for("15m")

    pods = cluster.pods()
    assert len(pods) == 4, cluster.picture()
    assert all(is_ready(pod) for pod in pods), cluster.picture()
    assert {c["image"] for pod in pods for c in pod["spec"]["containers"]} == {"app:v2"}
    sets = {rs["metadata"]["uid"]: rs for rs in cluster.client.list("replicasets")["items"]}
    owners = {pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods}
    assert len(owners) == 1
    current = sets.pop(owners.pop())
    assert current["status"]["availableReplicas"] == 4
    assert all(rs["spec"]["replicas"] == 0 and rs["status"]["replicas"] == 0 for rs in sets.values())
    slices = cluster.client.list("endpointslices", "default", label_selector="kubernetes.io/service-name=web")["items"]
    ready = [e["addresses"][0] for piece in slices for e in piece.get("endpoints") or [] if e["conditions"]["ready"]]
    assert sorted(ready) == sorted(pod["status"]["podIP"] for pod in pods)
    assert cluster.server.last_bug is None
    errors = getattr(cluster.parts["controllers"], "errors", ())
    assert not [e for e in errors if not isinstance(e.error, Exception)]
