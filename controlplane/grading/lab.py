"""Inside a lab: `%check queue` runs the visible tests of a problem, `%hint queue` opens its next hint.

The first cell of a lab is

    from controlplane.grading.lab import check, open_lab

    open_lab("lab-03-controllers")
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from IPython import get_ipython

from controlplane.grading.check import check
from controlplane.grading.run import Outcome, run
from controlplane.grading.source import LABS, LabSource, Problem, notebook_of, read
from controlplane.grading.whole import findings

__all__ = ["check", "Lab", "open_lab", "scoreboard"]


class Lab:
    """The lab that is open: its notebook, beside which its hints are, and how many of those were opened."""

    def __init__(self, name: str) -> None:
        here = Path(f"{name}.ipynb")
        self.path = here if here.is_file() else notebook_of(name, LABS)
        self.opened: dict[str, int] = {}

    def source(self) -> LabSource:
        return read(self.path)

    def hint(self, problem: str) -> str:
        """The next of a problem's hints, after those that are open already.  Hints cost nothing."""
        name = self.source()[problem].name
        texts: list[str] = tomllib.loads((self.path.parent / "hints.toml").read_text())[name]
        opened = self.opened[name] = min(self.opened.get(name, 0) + 1, len(texts))
        lines = [f"Hint {number} of {len(texts)}: {text.strip()}" for number, text in enumerate(texts[:opened], 1)]
        return "\n".join(lines)

    def check(self, problem: str, names: dict[str, Any]) -> str:
        """The scoreboard of a problem, or of all for "", with the learner's `names`; what ails the notebook."""
        source = self.source()
        problems = [source[problem]] if problem else source.problems
        boards = [scoreboard(p, [run(cell, dict(names)) for cell in p.graded]) for p in problems]
        return "\n".join([*boards, *(f"! {finding}" for finding in findings(self.path)), MORE])


MORE = "These are the visible tests. Grading tries the same behaviours with other data, too."


def scoreboard(problem: Problem, outcomes: list[Outcome]) -> str:
    """A line for each behaviour, and below it what went wrong."""
    scored = sum(outcome.points for outcome in outcomes)
    lines = [f"{problem.name}: {scored:g} of {problem.points:g} points"]
    for outcome in outcomes:
        mark = "✗" if outcome.failure else "✓"
        lines.append(f"  {mark} {outcome.cell.points:g}  {outcome.cell.behaviour}")
        lines += [f"       {line}" for line in outcome.failure.splitlines()]
    return "\n".join(lines)


def open_lab(name: str) -> None:
    """Give the notebook `%check` and `%hint` for this lab."""
    lab, shell = Lab(name), get_ipython()
    if shell is None:
        return

    def say(what: Callable[[], str]) -> None:
        try:
            print(what())
        except KeyError as error:
            print(error.args[0])

    shell.register_magic_function(lambda line: say(lambda: lab.check(line.strip(), shell.user_ns)), "line", "check")
    shell.register_magic_function(lambda line: say(lambda: lab.hint(line.strip())), "line", "hint")
