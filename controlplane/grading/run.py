"""Running graded cells in this process, as nbgrader does in a kernel: in one namespace, one after another."""

from __future__ import annotations

import contextlib
import functools
import io
from dataclasses import dataclass
from types import CodeType
from typing import Any

from controlplane.grading.check import Failed
from controlplane.grading.source import Graded, Problem


@dataclass(frozen=True)
class Outcome:
    """What became of a graded cell: `failure` is "" if the behaviour is there."""

    cell: Graded
    failure: str

    @property
    def points(self) -> float:
        return 0 if self.failure else self.cell.points


def grade(problem: Problem, solution: str) -> list[Outcome]:
    """Run the given cells, `solution` in the place of the task's cell, and the graded cells.

    A solution that raises (the cell does not even define its names) goes on to its graded cells, as nbgrader does.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for source in problem.given:
            exec(compiled(source, "given"), namespace)
        with contextlib.suppress(Exception, SystemExit):
            exec(compiled(solution, problem.name), namespace)
    return [run(cell, namespace) for cell in problem.graded]


def run(cell: Graded, namespace: dict[str, Any]) -> Outcome:
    """Run one graded cell in a namespace; what it prints is lost."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compiled(cell.source, cell.id), namespace)
    except Failed as failure:
        return Outcome(cell, failure.sentence)
    except Exception as error:  # a mistake of the cell itself
        return Outcome(cell, f"The check itself broke: {type(error).__name__}: {error}")
    return Outcome(cell, "")


@functools.cache
def compiled(source: str, name: str) -> CodeType:
    return compile(source, f"<{name}>", "exec")
