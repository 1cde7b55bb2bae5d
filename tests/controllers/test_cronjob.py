"""CronJobs start Jobs when their schedule comes up, and not when it does not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from controlplane.clock import rfc3339
from controlplane.controllers.cron import Schedule
from tests.controllers.plane import Plane, names


def at(text: str) -> float:
    return datetime.fromisoformat(text + "Z").timestamp()


@pytest.mark.parametrize(
    ("schedule", "after", "want"),
    [
        ("*/5 * * * *", "2026-01-01T00:02:30", "2026-01-01T00:05:00"),
        ("0 12 * * mon-fri", "2026-01-02T13:00:00", "2026-01-05T12:00:00"),
        ("0 0 31 * *", "2026-01-31T00:00:00", "2026-03-31T00:00:00"),
        ("0 0 13 * 5", "2026-01-03T00:00:00", "2026-01-09T00:00:00"),  # the 13th, or a Friday
        ("15,45 8-10/2 * * *", "2026-01-01T08:20:00", "2026-01-01T08:45:00"),
        ("@yearly", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_when_a_schedule_comes_up(schedule: str, after: str, want: str) -> None:
    found = Schedule(schedule).next(at(after))
    assert found is not None
    assert rfc3339(found) == want + "Z"


def test_a_time_zone() -> None:
    assert (
        rfc3339(Schedule("0 9 * * *", "Europe/Zurich").next(at("2026-07-01T00:00:00")) or 0) == "2026-07-01T07:00:00Z"
    )


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "* * 0 * *", "x * * * *", "5-1 * * * *", "*/0 * * * *"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError):
        Schedule(text)


def test_a_day_that_never_comes() -> None:
    assert Schedule("0 0 31 2 *").next(at("2026-01-01T00:00:00")) is None


def cron(plane: Plane, image: str = "i", restart: str = "Never", **spec: Any) -> None:
    pod = {"restartPolicy": restart, "containers": [{"name": "a", "image": image}]}
    template = {"spec": {"template": {"spec": pod}}}
    plane.create("batch/v1/CronJob", "tick", {"schedule": "*/2 * * * *", "jobTemplate": template, **spec})


def test_jobs_start_on_time_with_the_minute_in_their_name() -> None:
    plane = Plane()
    cron(plane)
    plane.run(118)
    due = (plane.loop.now() // 120 + 1) * 120 // 60
    assert plane.list("jobs") == []
    plane.run(3)
    assert names(plane.list("jobs")) == [f"tick-{int(due)}"]
    plane.run(10)
    status = plane.get("cronjobs", "tick")["status"]
    assert status["lastScheduleTime"] == rfc3339(due * 60)
    assert "active" not in status
    assert sorted(e.split(" ", 1)[1] for e in plane.events() if e.startswith("CronJob")) == [
        f"SawCompletedJob: Saw completed job: tick-{int(due)}, condition: Complete",
        f"SuccessfulCreate: Created job tick-{int(due)}",
    ]


def test_history_limits() -> None:
    plane = Plane()
    cron(plane, successfulJobsHistoryLimit=2)
    plane.run(120 * 5 + 20)
    assert len(plane.list("jobs")) == 2
    assert any("Deleted job tick-" in event for event in plane.events("SuccessfulDelete"))


@pytest.mark.parametrize(("policy", "want"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
def test_concurrency(policy: str, want: int) -> None:
    plane = Plane()
    cron(plane, restart="OnFailure", concurrencyPolicy=policy)  # Pods that never end
    plane.run(120)
    first = names(plane.list("jobs"))
    plane.run(250)
    jobs = names(plane.list("jobs"))
    assert len(jobs) == want
    assert (jobs == first) == (policy == "Forbid")
    assert bool(plane.events("JobAlreadyActive")) == (policy == "Forbid")


def test_suspended_it_starts_nothing_and_what_was_missed_is_made_up_once() -> None:
    plane = Plane()
    cron(plane, suspend=True)
    plane.run(601)
    assert plane.list("jobs") == []
    plane.patch("cronjobs", "tick", {"spec": {"suspend": False}})
    plane.run(5)
    assert len(plane.list("jobs")) == 1


def test_a_starting_deadline() -> None:
    plane = Plane()
    cron(plane, suspend=True, startingDeadlineSeconds=20)
    plane.run(120 * 3 + 30)
    plane.patch("cronjobs", "tick", {"spec": {"suspend": False}})
    plane.run(5)
    assert plane.list("jobs") == []
