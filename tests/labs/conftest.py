"""Prints, after the tests, how many mutants of each problem were caught and how many right solutions passed."""

from collections import defaultdict

import pytest

TESTS = {"test_a_mutant_loses_its_points_and_no_others": 0, "test_another_style_scores_full_points": 1}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: dict[tuple[str, str], list[list[int]]] = defaultdict(lambda: [[0, 0], [0, 0]])
    for result in ("passed", "failed"):
        for report in terminalreporter.stats.get(result, []):
            test, _, parameters = report.nodeid.rpartition("::")[2].partition("[")
            if test in TESTS and report.when == "call":
                lab, problem = _lab_and_problem(parameters.rstrip("]"))
                count = counts[lab, problem][TESTS[test]]
                count[0] += result == "passed"
                count[1] += 1
    if not counts:
        return
    terminalreporter.section("proved graders")
    terminalreporter.line(f"{'lab':<22}{'problem':<18}{'mutants caught':>16}{'right ones passed':>20}")
    for (lab, problem), (mutants, right) in sorted(counts.items()):
        caught, passed = (f"{good} of {all}" for good, all in (mutants, right))
        terminalreporter.line(f"{lab:<22}{problem:<18}{caught:>16}{passed:>20}")


def _lab_and_problem(parameters: str) -> tuple[str, str]:
    """ "lab-03-controllers-queue-entry" as pytest joins them; problems have no hyphen in their names."""
    parts = parameters.split("-")
    return "-".join(parts[:3]), parts[3]
