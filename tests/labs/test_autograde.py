"""The same scores from nbgrader itself: its own command's way, a kernel and a gradebook."""

import logging
import shutil
from pathlib import Path

import nbformat
import pytest

from controlplane.grading.source import ROOT, labs, notebook_of, read
from tests.labs.bank import entries

NOISE = "import logging, sys\nlogging.basicConfig()\nlogging.error('noise')\nprint('noise', file=sys.stderr)\n"


def submission(lab: str, solutions: dict[str, str]) -> nbformat.NotebookNode:
    """The release with the tasks' cells written."""
    notebook = nbformat.read(notebook_of(lab, ROOT / "labs"), as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in solutions:
            cell.source = solutions[name]
    return notebook


@pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's own queries
@pytest.mark.parametrize("lab", labs())
def test_nbgrader_gives_the_same_scores(lab: str, tmp_path: Path) -> None:
    """Right and noisy on stderr: full points.  Untouched: none.  One mutant of each problem: what it must lose.

    The last two in the first lab only: they cost a kernel each, and test_banks.py has them for all labs.
    """
    from nbgrader.api import Gradebook
    from nbgrader.converters import Autograde, GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    source = read(notebook_of(lab))
    mutants = {p.name: entries(lab, p.name, "mutants", p.solution)[0] for p in source.problems}
    handed_in = {
        "right": {p.name: NOISE + p.solution for p in source.problems},
        "untouched": {},
        "mutants": {name: mutant.source for name, mutant in mutants.items()},
    }
    if lab != labs()[0]:
        handed_in = {"right": handed_in["right"]}
    shutil.copytree(ROOT / "solutions" / lab, tmp_path / "solutions" / lab)
    for student, solutions in handed_in.items():
        path = tmp_path / "submitted" / student / lab / f"{lab}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(submission(lab, solutions), path)
    config = Config(
        {
            "CourseDirectory": {"root": str(tmp_path), "source_directory": "solutions", "assignment_id": lab},
            "OverwriteCells": {"add_missing_cells": True},
        }
    )
    for converter in (GenerateAssignment, Autograde):
        made = converter(coursedir=CourseDirectory(config=config), config=config)
        made.log.setLevel(logging.ERROR)
        made.start()
    graded = nbformat.read(tmp_path / "autograded" / "right" / lab / f"{lab}.ipynb", as_version=4)
    outputs = [(cell.id, output) for cell in graded.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [(name, output.evalue) for name, output in outputs if output.output_type == "error"] == []
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        for student in handed_in:
            grades = gradebook.find_submission(lab, student).notebooks[0].grades
            lost = {grade.name for grade in grades if grade.auto_score == 0}
            assert not any(grade.needs_manual_grade for grade in grades)
            wanted = {
                "right": set(),
                "untouched": {cell.id for p in source.problems for cell in p.graded},
                "mutants": {cell for mutant in mutants.values() for cell in mutant.loses},
            }[student]
            assert lost == wanted, student
