"""`controlplane up --real`, and kubectl against it."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from pathlib import Path

import controlplane
from tests.kubectl.binaries import Kubectl
from tests.real.cluster import processes, wait
from tests.up import up

APP = Path(str(controlplane.__path__[0])) / "data" / "app.json"


def test_kubectl_looks_into_real_pods(tmp_path: Path) -> None:
    binary = shutil.which("kubectl")
    assert binary is not None
    with up(tmp_path, "--real") as running:
        kubectl = Kubectl(binary, running.kubeconfig, tmp_path)
        kubectl("apply", "-f", str(APP))
        kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        pods = json.loads(kubectl("get", "pods", "-o", "json"))["items"]
        assert len(pods) == 4
        name, ip = pods[0]["metadata"]["name"], pods[0]["status"]["podIP"]
        with urllib.request.urlopen(f"http://{ip}:8080/", timeout=5) as answer:
            assert name in answer.read().decode()
        assert f"listens on {ip}:8080" in kubectl("logs", name)
        assert kubectl("exec", name, "--", "sh", "-c", "echo $POD_NAME").strip() == name
        assert kubectl("exec", "-i", name, "--", "cat", stdin="a line\n") == "a line\n"
        mark = f"POD_NAME={name}"
        killed = kubectl.run("exec", name, "--", "sh", "-c", f"kill -9 {processes(mark)[0]}")
        assert killed.returncode in (0, 137)
        assert wait(lambda: kubectl("get", "pod", name, "-o", COUNT) == "1", 20)
        assert "listens" in kubectl("logs", name, "--previous")
        assert processes("CONTROLPLANE_CONTAINER=/")
        began = time.monotonic()
        folders = {pod["metadata"]["name"] for pod in pods}
    assert time.monotonic() - began < 20
    assert not [pid for folder in folders for pid in processes(f"POD_NAME={folder}")]


COUNT = "jsonpath={.status.containerStatuses[0].restartCount}"
