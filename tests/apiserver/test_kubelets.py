"""What the API server asks the kubelets: logs, commands, and what Pods use."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from controlplane.apiserver import metrics
from controlplane.apiserver.api import Request, Response
from controlplane.apiserver.server import ApiServer
from controlplane.client.base import ApiError
from controlplane.client.local import LocalClient
from controlplane.clock import Loop

POD = "/api/v1/namespaces/default/pods/p"


class Outcome(NamedTuple):
    exit_code: int
    stdout: str = ""
    stderr: str = ""


class Kubelet:
    """One container, c, and a log that grows."""

    def __init__(self) -> None:
        self.lines = ["one", "two"]
        self.reachable = True

    def logs(self, namespace: str, pod: str, container: str = "", **options: Any) -> str:
        if options["previous"]:
            raise LookupError(f'previous terminated container "{container}" in pod "{pod}" not found')
        tail = options["tail"]
        lines = self.lines if tail is None else self.lines[len(self.lines) - tail :]
        return "".join(
            f"2026-01-01T00:00:0{i}Z {x}\n" if options["timestamps"] else f"{x}\n" for i, x in enumerate(lines)
        )

    def exec(
        self, namespace: str, pod: str, command: list[str], done: Any, container: str = "", stdin: str = ""
    ) -> None:
        done(Outcome(int(command[-1] == "fail"), f"{' '.join(command)}<{stdin}", "trouble"))

    def summary(self) -> dict[str, Any]:
        used = {
            "cpu": {"time": "2026-01-01T00:00:00Z", "usageNanoCores": 5_000_000},
            "memory": {"time": "2026-01-01T00:00:00Z", "workingSetBytes": 2048 * 1024},
        }
        ref = {"name": "p", "namespace": "default", "uid": self.uid}
        return {"node": {"nodeName": "n", **used}, "pods": [{"podRef": ref, "containers": [{"name": "c", **used}]}]}

    uid = ""


@pytest.fixture
def client() -> LocalClient:
    server = ApiServer(Loop())
    client = LocalClient(server)
    client.request("POST", "/api/v1/nodes", body={"metadata": {"name": "n"}})
    containers = [{"name": "c", "image": "i"}]
    pod = {"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {"nodeName": "n", "containers": containers}}
    kubelet.uid = client.request("POST", "/api/v1/namespaces/default/pods", body=pod)["metadata"]["uid"]
    kubelet.__init__()  # type: ignore[misc]
    server.kubelets["n"] = lambda: kubelet if kubelet.reachable else None
    metrics.install(server)
    return client


kubelet = Kubelet()


def get(client: LocalClient, path: str, query: dict[str, str] | None = None, **lists: list[str]) -> Response:
    return client.server.handle(Request("GET", path, query or {}, lists=lists))


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status, answer.body["message"]


def test_a_log_is_text(client):
    answer = get(client, f"{POD}/log")
    assert answer.status == 200 and answer.content_type == "text/plain" and answer.payload() == b"one\ntwo\n"
    assert get(client, f"{POD}/log", {"tailLines": "1"}).payload() == b"two\n"
    assert get(client, f"{POD}/log", {"limitBytes": "3"}).payload() == b"one"


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"previous": "true"}, 400, 'previous terminated container "c" in pod "p" not found'),
        ({"container": "x"}, 400, "container x is not valid for pod p"),
        ({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ({"sinceSeconds": "0"}, 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ({"tailLines": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ],
)
def test_what_a_log_can_not_be_asked(client, query, code, message):
    status, said = refusal(get(client, f"{POD}/log", query))
    assert status == code and message in said


def set_state(client: LocalClient, state: dict) -> None:
    status = {"phase": "Running", "containerStatuses": [{"name": "c", "state": state, "image": "i", "imageID": "i"}]}
    found = client.request("GET", POD)
    client.request("PUT", f"{POD}/status", body={**found, "status": status})


def test_a_log_is_followed_to_its_end(client):
    set_state(client, {"running": {}})
    stream = get(client, f"{POD}/log", {"follow": "true"}).stream
    assert stream is not None
    heard: list[bytes] = []
    ended: list[bool] = []
    stream.attach(heard.append, lambda: ended.append(True))
    kubelet.lines.append("three")
    client.server.loop.run_for(1)
    assert b"".join(heard) == b"one\ntwo\nthree\n" and not ended
    kubelet.lines.append("four")
    set_state(client, {"terminated": {"exitCode": 0}})
    client.server.loop.run_for(1)
    assert b"".join(heard) == b"one\ntwo\nthree\nfour\n" and ended == [True]


def test_several_containers_must_be_told_apart(client):
    containers = [{"name": name, "image": "i"} for name in ("a", "b")]
    body = {"metadata": {"name": "two"}, "spec": {"nodeName": "n", "containers": containers}}
    client.request("POST", "/api/v1/namespaces/default/pods", body=body)
    assert refusal(get(client, "/api/v1/namespaces/default/pods/two/log")) == (
        400,
        "a container name must be specified for pod two, choose one of: [a b]",
    )


def test_nodes_that_can_not_be_asked(client):
    kubelet.reachable = False
    status, message = refusal(get(client, f"{POD}/log"))
    assert status == 503 and "connection refused" in message
    body = {"metadata": {"name": "q"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    client.request("POST", "/api/v1/namespaces/default/pods", body=body)
    assert refusal(get(client, "/api/v1/namespaces/default/pods/q/log")) == (400, "pod q does not have a host assigned")


class Session:
    """The other end of an upgraded connection."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.closed = False

    def send(self, channel: int, data: bytes) -> None:
        self.sent.append((channel, data))

    def close(self) -> None:
        self.closed = True


def test_a_command_answers_on_its_channels(client):
    answer = get(client, f"{POD}/exec", {"stdout": "1", "stderr": "1", "command": "ls"}, command=["ls", "fail"])
    session = Session()
    assert answer.upgrade is not None
    answer.upgrade.start(session)
    assert session.sent[:2] == [(1, b"ls fail<"), (2, b"trouble")] and session.closed
    channel, status = session.sent[2]
    assert channel == 3 and json.loads(status)["details"]["causes"] == [{"reason": "ExitCode", "message": "1"}]


def test_a_command_reads_what_is_written_to_it(client):
    answer = get(client, f"{POD}/exec", {"stdin": "1", "stdout": "1", "command": "cat"})
    session = Session()
    assert answer.upgrade is not None
    answer.upgrade.start(session)
    answer.upgrade.receive(0, b"in")
    assert not session.sent
    answer.upgrade.receive(255, bytes([0]))
    assert session.sent[0] == (1, b"cat<in") and session.closed


def test_a_command_must_be_given(client):
    assert refusal(get(client, f"{POD}/exec"))[0] == 400


def test_metrics_come_from_the_kubelets(client):
    group = "/apis/metrics.k8s.io/v1beta1"
    nodes = client.request("GET", f"{group}/nodes")
    assert nodes["kind"] == "NodeMetricsList"
    assert nodes["items"][0]["usage"] == {"cpu": "5000000n", "memory": "2048Ki"}
    pods = client.request("GET", f"{group}/namespaces/default/pods", query={"labelSelector": "a=b"})
    assert [c["name"] for c in pods["items"][0]["containers"]] == ["c"]
    assert client.request("GET", f"{group}/pods", query={"labelSelector": "a=c"})["items"] == []
    with pytest.raises(ApiError) as missing:
        client.request("GET", f"{group}/nodes/other")
    assert missing.value.code == 404
    kubelet.reachable = False
    assert client.request("GET", f"{group}/nodes")["items"] == []
