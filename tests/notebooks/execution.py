"""Executing a notebook from the top on a fresh kernel, and comparing what it shows with what is committed.

Outputs are compared as they are, less what differs from one run to the next although nothing changed:

- how printed text was cut into messages (neighbouring pieces of one stream are joined);
- the bytes of images, which depend on versions of fonts and libraries (that there is one, and its type, counts);
- live widgets, whose identifiers are random and whose state dies with the kernel (not kept in the file);
- the frames of a traceback, which name files of one machine (the error and its message count, and are kept).
"""

import difflib
import json
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
SECONDS_PER_CELL = 120


def notebooks() -> list[Path]:
    """The course's notebooks, in reading order."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook of a file with the outputs that a fresh kernel gives."""
    return run(nbformat.read(path, as_version=4), path.parent)


def run(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """The same notebook after a fresh kernel, started in `folder`, has executed it.

    Raises CellExecutionError for an error in a cell that does not have the tag raises-exception.
    """
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _tidy(cell.outputs)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata.update(kernelspec=kernel, language_info={"name": "python"})
    return notebook


def differences(committed: nbformat.NotebookNode, fresh: nbformat.NotebookNode) -> list[str]:
    """One text for each cell whose committed outputs are not what it gives now."""
    found = []
    for number, (old, new) in enumerate(zip(committed.cells, fresh.cells, strict=True)):
        if old.cell_type == "code" and _comparable(old) != _comparable(new):
            lines = difflib.unified_diff(_comparable(old), _comparable(new), "committed", "executed now", lineterm="")
            found.append("\n".join([f"cell {number}: {old.source.partition(chr(10))[0]}", *lines]))
    return found


def _tidy(outputs: list[Any]) -> list[Any]:
    """The outputs as they are kept in the file."""
    tidy: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and tidy and tidy[-1].get("name") == output.name:
            tidy[-1].text += output.text
        elif output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]
            tidy.append(output)
        elif WIDGET not in output.get("data", {}):
            tidy.append(output)
    return tidy


def _comparable(cell: nbformat.NotebookNode) -> list[str]:
    """A cell's number and outputs as lines of text."""
    outputs = []
    for output in _tidy(nbformat.from_dict({"outputs": cell.outputs}).outputs):
        data = {
            mime: "an image" if mime.startswith("image/") else value for mime, value in output.get("data", {}).items()
        }
        outputs.append({**output, "data": data})
    text = json.dumps([cell.execution_count, outputs], indent=1, sort_keys=True, ensure_ascii=False)
    return text.replace("\\n", "\n").splitlines()
