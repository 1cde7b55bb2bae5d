"""Is a learner's notebook whole?  Cells that were deleted, copied or changed, told before handing in."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from controlplane.grading.source import LABS, SOLUTIONS, notebook_of

HIDDEN = re.compile(r"^ *### BEGIN HIDDEN TESTS.*?^ *### END HIDDEN TESTS\n?", re.DOTALL | re.MULTILINE)


def findings(path: Path) -> list[str]:
    """A sentence for everything about the saved notebook at `path` that would trouble grading."""
    wanted = _cells(_original(path.stem))
    found = _cells(path)
    counts = Counter(name for name, _, _ in found)
    sources = {name: source for name, source, _ in found}
    told = []
    for name, source, locked in wanted:
        if counts[name] == 0:
            told.append(f"The cell {name!r} is missing: take it again from the lab as it was handed out.")
        elif counts[name] > 1:
            told.append(f"The cell {name!r} is there {counts[name]} times: delete the copies, keep one.")
        elif locked and sources[name] != source:
            told.append(f"The cell {name!r} was changed; grading takes it as it was handed out.")
    known = {name for name, _, _ in wanted}
    return told + [f"The cell {name!r} is not of this lab." for name in counts if name not in known]


def _original(lab: str) -> Path:
    """The lab as it was handed out.  Of a release that the learner works in itself, the source tells it."""
    source = notebook_of(lab, SOLUTIONS)
    return source if source.is_file() else notebook_of(lab, LABS)


def _cells(path: Path) -> list[tuple[str, str, bool]]:
    """(grade id, source without hidden tests, locked) of the cells that grading knows."""
    cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    known = [(cell, cell["metadata"]["nbgrader"]) for cell in cells if "nbgrader" in cell["metadata"]]
    return [(role["grade_id"], _visible("".join(cell["source"])), not role["solution"]) for cell, role in known]


def _visible(source: str) -> str:
    return HIDDEN.sub("", source).rstrip()
