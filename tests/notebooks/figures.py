"""The figures of a notebook: how much code, how much prose, how many pictures."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from statistics import median

import nbformat

CATCH_UP = "catch-up"
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\([^)]*\)")
TAG = re.compile(r"<[^>]+>")
DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)


@dataclass(frozen=True)
class Figures:
    """What STYLE.md speaks of.  Cells that let a reader catch up are no part of the reading, and are not counted."""

    code_cells: int
    median_lines: float
    ninth_decile: int  # nine cells in ten have at most so many lines
    longest: int
    words: int  # in markdown, without code, links' targets and tags
    after_prose: float  # the share of code cells straight after prose
    pictures: int
    exercises: int  # folded answers under the heading "Exercises"
    questions: int  # folded answers under the heading "Self-check"

    @property
    def cells_per_picture(self) -> float:
        return self.code_cells / max(self.pictures, 1)


def figures(notebook: nbformat.NotebookNode) -> Figures:
    cells = [cell for cell in notebook.cells if CATCH_UP not in cell.metadata.get("tags", [])]
    code = [cell for cell in cells if cell.cell_type == "code"]
    lines = sorted(lines_of(cell.source) for cell in code)
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    follows = sum(
        cell.cell_type == "code" and number > 0 and cells[number - 1].cell_type == "markdown"
        for number, cell in enumerate(cells)
    )
    return Figures(
        code_cells=len(code),
        median_lines=median(lines),
        ninth_decile=lines[ceil(len(lines) * 0.9) - 1],
        longest=lines[-1],
        words=sum(map(words_of, prose)),
        after_prose=follows / len(code),
        pictures=sum(1 for cell in code for _ in pictures(cell)) + sum(text.count("![") for text in prose),
        exercises=len(DETAILS.findall(section(prose, "Exercises"))),
        questions=len(DETAILS.findall(section(prose, "Self-check"))),
    )


def lines_of(source: str) -> int:
    """Lines of code that are not empty."""
    return sum(bool(line.strip()) for line in source.splitlines())


def words_of(text: str) -> int:
    text = LINK.sub(r"\1", FENCE.sub("", text))
    return len([word for word in TAG.sub(" ", text).split() if re.search(r"\w", word)])


def pictures(cell: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """The outputs of a code cell that are pictures: images, and drawings in HTML."""
    for output in cell.outputs:
        data = output.get("data", {})
        if any(mime.startswith("image/") for mime in data) or "<figure" in data.get("text/html", ""):
            yield output


def section(prose: list[str], title: str) -> str:
    """What stands under the heading that ends with `title`, up to the next of its level; "" if there is none."""
    found = re.search(rf"^(#+) [^\n]*{title}[^\n]*\n(.*?)(?=^\1 |\Z)", "\n".join(prose), re.MULTILINE | re.DOTALL)
    return found[2] if found else ""
