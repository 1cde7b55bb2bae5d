"""The kubelet itself: registration, heartbeats, power cuts, partitions and restarts."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.clock import parse_time
from tests.node.cluster import Node


def lease_age(node: Node) -> float:
    lease = next(iter(node.api.all("leases")))
    return node.loop.now() - parse_time(lease["spec"]["renewTime"])


def test_registration() -> None:
    node = Node(capacity={"cpu": "8", "memory": "16Gi"})
    obj = node.node()
    assert obj["metadata"]["labels"]["kubernetes.io/hostname"] == "a"
    assert obj["status"]["capacity"]["cpu"] == "8" and obj["status"]["allocatable"]["memory"] == "16674816Ki"
    assert obj["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.0"
    assert obj["spec"]["podCIDR"] == "10.244.1.0/24"
    conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in obj["status"]["conditions"]}
    assert conditions == {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
    }
    assert "NodeReady: Node a status is now: NodeReady" in node.events("a")


def test_a_heartbeat_is_one_write_every_ten_seconds() -> None:
    node = Node()
    before = len(node.api.writes)
    node.run(200)
    writes = node.api.writes[before:]
    assert {method for method, _ in writes} == {"PUT"}
    assert 18 <= len(writes) <= 20 and all("leases" in path for _, path in writes)
    node.run(300)
    assert sum(path.endswith("nodes/a/status") for _, path in node.api.writes[before:]) == 1


def test_a_machine_without_power_says_nothing_and_loses_its_containers() -> None:
    node = Node()
    node.add()
    node.run(5)
    before = json.dumps(node.pod()), len(node.api.writes)
    node.kubelet.kill()
    node.run(600)
    assert (json.dumps(node.pod()), len(node.api.writes)) == before
    assert node.runtime.pod_uids() == [] and lease_age(node) >= 600


def test_after_a_reboot_the_pods_run_again() -> None:
    node = Node()
    node.add("keep")
    node.add("job", restartPolicy="Never")
    node.add("doomed")
    node.run(5)
    node.kubelet.kill()
    node.run(60)
    node.api.delete_pod("doomed")
    node.kubelet.start()
    node.run(15)
    row = node.container("keep")
    assert node.ready("keep") and row["restartCount"] == 1
    assert row["lastState"]["terminated"]["exitCode"] == 255 and row["lastState"]["terminated"]["reason"] == "Unknown"
    assert "SandboxChanged: Pod sandbox changed, it will be killed and re-created." in node.events("keep")
    assert node.phase("job") == "Failed"
    assert node.api.get("pods", "doomed") is None
    assert any(event.startswith("Rebooted: Node a has been rebooted, boot id: ") for event in node.events("a"))
    assert lease_age(node) < 11


def test_containers_survive_a_restart_of_the_kubelet() -> None:
    node = Node()
    node.add()
    node.add("ends", restartPolicy="Never", container={"command": ["sleep", "20"]})
    node.run(5)
    before = node.container()["containerID"], node.process()
    node.kubelet.stop()
    node.run(30)
    assert node.process().listens(80)
    node.kubelet.start()
    node.run(5)
    assert (node.container()["containerID"], node.process()) == before
    assert node.container()["restartCount"] == 0 and node.ready()
    assert node.phase("ends") == "Succeeded", "it ended while nobody looked"


def test_a_pod_stays_ready_while_the_kubelet_restarts() -> None:
    node = Node()
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2}
    node.add(container={"startupProbe": probe, "readinessProbe": probe, "livenessProbe": probe})
    node.run(10)
    seen: list[bool] = []
    node.client.watch("pods", lambda type, pod: seen.append(node.ready()))
    node.kubelet.stop()
    node.kubelet.start()
    node.run(10)
    assert node.ready() and all(seen) and node.container()["restartCount"] == 0
    node.kubelet.stop()
    node.process().status = 500
    node.kubelet.start()
    node.run(5)
    assert not node.ready()


def test_a_partition_changes_nothing_on_the_node_and_is_made_good_afterwards() -> None:
    node = Node()
    node.add()
    node.add("job", restartPolicy="Never", container={"command": ["sleep", "30"]})
    node.run(5)
    node.client.is_cut = True
    node.run(100)
    assert node.process().listens(80)
    pod = node.pod()
    not_ready = [{**c, "status": "False"} if c["type"] == "Ready" else c for c in pod["status"]["conditions"]]
    node.api.store(
        "pods",
        {**pod, "metadata": {**pod["metadata"]}, "status": {**pod["status"], "conditions": not_ready}},
        "MODIFIED",
    )
    obj = node.node()
    unknown = [{**c, "status": "Unknown"} for c in obj["status"]["conditions"]]
    node.api.store(
        "nodes",
        {**obj, "metadata": {**obj["metadata"]}, "status": {**obj["status"], "conditions": unknown}},
        "MODIFIED",
    )
    node.client.is_cut = False
    node.run(45)
    assert node.phase("job") == "Succeeded"
    assert lease_age(node) < 11
    assert all(
        c["status"] == ("True" if c["type"] == "Ready" else "False") for c in node.node()["status"]["conditions"]
    )
    node.run(600)  # this stand-in's watches are silent after a cut: the next one brings the news
    assert node.ready()


def test_a_kubelet_waits_for_the_api_server() -> None:
    node = Node()
    node.kubelet.stop()
    node.client.is_cut = True
    node.kubelet.start()
    node.run(30)
    node.add()
    node.client.is_cut = False
    node.run(60)
    assert node.ready()


STEPS = ["add", "delete", "purge", "crash", "cut", "heal", "kill", "stop", "start", "wait", "repeat"]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from([0.02, 0.3, 3.0, 20.0])), max_size=30))
@settings(max_examples=200, deadline=None)
def test_whatever_happens_the_node_settles_in_what_the_api_asks_for(steps: list[tuple[str, float]]) -> None:
    node = Node()
    count = 0
    for step, wait in steps:
        pods = [pod["metadata"]["name"] for pod in node.api.all("pods")]
        if step == "add":
            count += 1
            node.add(f"p{count}")
        elif step == "delete" and pods:
            node.api.delete_pod(pods[0])
        elif step == "purge" and pods:
            node.api.delete_pod(pods[-1], grace=0)
        elif step == "repeat":  # the last events come once more, oldest first
            for _, plural, type, obj in node.api.history[-8:]:
                for watch in list(node.api.watches):
                    node.api.offer(watch, plural, type, obj)
        elif step == "crash" and pods:
            for process in node.runtime.processes(node.pod(pods[-1])["metadata"]["uid"]):
                process.exit(1)
        elif step in ("cut", "heal"):
            node.client.is_cut = step == "cut"
        elif step == "kill":
            node.kubelet.kill()
        elif step == "stop" and node.kubelet.running:
            node.kubelet.stop()
        elif step == "start":
            node.kubelet.start()
        node.run(wait)
    node.client.is_cut = False
    node.kubelet.start()
    node.run(1500)
    alive = {pod["metadata"]["uid"]: pod for pod in node.api.all("pods")}
    assert not [pod for pod in alive.values() if "deletionTimestamp" in pod["metadata"]]
    assert sorted(node.runtime.pod_uids()) == sorted(alive)
    for uid, pod in alive.items():
        (running,) = [c for c in node.runtime.containers(uid) if c.state == "running"]
        assert node.ready(pod["metadata"]["name"])
        assert node.container(pod["metadata"]["name"])["containerID"] == f"containerd://{running.id}"


def test_pods_get_addresses_from_the_range_that_the_node_was_given() -> None:
    node = Node()
    node.kubelet.pod_cidr = ""
    node.kubelet.kill()
    obj = node.node()
    spec = {"podCIDR": "10.244.7.0/24", "podCIDRs": ["10.244.7.0/24"]}
    node.api.store("nodes", {**obj, "metadata": {**obj["metadata"]}, "spec": spec}, "MODIFIED")
    node.kubelet.start()
    node.add()
    node.run(0.3)
    assert node.phase() == "Pending" and not node.runtime.pod_uids(), "the network is not ready"
    node.run(5)
    assert node.pod()["status"]["podIP"] == "10.244.7.2"
