"""Is a learner's notebook whole?  Cells that were deleted, copied or changed, told before handing in."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from controlplane.grading.source import LABS, notebook_of


def findings(path: Path) -> list[str]:
    """A sentence for everything about the saved notebook at `path` that would trouble grading."""
    release = notebook_of(path.stem, LABS)
    if not release.is_file() or release.resolve() == path.resolve():
        return []
    wanted, found = _cells(release), _cells(path)
    counts = Counter(name for name, _, _ in found)
    original = {name: source for name, source, _ in wanted}
    told = []
    for name, _, locked in wanted:
        if counts[name] == 0:
            told.append(f"The cell {name!r} is missing: take it again from the lab as it was handed out.")
        elif counts[name] > 1:
            told.append(f"The cell {name!r} is there {counts[name]} times: delete the copies, keep one.")
        elif locked and any(source != original[name] for other, source, _ in found if other == name):
            told.append(f"The cell {name!r} was changed; grading takes it as it was handed out.")
    told += [f"The cell {name!r} is not of this lab." for name in counts if name not in original]
    return told


def _cells(path: Path) -> list[tuple[str, str, bool]]:
    """(grade id, source, locked) of the cells that grading knows."""
    cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    known = [(cell, cell["metadata"]["nbgrader"]) for cell in cells if "nbgrader" in cell["metadata"]]
    return [(role["grade_id"], "".join(cell["source"]), not role["solution"]) for cell, role in known]
