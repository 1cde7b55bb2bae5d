"""A lab's notebook, read: its problems, each with its task's cell, its graded cells, and what is given around them.

The roles of cells are nbgrader's own metadata:

- solution (and not graded): the task's cell, which the learner writes; its grade_id is the problem's name ("queue");
- grade: a graded cell of the problem before it, one behaviour; its grade_id is "queue-once";
- locked: given code, imports and helpers, that everything after it may use;
- none: the learner may play with it; grading does without.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOLUTIONS = ROOT / "solutions"
LABS = ROOT / "labs"


@dataclass(frozen=True)
class Graded:
    """A graded cell."""

    id: str
    points: float
    behaviour: str
    source: str


@dataclass(frozen=True)
class Problem:
    name: str
    solution: str  # the source of the task's cell
    given: tuple[str, ...]  # the sources of the given cells before its last graded cell
    graded: tuple[Graded, ...]

    @property
    def points(self) -> float:
        return sum(cell.points for cell in self.graded)


@dataclass(frozen=True)
class LabSource:
    name: str
    problems: tuple[Problem, ...]

    def __getitem__(self, name: str) -> Problem:
        for problem in self.problems:
            if problem.name == name:
                return problem
        raise KeyError(f"{self.name} has no problem {name!r}: there are {', '.join(p.name for p in self.problems)}")


def labs(folder: Path = SOLUTIONS) -> list[str]:
    """The names of the labs, in order."""
    return sorted(path.parent.name for path in folder.glob("lab-*/lab-*.ipynb"))


def notebook_of(lab: str, folder: Path = SOLUTIONS) -> Path:
    return folder / lab / f"{lab}.ipynb"


def read(path: Path) -> LabSource:
    """The problems of a lab's notebook, in order."""
    found: list[tuple[str, str, list[str], list[Graded]]] = []
    given: list[str] = []
    for source, role in _cells(path):
        if role.get("solution") and not role.get("grade"):
            found.append((role["grade_id"], source, [], []))
        elif role.get("grade") and found:
            _, _, before, graded = found[-1]
            before[:] = given
            graded.append(Graded(role["grade_id"], float(role["points"]), behaviour(source), source))
        elif role.get("locked"):
            given.append(source)
    problems = (Problem(name, source, tuple(before), tuple(graded)) for name, source, before, graded in found)
    return LabSource(path.stem, tuple(problems))


def behaviour(source: str) -> str:
    """What the docstring of a graded cell's test says."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef):
            return " ".join((ast.get_docstring(statement) or statement.name).split())
    return ""


def _cells(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"]), cell["metadata"].get("nbgrader", {})
