"""What programs said when the notebooks were made is what the notebooks show: who lacks them sees the same."""

import json
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.execution import NOTEBOOKS

RECORDINGS = sorted((NOTEBOOKS / "recorded").glob("*.json"))


def text_shown(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_is_what_its_notebook_shows(path: Path) -> None:
    [notebook] = NOTEBOOKS.glob(f"{path.stem[:2]}-*.ipynb")
    shown = text_shown(nbformat.read(notebook, as_version=4))
    recorded: dict[str, str] = json.loads(path.read_text())
    assert recorded
    for command, said in recorded.items():
        assert command.removeprefix("etcdctl ") in shown
        assert said in shown or said.replace("\n", " / ") in shown
