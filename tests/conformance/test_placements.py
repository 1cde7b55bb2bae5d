"""What kube-scheduler v1.36 decided in recorded cases, and what ours decides in the same.

A case is {"name", "nodes", "objects", "bound", "pods"}: its nodes, other objects and bound Pods are created, then its
Pods one by one, each after the one before was placed or refused.  The answer for a Pod is the node it got, the node to
which it was nominated, or the scheduler's PodScheduled message; for Pods that preempt, also who was deleted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.clock import Loop
from controlplane.scheduler.scheduler import Scheduler
from tests.scheduler.fake import FakeClient

HERE = Path(__file__).parent
CASES = json.loads((HERE / "placements.json").read_text())
WANT = json.loads((HERE / "placements.want.json").read_text())


def run_case(case: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    loop = Loop(seed)
    client = FakeClient(loop)
    scheduler = Scheduler(loop, client)
    for obj in (*case["nodes"], *case.get("objects", ()), *case.get("bound", ())):
        client.create(obj)
    scheduler.start()
    loop.run_for(0.4)
    answers: dict[str, Any] = {}
    for pod in case["pods"]:
        client.create(pod)
        loop.run_for(0.5)
        answers[pod["metadata"]["name"]] = answer(client.pod(pod["metadata"]["name"]))
    gone = sorted(pod["metadata"]["name"] for pod in case.get("bound", ())
                  if client.pod(pod["metadata"]["name"])["metadata"].get("deletionTimestamp"))
    return answers | ({"preempted": gone} if gone else {})


def answer(pod: dict[str, Any]) -> str:
    status = pod.get("status") or {}
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    if status.get("nominatedNodeName"):
        return f"nominated to {status['nominatedNodeName']}"
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message", condition["reason"]))
    return "no decision in 8 s"


@pytest.mark.parametrize("case", [case for case in CASES if case["name"] in WANT], ids=lambda case: case["name"])
@pytest.mark.parametrize("seed", [0, 1])
def test_placement(case: dict[str, Any], seed: int) -> None:
    assert run_case(case, seed) == WANT[case["name"]]
