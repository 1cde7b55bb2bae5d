"""What kube-scheduler v1.36 decided in recorded cases, and what ours decides in the same.

A case is {"name", "nodes", "objects", "bound", "pods"}: its nodes, other objects and bound Pods are created, then its
Pods one by one, each after the one before was placed or refused.  The answer for a Pod is the node it got, the node to
which it was nominated, or the scheduler's PodScheduled message; for Pods that preempt, also who was deleted.  No
controllers and no kubelets run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.apiserver.server import ApiServer
from controlplane.client.base import Client
from controlplane.client.local import LocalClient
from controlplane.clock import Loop
from controlplane.scheduler.scheduler import Scheduler

HERE = Path(__file__).parent
CASES = json.loads((HERE / "placements.json").read_text())
WANT = json.loads((HERE / "placements.want.json").read_text())
PATIENCE = 8.0  # seconds until no answer is the answer


def prepare(client: Client, case: dict[str, Any]) -> None:
    for node in case["nodes"]:
        name = node["metadata"]["name"]
        client.create(node)
        client.patch("nodes", name, {"status": node["status"]}, subresource="status")
        # an API server adds the not-ready taint to new nodes: keep just the taints that the case asks for
        client.patch("nodes", name, {"spec": {"taints": node["spec"].get("taints")}})
    for obj in (*case.get("objects", ()), *case.get("bound", ())):
        client.create(obj, "default")


def answer(pod: dict[str, Any]) -> str | None:
    status = pod.get("status") or {}
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    if status.get("nominatedNodeName"):
        return f"nominated to {status['nominatedNodeName']}"
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message", condition["reason"]))
    return None


def run_case(case: dict[str, Any], seed: int) -> dict[str, Any]:
    loop = Loop(seed)
    server = ApiServer(loop)
    client = LocalClient(server)
    scheduler = Scheduler(loop, LocalClient(server, "system:kube-scheduler"))
    scheduler.start()
    prepare(client, case)
    loop.run_for(0.4)
    answers: dict[str, Any] = {}
    for pod in case["pods"]:
        name = pod["metadata"]["name"]
        client.create(pod, "default")
        loop.run_until(lambda name=name: answer(client.get("pods", name)) is not None, PATIENCE)  # type: ignore[misc]
        loop.run_for(0.3)
        answers[name] = answer(client.get("pods", name)) or "no decision in 8 s"
    left = {p["metadata"]["name"] for p in client.list("pods")["items"] if not p["metadata"].get("deletionTimestamp")}
    gone = sorted(pod["metadata"]["name"] for pod in case.get("bound", ()) if pod["metadata"]["name"] not in left)
    return answers | ({"preempted": gone} if gone else {})


@pytest.mark.parametrize("case", [case for case in CASES if case["name"] in WANT], ids=lambda case: case["name"])
@pytest.mark.parametrize("seed", [0, 1])
def test_placement(case: dict[str, Any], seed: int) -> None:
    assert run_case(case, seed) == WANT[case["name"]]
