"""Jobs count each Pod once, wait longer and longer after failures, and end as upstream's end."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.client.base import Obj
from controlplane.controllers.job_indexes import compress, parse
from tests.controllers.plane import Plane, names

STAY = {"restartPolicy": "OnFailure", "containers": [{"name": "a", "image": "i"}]}  # Pods that run until told


def ended(job: Obj) -> dict[str, str]:
    return {c["type"]: c["reason"] for c in job["status"].get("conditions", ()) if c["status"] == "True"}


def running(plane: Plane) -> list[str]:
    return names(
        [
            p
            for p in plane.list("pods")
            if p["status"]["phase"] == "Running" and "deletionTimestamp" not in p["metadata"]
        ]
    )


def fail_all(plane: Plane, code: int = 1) -> None:
    for pod in running(plane):
        plane.finish(pod, "Failed", code)


def job(plane: Plane, **spec: Any) -> None:
    plane.job("sum", **{"template": {"spec": {**STAY, "restartPolicy": "Never"}}, **spec})


@pytest.fixture
def plane() -> Plane:
    """A plane whose Job Pods run until a test ends them."""
    plane = Plane()
    plane.kubelets._status = _always_running(plane.kubelets._status)  # type: ignore[method-assign]
    return plane


def _always_running(status: Any) -> Any:
    return lambda pod: status({**pod, "spec": {**pod["spec"], "restartPolicy": "Always"}})


def test_completions_and_parallelism(plane: Plane) -> None:
    job(plane, completions=5, parallelism=2)
    for _ in range(5):
        plane.run(3)
        assert len(running(plane)) <= 2
        plane.finish(running(plane)[0], "Succeeded")
    plane.run(3)
    got = plane.get("jobs", "sum")
    assert got["status"]["succeeded"] == 5
    assert ended(got) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert got["status"]["completionTime"]
    assert got["status"]["uncountedTerminatedPods"] == {}


def test_one_success_is_enough_for_a_work_queue(plane: Plane) -> None:
    job(plane, parallelism=3)
    plane.run(3)
    first, *rest = running(plane)
    plane.finish(first, "Succeeded")
    plane.run(3)
    assert running(plane) == rest  # they may finish, and none takes the first one's place
    for pod in rest:
        plane.finish(pod, "Failed", 1)
    plane.run(3)
    assert "Complete" in ended(plane.get("jobs", "sum"))


def test_failures_are_retried_later_and_later_up_to_the_limit(plane: Plane) -> None:
    job(plane, backoffLimit=3)
    waits = []
    for _ in range(4):
        start = plane.loop.now()
        while not running(plane):
            plane.run(0.5)
        waits.append(round(plane.loop.now() - start))
        fail_all(plane)
    plane.run(5)
    assert [10 <= waits[1] <= 13, 20 <= waits[2] <= 23, 40 <= waits[3] <= 43] == [True] * 3
    got = plane.get("jobs", "sum")
    assert ended(got) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert got["status"]["failed"] == 4
    assert "Job/sum BackoffLimitExceeded: Job has reached the specified backoff limit" in plane.events()


def test_a_pod_that_vanishes_is_counted_as_failed(plane: Plane) -> None:
    job(plane)
    plane.run(3)
    plane.client.delete("pods", running(plane)[0], "default", grace_period_seconds=0)
    plane.run(15)
    assert plane.get("jobs", "sum")["status"]["failed"] == 1
    assert len(running(plane)) == 1


def test_an_active_deadline(plane: Plane) -> None:
    job(plane, activeDeadlineSeconds=30, parallelism=2)
    plane.run(25)
    assert ended(plane.get("jobs", "sum")) == {}
    plane.run(10)
    assert ended(plane.get("jobs", "sum"))["Failed"] == "DeadlineExceeded"
    assert running(plane) == []


def test_suspending_deletes_and_resuming_starts_anew(plane: Plane) -> None:
    job(plane, parallelism=2, completions=2)
    plane.run(3)
    plane.patch("jobs", "sum", {"spec": {"suspend": True}})
    plane.run(3)
    got = plane.get("jobs", "sum")
    assert (plane.list("pods"), ended(got)) == ([], {"Suspended": "JobSuspended"})
    plane.patch("jobs", "sum", {"spec": {"suspend": False}})
    plane.run(3)
    assert len(running(plane)) == 2
    assert plane.events("Suspended") == ["Job/sum Suspended: Job suspended"]
    assert plane.events("Resumed") == ["Job/sum Resumed: Job resumed"]


def test_indexes_are_each_done_once(plane: Plane) -> None:
    job(plane, completions=3, parallelism=3, completionMode="Indexed")
    plane.run(3)
    pods = {p["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]: p for p in plane.list("pods")}
    assert sorted(pods) == ["0", "1", "2"]
    assert pods["1"]["metadata"]["name"].startswith("sum-1-")
    assert pods["1"]["spec"]["hostname"] == "sum-1"
    assert pods["1"]["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
    plane.finish(pods["0"]["metadata"]["name"], "Succeeded")
    plane.finish(pods["2"]["metadata"]["name"], "Succeeded")
    plane.finish(pods["1"]["metadata"]["name"], "Failed", 1)
    plane.run(15)
    assert plane.get("jobs", "sum")["status"]["completedIndexes"] == "0,2"
    assert [name[:6] for name in running(plane)] == ["sum-1-"]
    plane.finish(running(plane)[0], "Succeeded")
    plane.run(3)
    got = plane.get("jobs", "sum")["status"]
    assert (got["completedIndexes"], got["succeeded"], got["failed"]) == ("0-2", 3, 1)


def test_a_back_off_limit_for_each_index(plane: Plane) -> None:
    job(plane, completions=2, parallelism=2, completionMode="Indexed", backoffLimitPerIndex=1, backoffLimit=99)
    plane.run(3)
    for _ in range(2):
        bad = next(name for name in running(plane) if name.startswith("sum-0-"))
        plane.finish(bad, "Failed", 1)
        plane.run(25)
    assert [name[:6] for name in running(plane)] == ["sum-1-"]
    plane.finish(running(plane)[0], "Succeeded")
    plane.run(3)
    got = plane.get("jobs", "sum")
    assert (got["status"]["failedIndexes"], got["status"]["completedIndexes"]) == ("0", "1")
    assert ended(got)["Failed"] == "FailedIndexes"


def test_a_pod_failure_policy_fails_or_ignores(plane: Plane) -> None:
    policy = {
        "rules": [
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]
    }
    job(plane, podFailurePolicy=policy, backoffLimit=0)
    plane.run(3)
    name = running(plane)[0]
    hit = {"type": "DisruptionTarget", "status": "True", "reason": "x", "message": "y"}
    plane.patch("pods", name, {"status": {"conditions": [hit]}}, type="strategic", subresource="status")
    plane.finish(name, "Failed", 137)
    plane.run(15)
    assert plane.get("jobs", "sum")["status"].get("failed", 0) == 0
    fail_all(plane, 42)
    plane.run(5)
    got = plane.get("jobs", "sum")
    assert ended(got)["Failed"] == "PodFailurePolicy"
    message = next(c["message"] for c in got["status"]["conditions"] if c["type"] == "Failed")
    assert message.endswith("failed with exit code 42 matching FailJob rule at index 0")


def test_a_success_policy_ends_before_all_are_done(plane: Plane) -> None:
    rules = {"rules": [{"succeededIndexes": "0-1", "succeededCount": 1}]}
    job(plane, completions=3, parallelism=3, completionMode="Indexed", successPolicy=rules)
    plane.run(3)
    plane.finish(next(name for name in running(plane) if name.startswith("sum-1-")), "Succeeded")
    plane.run(5)
    got = plane.get("jobs", "sum")
    assert ended(got) == {"SuccessCriteriaMet": "SuccessPolicy", "Complete": "SuccessPolicy"}
    assert running(plane) == []
    assert got["status"]["succeeded"] == 1


def test_finished_jobs_go_when_their_time_is_up() -> None:
    plane = Plane()
    plane.job("sum", ttlSecondsAfterFinished=60)
    plane.run(50)
    assert "Complete" in ended(plane.get("jobs", "sum"))
    plane.run(30)
    assert plane.list("jobs") == plane.list("pods") == []


def test_deleting_a_job_frees_its_pods(plane: Plane) -> None:
    job(plane, parallelism=2, completions=2)
    plane.run(3)
    plane.client.delete("jobs", "sum", "default", propagation_policy="Background")
    plane.run(5)
    assert plane.list("pods") == []


@pytest.mark.parametrize("text", ["", "0", "0,2", "0-2", "1,3-5,7,8", "0-99"])
def test_indexes_in_short(text: str) -> None:
    assert compress(parse(text, 100)) == text


def test_indexes_beyond_the_completions_are_dropped() -> None:
    assert parse("0-5,8", 4) == {0, 1, 2, 3}
