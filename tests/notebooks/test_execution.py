"""The comparison itself: what counts as a difference and what does not."""

from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks.execution import differences, executed

PNG = "iVBORw0KGgo="


def notebook(*outputs: nbformat.NotebookNode, source: str = "show()") -> nbformat.NotebookNode:
    return new_notebook(
        cells=[new_markdown_cell("# Title"), new_code_cell(source, outputs=list(outputs), execution_count=1)]
    )


def text(content: str, name: str = "stdout") -> nbformat.NotebookNode:
    return new_output("stream", name=name, text=content)


def shown(**data: str) -> nbformat.NotebookNode:
    return new_output("display_data", data={mime.replace("_", "/"): value for mime, value in data.items()})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([text("a\nb\n")], [text("a\n"), text("b\n")]),
        ([shown(image_png=PNG, text_plain="<Figure>")], [shown(image_png="other", text_plain="<Figure>")]),
        ([], [new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "1"}})]),
    ],
    ids=["text in pieces", "another image", "a widget"],
)
def test_the_same(old: list[nbformat.NotebookNode], new: list[nbformat.NotebookNode]) -> None:
    assert differences(notebook(*old), notebook(*new)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([text("a\n")], [text("b\n")]),
        ([text("a\n")], [text("a\n", "stderr")]),
        ([text("a\n")], []),
        ([shown(image_png=PNG)], [shown(text_plain="x")]),
        ([shown(image_png=PNG)], [shown(image_jpeg=PNG)]),
        ([shown(text_html="<b>1</b>")], [shown(text_html="<b>2</b>")]),
    ],
    ids=["text", "stream", "nothing", "no image", "image of another type", "HTML"],
)
def test_not_the_same(old: list[nbformat.NotebookNode], new: list[nbformat.NotebookNode]) -> None:
    [difference] = differences(notebook(*old), notebook(*new))
    assert difference.startswith("cell 1: show()\n")


def test_execution_gives_the_outputs_of_a_fresh_kernel(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    nbformat.write(notebook(text("stale"), source="print(1, end='')\nprint(2)\n1 + 1"), path)
    fresh = executed(path)
    assert [output.get("text") or output.data for output in fresh.cells[1].outputs] == ["12\n", {"text/plain": "2"}]
    nbformat.write(fresh, path)
    assert differences(nbformat.read(path, as_version=4), executed(path)) == []


def test_an_error_is_reported_unless_the_cell_announces_it(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    wrong = notebook(source="raise ValueError('no such node')")
    nbformat.write(wrong, path)
    with pytest.raises(CellExecutionError, match="no such node"):
        executed(path)
    wrong.cells[1].metadata["tags"] = ["raises-exception"]
    nbformat.write(wrong, path)
    [output] = executed(path).cells[1].outputs
    assert output.traceback == ["ValueError: no such node"]
