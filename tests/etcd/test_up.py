"""`controlplane up --etcd URL`: a cluster whose objects are in a real etcd, for kubectl."""

import subprocess
import sys
from pathlib import Path

from tests.etcd.real import etcdctl, real_etcd
from tests.up import Up, up

CONFIG_MAP = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept"},"data":{"a":"1"}}'


def kubectl(cluster: Up, *arguments: str, input: str = "") -> str:
    command = ["kubectl", "--kubeconfig", str(cluster.kubeconfig), *arguments]
    return subprocess.run(command, input=input, capture_output=True, text=True, check=True, timeout=60).stdout


def test_what_is_in_etcd_outlives_the_cluster(tmp_path: Path) -> None:
    with real_etcd(tmp_path) as address:
        options = ("--etcd", f"etcd://{address}", "--nodes", "1")
        with up(tmp_path, *options) as cluster:
            assert kubectl(cluster, "create", "-f", "-", input=CONFIG_MAP) == "configmap/kept created\n"
        assert '"a":"1"' in etcdctl(address, "get", "/registry/configmaps/default/kept")
        with up(tmp_path, *options) as cluster:
            assert kubectl(cluster, "get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "1"
            etcdctl(address, "del", "/registry/configmaps/default/kept")
            assert "kept" not in kubectl(cluster, "get", "configmaps", "-o", "name")


def test_an_etcd_that_is_not_there() -> None:
    command = [sys.executable, "-c", "from controlplane.cli import main; main()", "up", "--etcd"]
    done = subprocess.run([*command, "etcd://127.0.0.1:9"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the etcd at etcd://127.0.0.1:9 does not answer: ")
    done = subprocess.run([*command, "127.0.0.1:9"], capture_output=True, text=True, timeout=60)
    assert "'127.0.0.1:9' is not the address of an etcd: write it as etcd://127.0.0.1:2379" in done.stderr
