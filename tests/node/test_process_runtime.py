"""Pods as real processes: what they get, how they end, and that none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.cluster import Cluster
from controlplane.conditions import is_ready
from controlplane.node.runtime import ExecResult
from tests.real.cluster import get, main_status, pod, processes, real_cluster, wait


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with real_cluster() as made:
        yield made


def ready(name: str) -> Any:
    return lambda client: is_ready(client.get("pods", name))


def ended(cluster: Cluster, name: str) -> dict[str, Any]:
    """Wait for the Pod's only container to end; its terminated state."""

    def over(client: Any) -> bool:
        status = main_status(cluster, name)
        return "terminated" in status.get("state", {}) or "terminated" in status.get("lastState", {})

    cluster.run_until(over, timeout="20s")
    status = main_status(cluster, name)
    found: dict[str, Any] = status["state"].get("terminated") or status["lastState"]["terminated"]
    return found


def run(cluster: Cluster, name: str, *command: str) -> ExecResult:
    """A command in a Pod's container."""
    results: list[ExecResult] = []
    cluster.machine("node-a").kubelet.api.exec("default", name, list(command), results.append)  # type: ignore[arg-type]
    cluster.run_until(lambda client: bool(results), timeout="10s")
    return results[0]


def logs(cluster: Cluster, name: str, **options: Any) -> str:
    return cluster.machine("node-a").kubelet.api.logs("default", name, **options)


def test_an_app_answers_at_the_address_of_its_pod(cluster: Cluster) -> None:
    cluster.apply(pod("hello", "app:v2", ports=[{"containerPort": 8080}], readinessProbe=http("/readyz")))
    cluster.run_until(ready("hello"), timeout="10s")
    ip = cluster.client.get("pods", "hello")["status"]["podIP"]
    assert ip.startswith("127.")
    assert get(f"http://{ip}:8080/") == "App v2, Pod hello, node node-a, request 1\n"
    assert get(f"http://{ip}:8080/") == "App v2, Pod hello, node node-a, request 2\n"
    assert "listens on" in logs(cluster, "hello")


def http(path: str, **fields: Any) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": 8080}, "periodSeconds": 1, **fields}


