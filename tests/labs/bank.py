"""The banks that prove the graders: wrong solutions that must lose points, right ones that must not.

tests/labs/LAB/PROBLEM/right.txt and mutants.txt hold solutions, each begun by a line `%% name: what it is`.  A mutant's
next line is `loses: queue-once, queue-again`: the graded cells that it fails, all of them.  What follows is

- the whole source of the task's cell, or
- an edit of the reference: lines beginning with "- " are replaced by the lines beginning with "+ " after them.  What is
  replaced must be there exactly once; it may be a part of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MARKERS = re.compile(r"^ *### (BEGIN|END) SOLUTION\n", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One solution of a problem."""

    name: str
    says: str
    loses: frozenset[str]
    source: str


def entries(lab: str, problem: str, kind: str, reference: str) -> list[Entry]:
    """The "right" ones or the "mutants" of a problem."""
    path = HERE / lab / problem / f"{kind}.txt"
    return list(_parsed(path.read_text(), kind == "mutants", reference, path)) if path.is_file() else []


def _parsed(text: str, mutants: bool, reference: str, path: Path) -> Iterator[Entry]:
    for block in re.split(r"^%% ", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        name, _, says = head.partition(": ")
        loses: frozenset[str] = frozenset()
        if mutants:
            line, _, body = body.partition("\n")
            assert line.startswith("loses: "), f"{path}: {name} does not say what it loses"
            loses = frozenset(line.removeprefix("loses: ").split(", "))
        body = body.strip("\n")
        source = edited(reference, body, f"{path.parent.name}/{name}") if is_edit(body) else body
        yield Entry(name, says, loses, source)


def is_edit(body: str) -> bool:
    return all(line[:2] in ("- ", "+ ", "-", "+") for line in body.splitlines() if line)


def edited(reference: str, edits: str, name: str) -> str:
    """The reference with each run of "- " lines replaced by the run of "+ " lines after it."""
    source = MARKERS.sub("", reference)
    for old, new in re.findall(r"((?:^-.*\n?)+)((?:^\+.*\n?)*)", edits, re.MULTILINE):
        was, becomes = ("\n".join(line[2:] for line in part.splitlines()) for part in (old, new))
        assert source.count(was) == 1, f"{name}: {source.count(was)} times in the reference: {was!r}"
        source = source.replace(was, becomes)
    return source
