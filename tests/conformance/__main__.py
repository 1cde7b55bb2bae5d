"""One table of what behaves as Kubernetes 1.36 does: `make conformance`.

Every line is a recording of a real control plane, played against ours.  Exit status 1 if anything differs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.apiserver.serving import TOKEN, serving
from tests.conformance import replay, test_placements, test_workloads
from tests.conformance.workload_snapshots import run

Score = tuple[int, int]  # (right, of)


def requests() -> Score:
    """Requests over HTTPS: status and body."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        endpoint = replay.Endpoint(served.url, TOKEN)
        results = [lines for name in replay.cases() for lines in replay.compare(endpoint, name)]
        endpoint.close()
    return sum(not lines for lines in results), len(results)


def placements() -> Score:
    """What the scheduler decides, refusals to the word."""
    cases = [case for case in test_placements.CASES if case["name"] in test_placements.WANT]
    right = sum(test_placements.run_case(case, 0) == test_placements.WANT[case["name"]] for case in cases)
    return right, len(cases)


def workloads() -> Score:
    """Parts of the state in which the controllers settle."""
    right = total = 0
    for scenario in test_workloads.SCENARIOS:
        plane = test_workloads.ControlPlane()
        shots = run(plane.loop, plane.client, scenario, "wl-000000")
        for shot, want in zip(shots, test_workloads.WANT[scenario["name"]], strict=True):
            total += len(want)
            right += sum(shot.get(key) == value for key, value in want.items())
    return right, total


def node_failure() -> Score:
    """Steps of a node's failure, each within one monitor period of when it was recorded."""
    steps = len(test_workloads.NODE_FAILURE)
    try:
        test_workloads.test_a_node_fails_on_time()
    except AssertionError:
        return 0, steps
    return steps, steps


def suite(*paths: str) -> Score:
    """Tests that drive programs and clients that nobody here wrote: passed of all."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "-rN", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    words = done.stdout.strip().splitlines()[-1].replace(",", "").split()
    counts = {kind.rstrip("s"): int(number) for number, kind in pairwise(words) if number.isdigit()}
    passed = counts.get("passed", 0)
    return passed, passed + counts.get("failed", 0) + counts.get("error", 0)


TABLE: list[tuple[str, Callable[[], Score]]] = [
    ("API requests over HTTPS, status and body", requests),
    ("placements by the scheduler", placements),
    ("parts of the state in which workloads settle", workloads),
    ("steps of a node's failure, on time", node_failure),
    ("tests with kubectl, 1.27 to the newest", lambda: suite("tests/kubectl")),
    ("tests with other clients: kubernetes, helm, kopf, ...", lambda: suite("tests/clients")),
]


def main() -> int:
    quick = "--quick" in sys.argv[1:]
    rows = [row for row in TABLE if not (quick and row[0].startswith("tests"))]
    width = max(len(what) for what, _ in rows)
    print(f"| {'compared with Kubernetes 1.36'.ljust(width)} | right | of  |\n| {'-' * width} | ----- | --- |")
    failed = False
    for what, score in rows:
        right, total = score()
        failed |= right < total
        print(f"| {what.ljust(width)} | {right:5} | {total:3} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
