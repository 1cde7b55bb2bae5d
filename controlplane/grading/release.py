"""labs/ from solutions/, through nbgrader's own converter: `make labs`.

    python -m controlplane.grading.release [LAB ...]

The same source gives the same bytes: cells keep their ids, and nothing that nbgrader adds depends on the time.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

from controlplane.grading.source import LABS, ROOT, labs, notebook_of


def generate(lab: str, into: Path) -> None:
    """Write the release of a lab into the folder `into`/LAB, in the place of what is there."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        shutil.copytree(ROOT / "solutions" / lab, course / "solutions" / lab, ignore=shutil.ignore_patterns(".*"))
        config = Config(
            {
                "CourseDirectory": {
                    "root": folder,
                    "source_directory": "solutions",
                    "release_directory": "labs",
                    "assignment_id": lab,
                },
                "GenerateAssignment": {"no_database": True},
                "SaveCells": {"enabled": False},
            }
        )
        converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
        converter.log.setLevel("ERROR")
        converter.start()
        shutil.rmtree(into / lab, ignore_errors=True)
        shutil.copytree(course / "labs" / lab, into / lab)


def clean(path: Path) -> None:
    """Take the outputs that working on a lab's source left in it out again."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=kernel, language_info={"name": "python"})
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def main(names: list[str]) -> None:
    for lab in names or labs():
        clean(notebook_of(lab))
        generate(lab, LABS)
        print(lab, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