def test_environment_and_volumes_reach_the_process(cluster: Cluster) -> None:
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "password"},
            "stringData": {"word": "open sesame"},
        }
    )
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"greeting": "good day"}}
    )
    script = 'cat etc/words/greeting; echo; cat etc/secret/word; echo; echo "$WORD on $NODE, $1"; touch tmp/x; ls tmp'
    env = [
        {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "password", "key": "word"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    volumes = [
        {"name": "words", "configMap": {"name": "words"}},
        {"name": "secret", "secret": {"secretName": "password"}},
        {"name": "scratch", "emptyDir": {}},
    ]
    mounts = [
        {"name": "words", "mountPath": "/etc/words"},
        {"name": "secret", "mountPath": "/etc/secret"},
        {"name": "scratch", "mountPath": "/tmp"},
    ]
    spec = {"volumes": volumes, "restartPolicy": "Never"}
    command = ["sh", "-c", script, "sh", "$(NODE)"]
    cluster.apply(pod("reader", "busybox", command=command, env=env, volumeMounts=mounts, spec=spec))
    assert ended(cluster, "reader")["reason"] == "Completed"
    assert logs(cluster, "reader") == "good day\nopen sesame\nopen sesame on node-a, node-a\nx\n"


def test_nothing_of_our_own_environment_reaches_a_pod(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTROLPLANE_TOKEN", "a secret of the user")
    cluster.apply(pod("nosy", "busybox", command=["env"], spec={"restartPolicy": "Never"}))
    ended(cluster, "nosy")
    assert "HOSTNAME=nosy" in logs(cluster, "nosy")
    assert "secret" not in logs(cluster, "nosy")


def test_exit_codes_and_messages(cluster: Cluster) -> None:
    cluster.apply(pod("three", "busybox", command=["sh", "-c", "echo why >&2; exit 3"], spec=NEVER, **FROM_LOGS))
    cluster.apply(pod("killed", "busybox", command=["sh", "-c", "kill -9 $$$$"], spec=NEVER))
    cluster.apply(pod("nothing", "busybox", spec=NEVER))
    cluster.apply(pod("unknown", "busybox", command=["no-such-program"], spec=NEVER))
    state = ended(cluster, "three")
    assert (state["exitCode"], state["reason"], state["message"]) == (3, "Error", "why\n")
    assert ended(cluster, "killed")["exitCode"] == 137
    state = ended(cluster, "unknown")
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert '"no-such-program": executable file not found in $PATH' in state["message"]
    assert main_status(cluster, "nothing")["state"]["waiting"]["reason"] == "CreateContainerError"


NEVER = {"restartPolicy": "Never"}
FROM_LOGS = {"terminationMessagePolicy": "FallbackToLogsOnError"}


def test_a_process_that_is_killed_comes_back(cluster: Cluster) -> None:
    cluster.apply(pod("phoenix", "app:v1", ports=[{"containerPort": 8080}], readinessProbe=http("/readyz")))
    cluster.run_until(ready("phoenix"), timeout="10s")
    runtime = cluster.machine("node-a").runtime
    container = main_status(cluster, "phoenix")["containerID"].rpartition("/")[2]
    os.kill(runtime.pid(container), signal.SIGKILL)
    cluster.run_until(lambda client: main_status(cluster, "phoenix")["restartCount"] == 1, timeout="10s")
    cluster.run_until(ready("phoenix"), timeout="10s")
    assert main_status(cluster, "phoenix")["lastState"]["terminated"]["exitCode"] == 137
    assert "listens on" in logs(cluster, "phoenix", previous=True)


def test_a_command_runs_beside_the_container(cluster: Cluster) -> None:
    cluster.apply(pod("host", "busybox", command=["sleep", "600"]))
    cluster.run_until(ready("host"), timeout="10s")
    assert run(cluster, "host", "sh", "-c", "echo out; echo err >&2; exit 4") == ExecResult(4, "out\n", "err\n")
    assert run(cluster, "host", "sh", "-c", "echo $POD_NAME").stdout == "host\n"
    missing = run(cluster, "host", "no-such-program")
    assert (missing.exit_code, missing.stdout) == (127, "")


def test_term_then_kill(cluster: Cluster) -> None:
    polite = 'trap "echo bye; exit 0" TERM; echo up; while true; do sleep 0.05; done'
    deaf = 'trap "" TERM; echo up; while true; do sleep 0.05; done'
    for name, script in (("polite", polite), ("deaf", deaf)):
        cluster.apply(pod(name, "busybox", command=["sh", "-c", script], spec={"terminationGracePeriodSeconds": 1}))
        cluster.run_until(ready(name), timeout="10s")
        cluster.run_until(lambda client, name=name: "up" in logs(cluster, name), timeout="10s")  # type: ignore[misc]
    runtime = cluster.machine("node-a").runtime
    codes = {}
    for name in ("polite", "deaf"):
        container = runtime.containers(cluster.client.get("pods", name)["metadata"]["uid"])[0]
        cluster.client.delete("pods", name)
        cluster.run_until(lambda client, one=container: one.state == "exited", timeout="10s")  # type: ignore[misc]
        codes[name] = container.exit_code
    assert codes == {"polite": 0, "deaf": 137}


def test_probes_see_what_the_process_answers(cluster: Cluster) -> None:
    cluster.apply(
        pod(
            "probed",
            "app:v1",
            ports=[{"containerPort": 8080}],
            readinessProbe=http("/readyz", failureThreshold=1),
            livenessProbe={"exec": {"command": ["sh", "-c", "test ! -e sick"]}, "periodSeconds": 1},
            startupProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        )
    )
    cluster.run_until(ready("probed"), timeout="10s")
    ip = cluster.client.get("pods", "probed")["status"]["podIP"]
    subprocess.run([sys.executable, "-c", POST, f"http://{ip}:8080/-/ready/false"], check=True)
    cluster.run_until(lambda client: not is_ready(client.get("pods", "probed")), timeout="5s")
    subprocess.run([sys.executable, "-c", POST, f"http://{ip}:8080/-/ready/true"], check=True)
    cluster.run_until(ready("probed"), timeout="5s")
    run(cluster, "probed", "touch", "sick")
    cluster.run_until(lambda client: main_status(cluster, "probed")["restartCount"] == 1, timeout="20s")
    notes = [event["message"] for event in cluster.client.list_shared("events", "default")[0]]
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in notes


POST = "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], data=b'', method='POST'))"


def test_memory_beyond_the_limit_ends_the_container(cluster: Cluster) -> None:
    greedy = "held = []\nwhile True: held.append(b'x' * 1000000)"
    limits = {"limits": {"memory": "64Mi"}}
    cluster.apply(pod("greedy", "python", command=["python", "-c", greedy], resources=limits, spec=NEVER))
    state = ended(cluster, "greedy")
    assert state["exitCode"] != 0
    slow = "import time\nheld = []\nwhile True: held.append(b'x' * 10000000); time.sleep(0.1)"
    cluster.apply(pod("slow", "python", command=["python", "-c", slow], resources=limits, spec=NEVER))
    state = ended(cluster, "slow")
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")


def test_a_cpu_limit_slows_the_container_down(cluster: Cluster) -> None:
    spin = (
        "import time\nbegan = time.monotonic()\nwhile time.process_time() < 0.5: pass\nprint(time.monotonic() - began)"
    )
    limits = {"limits": {"cpu": "200m"}}
    cluster.apply(pod("spinner", "python", command=["python", "-S", "-c", spin], resources=limits, spec=NEVER))
    assert ended(cluster, "spinner")["exitCode"] == 0
    assert float(logs(cluster, "spinner")) > 1.0  # half a second of work, of which it may do a fifth in each second


def test_a_log_without_end_is_rotated(cluster: Cluster) -> None:
    script = "for i in range(400000): print('line', i)\nprint('the last')"
    cluster.apply(pod("talker", "python", command=["python", "-c", script], spec=NEVER))
    ended(cluster, "talker")
    text = logs(cluster, "talker")
    assert text.endswith("the last\n")
    assert len(text) < 4 << 20
    assert logs(cluster, "talker", tail=1) == "the last\n"


def test_the_end_of_a_pod_is_the_end_of_all_its_processes(cluster: Cluster) -> None:
    mark = uuid.uuid4().hex
    away = f"import os, time\nos.environ['X'] = '{mark}'\nif os.fork() == 0:\n os.setsid()\n os.fork()\ntime.sleep(600)"
    env = [{"name": "MARK", "value": mark}]
    cluster.apply(pod("parent", "python", command=["python", "-c", away], env=env))
    cluster.run_until(lambda client: len(processes(mark)) == 3, timeout="10s")
    cluster.client.delete("pods", "parent", grace_period_seconds=0)
    cluster.run_until(lambda client: not processes(mark), timeout="10s")


def test_a_kubelet_that_starts_again_adopts_what_runs(cluster: Cluster) -> None:
    cluster.apply(pod("stays", "app:v1", ports=[{"containerPort": 8080}]))
    cluster.run_until(ready("stays"), timeout="10s")
    ip = cluster.client.get("pods", "stays")["status"]["podIP"]
    cluster.run_until(lambda client: "listens" in logs(cluster, "stays"), timeout="10s")
    get(f"http://{ip}:8080/")
    kubelet = cluster.machine("node-a").kubelet
    kubelet.stop()
    kubelet.start()
    cluster.run_for(1)
    assert main_status(cluster, "stays")["restartCount"] == 0
    assert get(f"http://{ip}:8080/").endswith("request 2\n")


PARENT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background begins with it ignored
from tests.real.cluster import pod, real_cluster
with real_cluster() as cluster:
    env = [{"name": "MARK", "value": sys.argv[1]}]
    away = "import os, time; os.fork() or os.setsid(); time.sleep(600)"
    cluster.apply(pod("app", "app:v1", env=env))
    cluster.apply(pod("away", "python", command=["python", "-c", away], env=env))
    cluster.run_for(1.0)
    print("up", flush=True)
    cluster.run_for(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_program_however_it_ends(number: signal.Signals) -> None:
    mark = uuid.uuid4().hex
    command = [sys.executable, "-c", PARENT, mark]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "up\n"
            assert wait(lambda: len(processes(mark)) == 4)  # the parent itself, App, and the two that went away
            parent.send_signal(number)
            parent.wait(10)
        finally:
            parent.kill()
    assert wait(lambda: not processes(mark))


def test_virtual_time_and_processes_do_not_go_together() -> None:
    with pytest.raises(ValueError, match='needs clock="wall"'):
        Cluster(1, runtime="process")
