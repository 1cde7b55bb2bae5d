"""Inside a lab: the scoreboard, the hints, and whether the notebook is whole."""

import json
from pathlib import Path

import pytest

from controlplane.grading.lab import Lab
from controlplane.grading.source import LABS, labs, notebook_of, read
from controlplane.grading.whole import findings

NAME = "lab-03-controllers"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A learner's copy of a lab, opened in its folder."""
    for file in (LABS / NAME).iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return Lab(NAME)


def learner(solution: str = "") -> dict:
    """The names of a learner who ran the first cell and wrote the first task."""
    problem = read(notebook_of(NAME))["queue"]
    names: dict = {"__name__": "__main__"}
    exec(problem.given[0], names)
    exec(solution or problem.solution, names)
    return names


def test_the_scoreboard_has_a_line_for_each_behaviour(lab: Lab) -> None:
    lines = lab.check("queue", learner()).splitlines()
    assert lines[0] == "queue: 4 of 4 points"
    assert lines[1] == "  ✓ 1  Keys are handed out in the order in which they were added, and None when no key waits."
    assert [line[:5] for line in lines[1:5]] == ["  ✓ 1"] * 4
    assert "with other data" in lines[-1]


def test_the_scoreboard_says_what_is_missing(lab: Lab) -> None:
    newest_first = "class WorkQueue(list):\n    add, done, get = list.append, print, list.pop"
    board = lab.check("queue", learner(newest_first))
    assert board.startswith("queue: 0 of 4 points\n  ✗ 1  Keys are handed out")
    assert "       Expected an answer, but your code raised IndexError: pop from empty list." in board


def test_checking_changes_nothing_of_the_learners(lab: Lab) -> None:
    names = learner()
    before = dict(names)
    lab.check("", names)
    assert names == before


def test_an_unknown_problem_is_named_with_those_there_are(lab: Lab) -> None:
    with pytest.raises(KeyError, match="has no problem 'quue': there are queue, replicas"):
        lab.check("quue", {})


def test_hints_open_one_after_another(lab: Lab) -> None:
    assert lab.hint("queue").startswith("Hint 1 of 3: ")
    assert len(lab.hint("queue").splitlines()) == 2
    assert lab.hint("queue").splitlines()[-1].startswith("Hint 3 of 3: ")
    assert lab.hint("queue").count("Hint 3") == 1
    assert lab.hint("replicas").count("Hint") == 1


def test_a_lab_without_its_folder_finds_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Lab(NAME).path == notebook_of(NAME, LABS)


@pytest.mark.parametrize("name", labs(LABS))
def test_a_whole_notebook_has_no_findings(name: str) -> None:
    assert findings(notebook_of(name, LABS)) == []


def test_deleted_copied_and_changed_cells_are_explained(lab: Lab) -> None:
    notebook = json.loads(lab.path.read_text())
    cells = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in notebook["cells"]}
    notebook["cells"].remove(cells["queue-once"])
    notebook["cells"].append(cells["queue-order"])
    cells["queue-again"]["source"] = "pass"
    cells["queue"]["source"] = "class WorkQueue: pass"
    stranger = json.loads(json.dumps(cells["queue-many"]))
    stranger["metadata"]["nbgrader"]["grade_id"] = "filters-all"
    notebook["cells"].append(stranger)
    lab.path.write_text(json.dumps(notebook))
    assert findings(lab.path) == [
        "The cell 'queue-order' is there 2 times: delete the copies, keep one.",
        "The cell 'queue-once' is missing: take it again from the lab as it was handed out.",
        "The cell 'queue-again' was changed; grading takes it as it was handed out.",
        "The cell 'filters-all' is not of this lab.",
    ]
    assert "! The cell 'queue-once' is missing" in lab.check("replicas", learner())
