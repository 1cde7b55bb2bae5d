"""Who fell behind joins at the start of any section: each one runs by itself after its catch-up cell."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebooks.execution import notebooks, run
from tests.notebooks.figures import CATCH_UP


def sections(notebook: nbformat.NotebookNode) -> list[list[nbformat.NotebookNode]]:
    """The code cells, parted before each catch-up cell."""
    parts: list[list[nbformat.NotebookNode]] = [[]]
    for cell in notebook.cells:
        if CATCH_UP in cell.metadata.get("tags", []):
            parts.append([])
        if cell.cell_type == "code":
            parts[-1].append(cell)
    return parts


JOINED = [path for path in notebooks() if len(sections(nbformat.read(path, as_version=4))) > 1]


@pytest.mark.parametrize("path", JOINED, ids=lambda path: path.stem)
def test_every_section_can_be_joined(path: Path) -> None:
    cells = []
    for section in sections(nbformat.read(path, as_version=4))[1:]:
        cells += [new_code_cell("%reset -f"), *section]
    run(new_notebook(cells=cells), path.parent)
