"""Logs, commands and static Pods."""

import pytest

from controlplane.node.kubelet_api import KubeletError
from controlplane.node.runtime import ExecResult
from tests.node.cluster import Node


def test_logs() -> None:
    node = Node()
    node.add(container={"command": ["sh", "-c", "echo one; echo two; sleep 3; echo three; sleep 1; exit 1"]})
    node.run(3)
    logs = node.kubelet.api.logs
    assert logs("default", "p") == "one\ntwo\n"
    assert logs("default", "p", tail=1, timestamps=True).endswith("Z two\n")
    with pytest.raises(KubeletError, match='previous terminated container "c" in pod "p" not found'):
        logs("default", "p", previous=True)
    node.run(5)
    assert node.container()["restartCount"] == 1
    assert logs("default", "p", previous=True) == "one\ntwo\nthree\n"
    with pytest.raises(KubeletError, match="container nope is not valid for pod p"):
        logs("default", "p", "nope")
    with pytest.raises(KubeletError, match='pod "q" not found'):
        logs("default", "q")


def test_logs_of_a_container_that_waits() -> None:
    node = Node()
    node.add(image="missing:v1")
    node.run(5)
    with pytest.raises(
        KubeletError, match='container "c" in pod "p" is waiting to start: trying and failing to pull image'
    ):
        node.kubelet.api.logs("default", "p")


def test_exec() -> None:
    node = Node()
    node.add()
    node.run(5)
    results: list[object] = []
    node.kubelet.api.exec("default", "p", ["sh", "-c", "echo hi; exit 3"], results.append)
    node.kubelet.api.exec("default", "p", ["vim"], results.append)
    node.run(1)
    assert results == [
        ExecResult(3, "hi\n", ""),
        ExecResult(127, "", 'exec: "vim": executable file not found in $PATH\n'),
    ]
    node.kubelet.api.exec("default", "p", ["kill", "1"], results.append)
    node.run(3)
    assert node.container()["lastState"]["terminated"]["exitCode"] == 143


MANIFEST = {
    "metadata": {"name": "etcd", "namespace": "kube-system"},
    "spec": {"containers": [{"name": "c", "image": "instant:v1"}]},
}


def test_a_static_pod_runs_without_the_api_server_and_has_a_mirror() -> None:
    node = Node()
    node.client.is_cut = True
    key = node.kubelet.static.add(MANIFEST)
    node.run(5)
    assert key == "kube-system/etcd-a" and node.kubelet.workers
    assert [c.state for uid in node.runtime.pod_uids() for c in node.runtime.containers(uid)] == ["running"]
    node.client.is_cut = False
    node.run(15)
    mirror = node.api.get("pods", "etcd-a", "kube-system")
    assert mirror is not None and mirror["status"]["phase"] == "Running"
    assert mirror["metadata"]["annotations"]["kubernetes.io/config.source"] == "file"
    assert mirror["metadata"]["ownerReferences"][0]["kind"] == "Node"


def test_a_mirror_that_is_deleted_comes_back_and_the_pod_does_not_notice() -> None:
    node = Node()
    node.kubelet.static.add(MANIFEST)
    node.run(5)
    (uid,) = node.runtime.pod_uids()
    before = [c.id for c in node.runtime.containers(uid)]
    for grace in (30, 0):
        node.api.delete_pod("etcd-a", grace, "kube-system")
        node.run(20)
        mirror = node.api.get("pods", "etcd-a", "kube-system")
        assert mirror is not None and "deletionTimestamp" not in mirror["metadata"]
        assert mirror["status"]["phase"] == "Running"
    assert [c.id for c in node.runtime.containers(uid)] == before


def test_static_pods_survive_restarts_and_reboots_and_go_with_their_manifest() -> None:
    node = Node()
    key = node.kubelet.static.add(MANIFEST)
    node.run(5)
    (uid,) = node.runtime.pod_uids()
    before = [c.id for c in node.runtime.containers(uid)]
    node.kubelet.stop()
    node.run(5)
    node.kubelet.start()
    node.run(5)
    assert [c.id for c in node.runtime.containers(uid)] == before
    node.kubelet.kill()
    node.run(5)
    node.kubelet.start()
    node.run(10)
    assert node.runtime.pod_uids() == [uid] and [c.id for c in node.runtime.containers(uid)] != before
    node.kubelet.static.remove(key)
    node.run(40)
    assert node.runtime.pod_uids() == [] and node.api.get("pods", "etcd-a", "kube-system") is None
