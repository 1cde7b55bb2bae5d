"""How Pods end: deletion with its grace, hooks, force, and what a node does about Pods that are gone."""

from dataclasses import replace

import pytest

from tests.node.cluster import INSTANT, Node


def gone_after(node: Node, name: str = "p", most: float = 120) -> float:
    """Seconds until the Pod is gone from the API."""
    start = node.loop.now()
    assert node.loop.run_until(lambda: node.api.get("pods", name) is None, most), "the Pod is still there"
    return node.loop.now() - start


def test_an_app_drains_and_ends_by_itself() -> None:
    node = Node()
    node.add()
    node.run(5)
    node.api.delete_pod("p")
    assert 5 <= gone_after(node) < 6
    assert node.events()[-1] == "Killing: Stopping container c"
    assert node.runtime.pod_uids() == []


def test_an_app_that_ignores_sigterm_is_killed_after_the_grace_period() -> None:
    node = Node()
    node.images.add("app:stubborn", replace(INSTANT, handles_term=False))
    node.add(image="app:stubborn", terminationGracePeriodSeconds=7)
    node.run(5)
    process = node.process()
    node.api.delete_pod("p")
    assert 7 <= gone_after(node) < 8
    assert process.container.exit_code == 137


def test_a_second_delete_shortens_the_grace_period() -> None:
    node = Node()
    node.add(image="app:stubborn")
    node.run(5)
    node.api.delete_pod("p")
    node.run(3)
    node.api.delete_pod("p", grace=2)
    assert 2 <= gone_after(node) < 3


def test_a_pod_is_ready_until_it_has_ended_and_its_last_status_tells_how() -> None:
    node = Node()
    node.add()
    node.run(5)
    statuses = []
    node.client.watch("pods", lambda type, pod: statuses.append((type, pod["status"])))
    node.api.delete_pod("p")
    node.run(10)
    assert [type for type, _ in statuses] == ["MODIFIED", "MODIFIED", "DELETED"]
    last = statuses[-1][1]
    assert last["phase"] == "Succeeded" and last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_force_deletion_leaves_nothing_behind() -> None:
    node = Node()
    node.add()
    node.run(5)
    node.api.delete_pod("p", grace=0)
    node.run(40)
    assert node.runtime.pod_uids() == [] and node.kubelet.workers == {}


def test_a_pod_deleted_before_it_ran() -> None:
    node = Node()
    node.add(image="slow/missing:v1")
    node.run(0.05)
    node.api.delete_pod("p")
    assert gone_after(node) < 1
    node.run(30)
    assert node.runtime.pod_uids() == []


def test_a_pod_made_anew_under_the_same_name() -> None:
    node = Node()
    node.add()
    node.run(5)
    first = node.pod()["metadata"]["uid"]
    node.api.delete_pod("p", grace=0)
    node.add()
    node.run(10)
    assert node.pod()["metadata"]["uid"] != first and node.phase() == "Running"
    node.run(40)
    assert node.runtime.pod_uids() == [node.pod()["metadata"]["uid"]]


@pytest.mark.parametrize("hook", [{"exec": {"command": ["sleep", "4"]}}, {"sleep": {"seconds": 4}}])
def test_prestop_runs_before_sigterm(hook: dict[str, object]) -> None:
    node = Node()
    node.images.add("instant:v1", replace(INSTANT, drain=0.0))
    node.add(container={"lifecycle": {"preStop": hook}})
    node.run(5)
    node.api.delete_pod("p")
    node.run(3.5)
    assert node.process().listens(80), "the app serves on while the hook runs"
    assert gone_after(node) < 1


def test_prestop_may_use_up_the_grace_period() -> None:
    node = Node()
    node.add(
        terminationGracePeriodSeconds=10,
        image="app:stubborn",
        container={"lifecycle": {"preStop": {"sleep": {"seconds": 60}}}},
    )
    node.run(5)
    node.api.delete_pod("p")
    assert 12 <= gone_after(node) < 13, "10 s of hook, and 2 s more after SIGTERM"


def test_a_hook_that_fails() -> None:
    node = Node()
    node.add(
        container={
            "lifecycle": {"preStop": {"exec": {"command": ["false"]}}, "postStart": {"exec": {"command": ["true"]}}}
        }
    )
    node.run(5)
    node.api.delete_pod("p")
    node.run(10)
    assert "FailedPreStopHook: PreStopHook failed" in node.events()
    assert node.api.get("pods", "p") is None


def test_poststart_must_succeed() -> None:
    node = Node()
    node.add(container={"lifecycle": {"postStart": {"exec": {"command": ["false"]}}}})
    node.run(20)
    assert "FailedPostStartHook: PostStartHook failed" in node.events()
    assert node.container()["restartCount"] >= 1 and not node.ready()


def test_a_finished_pod_stays_until_it_is_deleted() -> None:
    node = Node()
    node.add(restartPolicy="Never", container={"command": ["echo", "worked"]})
    node.run(60)
    assert node.phase() == "Succeeded" and node.runtime.sandbox(node.pod()["metadata"]["uid"]) is None
    assert node.pod()["status"]["podIP"]
    node.kubelet.stop()
    node.kubelet.start()
    node.run(5)
    assert node.kubelet.api.logs("default", "p") == "worked\n"
    node.api.delete_pod("p")
    assert gone_after(node) < 1
    assert node.runtime.pod_uids() == [] and node.kubelet.workers == {}


def test_a_pod_deleted_while_the_kubelet_was_down_leaves_nothing() -> None:
    node = Node()
    node.add()
    node.run(5)
    node.kubelet.stop()
    node.api.delete_pod("p", grace=0)
    node.run(5)
    assert node.runtime.pod_uids()
    node.kubelet.start()
    node.run(5)
    assert node.runtime.pod_uids() == []


def test_an_old_event_does_not_bring_a_deleted_pod_back() -> None:
    node = Node()
    node.add()
    node.run(5)
    old = node.pod()
    node.api.delete_pod("p", grace=0)
    node.run(40)
    for watch in list(node.api.watches):
        node.api.offer(watch, "pods", "MODIFIED", old)
    node.run(60)
    assert node.runtime.pod_uids() == [] and node.kubelet.workers == {}


def test_sidecars_end_after_the_containers_they_serve() -> None:
    node = Node()
    side = {"image": "instant:v1", "restartPolicy": "Always"}
    node.add(initContainers=[{"name": "one", **side}, {"name": "two", **side}])
    node.run(5)
    processes = {name: node.process(container=name).container for name in ("one", "two", "c")}
    node.api.delete_pod("p")
    node.run(40)
    ends = {name: container.finished_at for name, container in processes.items()}
    assert ends["c"] < ends["two"] < ends["one"]
