"""nbgrader makes labs/ from solutions/, without the solutions."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]


def test_a_release_has_no_solution(tmp_path: Path) -> None:
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    source = tmp_path / "solutions" / "lab-00" / "lab.ipynb"
    source.parent.mkdir(parents=True)
    cell = new_code_cell("def answer():\n    ### BEGIN SOLUTION\n    return 42\n    ### END SOLUTION")
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade": False,
        "grade_id": "answer",
        "locked": False,
        "solution": True,
        "task": False,
    }
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=[cell], metadata={"kernelspec": kernel}), source)
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "lab-00", "--create"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    released = nbformat.read(tmp_path / "labs" / "lab-00" / "lab.ipynb", as_version=4)
    assert "42" not in released.cells[0].source
    assert "NotImplementedError" in released.cells[0].source
