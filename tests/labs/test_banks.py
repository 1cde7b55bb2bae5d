"""Every grader against its bank: what is right gets full points, what is wrong loses the points that it should."""

from pathlib import Path

import pytest

from controlplane.grading import check
from controlplane.grading.release import generate
from controlplane.grading.run import grade
from controlplane.grading.source import LabSource, Problem, labs, notebook_of, read
from tests.labs.bank import Entry, entries

SOURCES = {lab: read(notebook_of(lab)) for lab in labs()}
PROBLEMS = [(lab, problem) for lab, source in SOURCES.items() for problem in source.problems]
RUNS = 20
RIGHT, MUTANTS = 3, 8  # at least, for each problem


@pytest.fixture(autouse=True)
def _endless_loops_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "SECONDS", 2.0)


def ids(value: object) -> str:
    return value.name if isinstance(value, Problem | Entry) else str(value)


def bank(kind: str) -> list[tuple[str, Problem, Entry]]:
    return [(lab, p, entry) for lab, p in PROBLEMS for entry in entries(lab, p.name, kind, p.solution)]


def lost(problem: Problem, solution: str) -> dict[str, str]:
    """The graded cells that a solution fails, with what they say."""
    return {outcome.cell.id: outcome.failure for outcome in grade(problem, solution) if outcome.failure}


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LabSource]:
    folder: Path = tmp_path_factory.mktemp("labs")
    for lab in SOURCES:
        generate(lab, folder)
    return {lab: read(notebook_of(lab, folder)) for lab in SOURCES}


@pytest.mark.parametrize(("lab", "problem"), PROBLEMS, ids=ids)
def test_the_reference_scores_full_points_every_time(lab: str, problem: Problem) -> None:
    for _ in range(RUNS):
        assert lost(problem, problem.solution) == {}


@pytest.mark.parametrize(("lab", "problem"), PROBLEMS, ids=ids)
def test_the_untouched_release_scores_nothing(lab: str, problem: Problem, released: dict[str, LabSource]) -> None:
    assert lost(problem, released[lab][problem.name].solution).keys() == {cell.id for cell in problem.graded}


@pytest.mark.parametrize(("lab", "problem", "entry"), bank("right"), ids=ids)
def test_another_style_scores_full_points(lab: str, problem: Problem, entry: Entry) -> None:
    assert lost(problem, entry.source) == {}


@pytest.mark.parametrize(("lab", "problem", "entry"), bank("mutants"), ids=ids)
def test_a_mutant_loses_its_points_and_no_others(lab: str, problem: Problem, entry: Entry) -> None:
    failures = lost(problem, entry.source)
    assert failures.keys() == entry.loses, failures
    assert not any("The check itself broke" in failure for failure in failures.values()), failures
    assert lost(problem, entry.source) == failures


@pytest.mark.parametrize(("lab", "problem"), PROBLEMS, ids=ids)
def test_the_bank_is_large_enough(lab: str, problem: Problem) -> None:
    right, mutants = (entries(lab, problem.name, kind, problem.solution) for kind in ("right", "mutants"))
    assert len({entry.name for entry in right}) == len(right) >= RIGHT
    assert len({entry.name for entry in mutants}) == len(mutants) >= MUTANTS
    failed_by_some = {cell for entry in mutants for cell in entry.loses}
    assert failed_by_some == {cell.id for cell in problem.graded}, "graded cells that no mutant fails"


@pytest.mark.parametrize("lab", SOURCES)
def test_a_lab_is_twenty_points_in_four_or_five_problems(lab: str) -> None:
    problems = SOURCES[lab].problems
    assert 4 <= len(problems) <= 5
    assert sum(problem.points for problem in problems) == 20
    for problem in problems:
        assert all(cell.id.startswith(f"{problem.name}-") for cell in problem.graded)
