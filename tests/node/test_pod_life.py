"""From Pending to Running and on: what a kubelet makes of a Pod."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from controlplane.client.base import Obj
from controlplane.clock import parse_time
from controlplane.node.environment import environment
from controlplane.node.runtime import Failure
from tests.node.cluster import INSTANT, Node


def test_a_pod_becomes_running_and_ready() -> None:
    node = Node()
    node.add()
    node.run(5)
    status = node.pod()["status"]
    assert status["phase"] == "Running"
    assert {c["type"]: c["status"] for c in status["conditions"]} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    assert status["podIP"] == "10.244.1.2" and status["hostIP"] == "192.168.0.2"
    row = node.container()
    assert row["ready"] and row["started"] and row["restartCount"] == 0 and "running" in row["state"]
    assert row["containerID"].startswith("containerd://")


def test_the_events_of_a_start() -> None:
    node = Node()
    node.add("one")
    node.run(5)
    node.add("two")
    node.run(5)
    pulling, pulled, *rest = node.events("one")
    assert pulling == 'Pulling: Pulling image "instant:v1"'
    assert pulled.startswith('Pulled: Successfully pulled image "instant:v1" in ')
    assert rest == ["Created: Container created", "Started: Container started"]
    assert node.events("two") == [
        'Pulled: Container image "instant:v1" already present on machine and can be accessed by the pod',
        "Created: Container created",
        "Started: Container started",
    ]


def test_a_new_pod_says_what_it_waits_for() -> None:
    node = Node()
    node.add()
    node.run(0.01)
    assert node.phase() == "Pending"
    assert node.container()["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert node.condition("Ready")["message"] == "containers with unready status: [c]"
    assert node.condition("PodReadyToStartContainers")["status"] == "False"


def test_every_pod_has_an_address_of_its_own() -> None:
    node = Node(capacity={"pods": "300"})
    for i in range(253):
        node.add(f"p{i}")
    node.run(20)
    addresses = [pod["status"]["podIP"] for pod in node.api.all("pods")]
    assert len(set(addresses)) == 253
    node.add("late")
    node.run(20)
    assert any("no IP addresses available" in event for event in node.events("late"))
    node.api.delete_pod("p7")
    node.run(60)
    assert node.pod("late")["status"]["podIP"] == addresses[7]


@pytest.mark.parametrize(
    ("policy", "code", "phase", "restarts"),
    [
        ("Always", 0, "Running", True),
        ("Always", 3, "Running", True),
        ("OnFailure", 0, "Succeeded", False),
        ("OnFailure", 3, "Running", True),
        ("Never", 0, "Succeeded", False),
        ("Never", 3, "Failed", False),
    ],
)
def test_restart_policies(policy: str, code: int, phase: str, restarts: bool) -> None:
    node = Node()
    node.add(restartPolicy=policy, container={"command": ["sh", "-c", f"sleep 2; exit {code}"]})
    node.run(20)
    assert node.phase() == phase
    assert (node.container()["restartCount"] > 0) == restarts
    if not restarts:
        ended = node.container()["state"]["terminated"]
        assert ended["exitCode"] == code and ended["reason"] == ("Completed" if code == 0 else "Error")
        assert node.condition("Ready")["reason"] == ("PodCompleted" if code == 0 else "PodFailed")


def test_a_container_may_say_why_it_ended() -> None:
    node = Node()
    node.add(
        restartPolicy="Never",
        container={
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "command": ["sh", "-c", "echo no database; exit 4"],
        },
    )
    node.run(5)
    assert node.container()["state"]["terminated"]["message"] == "no database\n"


def test_crash_loop_backs_off_from_10_seconds_to_5_minutes() -> None:
    node = Node()
    node.add(container={"command": ["sh", "-c", "sleep 1; exit 1"]})
    starts: list[float] = []
    for _ in range(1800):
        node.run(1)
        state = node.container()["state"]
        if "running" in state:
            at = parse_time(state["running"]["startedAt"])
            if not starts or at != starts[-1]:
                starts.append(at)
    gaps = [round(b - a) for a, b in pairwise(starts)]
    expected = [2, 12, 22, 42, 82, 162, 302, 302]
    assert all(abs(gap - want) <= 2 for gap, want in zip(gaps, expected, strict=False)), gaps
    assert any(e.startswith("BackOff: Back-off restarting failed container c in pod p_default(") for e in node.events())


def test_a_container_that_waits_to_run_again_says_so() -> None:
    node = Node()
    node.add(container={"command": ["false"]})
    node.run(8)
    row = node.container()
    assert row["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert row["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=c pod=p_default(")
    assert row["lastState"]["terminated"]["exitCode"] == 1
    assert node.phase() == "Running" and not node.ready()


def test_ten_good_minutes_clear_the_back_off() -> None:
    node = Node()
    node.add()
    node.run(3)
    for _ in range(3):
        node.process().exit(1)
        node.run(60)
    assert node.kubelet.crashes.delay(f"{node.pod()['metadata']['uid']}/c/instant:v1") == 40
    node.run(700)
    node.process().exit(1)
    node.run(3)
    assert node.container()["restartCount"] == 4
    assert node.kubelet.crashes.delay(f"{node.pod()['metadata']['uid']}/c/instant:v1") == 10


def test_an_image_that_cannot_be_pulled() -> None:
    node = Node()
    node.add(image="shop/missing:v1")
    node.run(1.8)
    waiting = node.container()["state"]["waiting"]
    assert waiting["reason"] == "ErrImagePull" and waiting["message"].endswith("docker.io/shop/missing:v1: not found")
    node.run(5)
    waiting = node.container()["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    assert waiting["message"].startswith('Back-off pulling image "shop/missing:v1": ErrImagePull: rpc error')
    assert node.phase() == "Pending"
    assert "Failed: Error: ErrImagePull" in node.events() and "Failed: Error: ImagePullBackOff" in node.events()
    node.images.add("shop/missing:v1", node.images.get("instant:v1"))
    node.run(30)
    assert node.phase() == "Running"


@pytest.mark.parametrize(("policy", "pulls"), [("IfNotPresent", 1), ("Always", 2), ("Never", 0)])
def test_image_pull_policies(policy: str, pulls: int) -> None:
    node = Node()
    for name in ("one", "two"):
        node.add(name, container={"imagePullPolicy": policy})
        node.run(5)
    assert sum(e.startswith("Pulling") for name in ("one", "two") for e in node.events(name)) == pulls
    if policy == "Never":
        assert node.container("one")["state"]["waiting"]["reason"] == "ErrImageNeverPull"


def test_the_node_tells_which_images_it_has() -> None:
    node = Node()
    node.add()
    node.run(15)
    assert node.node()["status"]["images"] == [{"names": ["instant:v1"], "sizeBytes": 50 * 1024 * 1024}]


def test_init_containers_run_one_after_another() -> None:
    node = Node()
    wait = {"image": "instant:v1", "command": ["sleep", "5"]}
    node.add(initContainers=[{"name": "one", **wait}, {"name": "two", **wait}])
    node.run(4)
    assert "running" in node.container(container="one")["state"]
    assert node.container(container="two")["state"]["waiting"]["reason"] == "PodInitializing"
    assert node.condition("Initialized")["message"] == "containers with incomplete status: [one two]"
    node.run(5)
    assert node.container(container="one")["ready"] and "running" in node.container(container="two")["state"]
    assert node.phase() == "Pending"
    node.run(6)
    assert node.phase() == "Running" and node.ready()


@pytest.mark.parametrize(("policy", "phase"), [("Always", "Pending"), ("Never", "Failed")])
def test_an_init_container_that_fails(policy: str, phase: str) -> None:
    node = Node()
    node.add(restartPolicy=policy, initContainers=[{"name": "i", "image": "instant:v1", "command": ["false"]}])
    node.run(60)
    assert node.phase() == phase
    assert (node.container(container="i")["restartCount"] > 0) == (policy == "Always")
    assert "running" not in node.container()["state"]


def test_a_sidecar_starts_first_and_is_stopped_last() -> None:
    node = Node()
    node.add(
        restartPolicy="Never",
        container={"command": ["sleep", "10"]},
        initContainers=[{"name": "side", "image": "instant:v1", "restartPolicy": "Always"}],
    )
    node.run(5)
    side, app = node.container(container="side"), node.container()
    assert side["state"]["running"]["startedAt"] <= app["state"]["running"]["startedAt"]
    assert node.phase() == "Running"
    node.run(20)
    assert node.phase() == "Succeeded"
    side, app = node.container(container="side")["state"], node.container()["state"]
    assert side["terminated"]["finishedAt"] > app["terminated"]["finishedAt"]


def test_a_sidecar_that_ends_is_started_again_even_in_a_pod_that_never_restarts() -> None:
    node = Node()
    node.add(restartPolicy="Never", initContainers=[{"name": "side", "image": "instant:v1", "restartPolicy": "Always"}])
    node.run(5)
    node.process(container="side").exit(1)
    node.run(5)
    assert node.container(container="side")["restartCount"] == 1 and node.phase() == "Running"


def test_a_container_may_have_restart_rules_of_its_own() -> None:
    node = Node()
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    for name, code in (("known", 42), ("other", 1)):
        node.add(
            name,
            restartPolicy="Never",
            container={"command": ["sh", "-c", f"exit {code}"], "restartPolicy": "Never", "restartPolicyRules": rules},
        )
    node.run(30)
    assert node.container("known")["restartCount"] > 0 and node.phase("known") == "Running"
    assert node.container("other")["restartCount"] == 0 and node.phase("other") == "Failed"


def test_a_new_image_restarts_the_container() -> None:
    node = Node()
    node.add()
    node.run(5)
    pod = node.pod()
    spec = {**pod["spec"], "containers": [{**pod["spec"]["containers"][0], "image": "app:v2"}]}
    node.api.store("pods", {**pod, "metadata": {**pod["metadata"]}, "spec": spec}, "MODIFIED")
    node.run(20)
    assert node.container()["image"] == "app:v2" and node.container()["restartCount"] == 1
    assert "Killing: Container c definition changed, will be restarted" in node.events()


def test_a_new_image_ends_a_crash_loop_at_once() -> None:
    node = Node()
    node.images.add("crash:v1", replace(INSTANT, exit_after=1.0, exit_code=1))
    node.add(image="crash:v1")
    node.run(200)
    assert node.container()["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    pod = node.pod()
    spec = {**pod["spec"], "containers": [{**pod["spec"]["containers"][0], "image": "instant:v1"}]}
    node.api.store("pods", {**pod, "metadata": {**pod["metadata"]}, "spec": spec}, "MODIFIED")
    node.run(3)
    assert node.ready() and node.container()["image"] == "instant:v1"


def test_an_ephemeral_container_joins_a_running_pod_and_changes_nothing_else() -> None:
    node = Node()
    node.add()
    node.run(5)
    pod = node.pod()
    debug = [{"name": "debug", "image": "instant:v1", "command": ["sh", "-c", "sleep 5; exit 1"]}]
    spec = {**pod["spec"], "ephemeralContainers": debug}
    node.api.store("pods", {**pod, "metadata": {**pod["metadata"]}, "spec": spec}, "MODIFIED")
    node.run(3)
    (row,) = node.pod()["status"]["ephemeralContainerStatuses"]
    assert "running" in row["state"] and node.ready() and node.phase() == "Running"
    node.run(30)
    (row,) = node.pod()["status"]["ephemeralContainerStatuses"]
    assert row["state"]["terminated"]["exitCode"] == 1 and row["restartCount"] == 0
    assert node.ready() and node.container()["restartCount"] == 0
    node.kubelet.stop()
    node.kubelet.start()
    node.run(5)
    assert node.pod()["status"]["ephemeralContainerStatuses"] == [row] and node.ready()
    node.api.delete_pod("p")
    node.run(10)
    assert node.api.get("pods", "p") is None


def test_the_deadline_of_a_pod() -> None:
    node = Node()
    node.add(activeDeadlineSeconds=20)
    node.run(19)
    assert node.phase() == "Running"
    node.run(10)
    status = node.pod()["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_pod_that_does_not_fit_is_rejected() -> None:
    node = Node(capacity={"cpu": "1", "pods": "2"})
    half: dict[str, Any] = {"resources": {"requests": {"cpu": "600m"}}}
    for name in ("one", "two"):
        node.add(name, container=half)
    node.run(5)
    assert node.phase("one") == "Running"
    status = node.pod("two")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "OutOfcpu")
    assert status["message"] == (
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 600, used: 600, capacity: 1000"
    )
    assert "containerStatuses" not in status
    node.api.delete_pod("one")
    node.run(10)
    assert node.phase("two") == "Failed", "it is not tried again"
    node.api.delete_pod("two")
    node.run(1)
    assert node.api.get("pods", "two") is None
    node.add("three", container=half)
    node.run(5)
    assert node.phase("three") == "Running"


def test_readiness_gates() -> None:
    node = Node()
    node.add(readinessGates=[{"conditionType": "shop.example/fed"}])
    node.run(5)
    assert node.condition("ContainersReady")["status"] == "True"
    assert node.condition("Ready")["reason"] == "ReadinessGatesNotReady"
    pod = node.pod()
    gate = {"type": "shop.example/fed", "status": "True"}
    status = {**pod["status"], "conditions": [*pod["status"]["conditions"], gate]}
    node.api.store("pods", {**pod, "metadata": {**pod["metadata"]}, "status": status}, "MODIFIED")
    node.run(1)
    assert node.ready() and gate in node.pod()["status"]["conditions"]


def test_a_status_that_somebody_edited_is_put_right() -> None:
    node = Node()
    node.add()
    node.run(5)
    pod = node.pod()
    wrong = {**pod["status"], "phase": "Pending", "podIP": "1.2.3.4"}
    node.api.store("pods", {**pod, "metadata": {**pod["metadata"]}, "status": wrong}, "MODIFIED")
    node.run(1)
    assert node.phase() == "Running" and node.pod()["status"]["podIP"] == "10.244.1.2"


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_somebody_else_writes_at_the_same_moment(policy: str) -> None:
    """Every status write of the kubelet comes second: it looks again, and writes again."""
    node = Node()
    write = node.client.update_status

    def second(obj: Obj) -> Obj:
        there = node.pod()
        labels = {"n": str(len(node.api.history))}
        if len(node.api.history) % 3:
            node.api.store("pods", {**there, "metadata": {**there["metadata"], "labels": labels}}, "MODIFIED")
        return write(obj)

    node.client.update_status = second  # type: ignore[method-assign]
    node.add(restartPolicy=policy, container={} if policy == "Always" else {"command": ["sleep", "2"]})
    node.run(30)
    assert node.phase() == ("Running" if policy == "Always" else "Succeeded")
    assert node.ready() == (policy == "Always") and node.pod()["metadata"]["labels"]


def test_a_quiet_pod_costs_no_writes() -> None:
    node = Node()
    node.add()
    node.run(10)
    before = len(node.api.writes)
    node.run(60)
    assert all("leases" in path or "nodes" in path for _, path in node.api.writes[before:])


def test_environment() -> None:
    node = Node()
    refs = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "a"}}}]
    node.add(container={"env": refs})
    node.run(3)
    waiting = node.container()["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": 'configmap "cfg" not found'}
    assert 'Failed: Error: configmap "cfg" not found' in node.events()
    node.api.create("configmaps", {"metadata": {"name": "cfg", "namespace": "default"}, "data": {"b": "1"}})
    node.run(11)
    assert node.container()["state"]["waiting"]["message"] == "couldn't find key a in ConfigMap default/cfg"
    config = node.api.get("configmaps", "cfg")
    assert config is not None
    node.api.store("configmaps", {**config, "data": {"a": "1"}}, "MODIFIED")
    node.run(12)
    assert node.phase() == "Running"


def test_volumes_are_files_in_the_container() -> None:
    node = Node()
    node.api.create(
        "configmaps", {"metadata": {"name": "cfg", "namespace": "default"}, "data": {"a": "apple\n", "b": "bread"}}
    )
    node.api.create("secrets", {"metadata": {"name": "key", "namespace": "default"}, "data": {"k": "c2VjcmV0"}})
    volumes = [
        {"name": "all", "configMap": {"name": "cfg"}},
        {"name": "some", "configMap": {"name": "cfg", "items": [{"key": "b", "path": "deep/bread"}]}},
        {
            "name": "both",
            "projected": {
                "sources": [
                    {"secret": {"name": "key"}},
                    {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                ]
            },
        },
        {"name": "maybe", "configMap": {"name": "nobody", "optional": True}},
        {"name": "empty", "emptyDir": {}},
    ]
    mounts = [("all", "/all"), ("some", "/some"), ("both", "/both"), ("maybe", "/maybe"), ("empty", "/empty")]
    node.add(
        volumes=volumes,
        container={
            "volumeMounts": [
                *({"name": name, "mountPath": path} for name, path in mounts),
                {"name": "all", "mountPath": "/etc/one", "subPath": "a"},
            ]
        },
    )
    node.run(5)
    files = {path: content.decode() for path, content in node.process().files.items()}
    assert files == {
        "/all/a": "apple\n",
        "/all/b": "bread",
        "/some/deep/bread": "bread",
        "/both/k": "secret",
        "/both/name": "p",
        "/etc/one": "apple\n",
    }


def test_variables() -> None:
    node = Node()
    pod = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u", "labels": {"app": "web", "b": "2"}},
        "spec": {"nodeName": "a", "containers": []},
    }
    node.api.create("configmaps", {"metadata": {"name": "cfg", "namespace": "default"}, "data": {"a": "1"}})
    node.api.create("secrets", {"metadata": {"name": "key", "namespace": "default"}, "data": {"k": "c2VjcmV0"}})

    def field(path: str) -> Obj:
        return {"valueFrom": {"fieldRef": {"fieldPath": path}}}

    limit = {"valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}}
    spec = {
        "name": "c",
        "resources": {"limits": {"memory": "1536Ki"}},
        "envFrom": [
            {"configMapRef": {"name": "cfg"}, "prefix": "CFG_"},
            {"secretRef": {"name": "none", "optional": True}},
        ],
        "env": [
            {"name": "PLAIN", "value": "x"},
            {"name": "JOINED", "value": "$(PLAIN)-$(CFG_a)-$$(PLAIN)-$(WHO)"},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}},
            {"name": "MAYBE", "valueFrom": {"secretKeyRef": {"name": "key", "key": "z", "optional": True}}},
            {"name": "NODE", **field("spec.nodeName")},
            {"name": "IP", **field("status.podIP")},
            {"name": "LABEL", **field("metadata.labels['app']")},
            {"name": "LABELS", **field("metadata.labels")},
            {"name": "LIMIT", **limit},
        ],
    }
    assert environment(node.client, pod, spec, "10.1.1.1", "192.168.0.2") == {
        "CFG_a": "1",
        "PLAIN": "x",
        "JOINED": "x-1-$(PLAIN)-$(WHO)",
        "SECRET": "secret",
        "NODE": "a",
        "IP": "10.1.1.1",
        "LABEL": "web",
        "LABELS": 'app="web"\nb="2"',
        "LIMIT": "2",
    }
    odd = environment(node.client, pod, {"name": "c", "env": [{"name": "X", **field("status.phase")}]}, "", "")
    assert odd == Failure("CreateContainerConfigError", "unsupported fieldPath: status.phase")


def test_a_volume_with_a_key_that_is_not_there() -> None:
    node = Node()
    node.api.create("configmaps", {"metadata": {"name": "cfg", "namespace": "default"}, "data": {}})
    node.add(volumes=[{"name": "v", "configMap": {"name": "cfg", "items": [{"key": "k", "path": "k"}]}}])
    node.run(5)
    message = 'MountVolume.SetUp failed for volume "v" : configmap references non-existent config key: k'
    assert f"FailedMount: {message}" in node.events()


def test_a_volume_whose_config_map_is_missing() -> None:
    node = Node()
    node.add(volumes=[{"name": "v", "configMap": {"name": "cfg"}}])
    node.run(30)
    assert node.phase() == "Pending"
    assert 'FailedMount: MountVolume.SetUp failed for volume "v" : configmap "cfg" not found' in node.events()
    node.api.create("configmaps", {"metadata": {"name": "cfg", "namespace": "default"}, "data": {}})
    node.run(60)
    assert node.phase() == "Running"
