"""The figures of a good notebook hold, printed as a table; pictures can be read aloud, links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

from tests.notebooks.execution import NOTEBOOKS, notebooks
from tests.notebooks.figures import CATCH_UP, Figures, figures, pictures

COURSE = [
    *("00-map", "01-etcd", "02-apiserver", "03-controllers", "04-scheduler"),
    *("05-nodes", "06-services", "07-ingress", "08-two-node-cluster", "09-live-cluster"),
]
LABS = [
    *("lab-01-etcd", "lab-02-apiserver", "lab-03-controllers", "lab-04-scheduler", "lab-05-nodes"),
    *("lab-06-services", "lab-07-ingress", "lab-08-capstone", "lab-09-live"),
]
TO_COME = {NOTEBOOKS / f"{name}.ipynb" for name in COURSE}  # a link to one that is not written yet is no error
TO_COME |= {NOTEBOOKS.parent / "labs" / name / f"{name}.ipynb" for name in LABS}
FIRST_FORMS = {"00-map", "08-two-node-cluster"}  # short, until they are written in full; the last test says when
BOUNDS = {
    "code_cells": (20, 30),
    "median_lines": (1, 6),
    "ninth_decile": (1, 20),
    "longest": (1, 40),
    "words": (1500, 2000),
    "after_prose": (0.9, 1.0),
    "cells_per_picture": (1.0, 3.5),
    "exercises": (3, 3),
    "questions": (5, 5),
}
SLIDES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
LEAST_ALT = 20  # characters that say what a picture shows
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")
SECTION = re.compile(r"^## (\d+)\. (.*)$", re.MULTILINE)

every = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
in_full = pytest.mark.parametrize(
    "path", [path for path in notebooks() if path.stem not in FIRST_FORMS], ids=lambda path: path.stem
)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def outside(found: Figures) -> list[str]:
    """The figures that are out of bounds."""
    return [
        f"{name} is {getattr(found, name):g}: {low:g} to {high:g} are wanted"
        for name, (low, high) in BOUNDS.items()
        if not low <= getattr(found, name) <= high
    ]


def prose(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_the_table_of_figures(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["notebook", *(name.replace("_", " ") for name in BOUNDS)]]
    for path in notebooks():
        found = figures(read(path))
        name = path.stem + (" (first form)" if path.stem in FIRST_FORMS else "")
        rows.append([name, *(f"{getattr(found, figure):.3g}".removesuffix(".0") for figure in BOUNDS)])
        rows[-1][1 + list(BOUNDS).index("words")] = str(found.words)
    rows.append(["wanted", *(f"{low:g} to {high:g}" for low, high in BOUNDS.values())])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    with capsys.disabled():
        print()
        for row in rows:
            print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@in_full
def test_the_figures_hold(path: Path) -> None:
    assert outside(figures(read(path))) == []


@every
def test_every_picture_has_an_alternative_text(path: Path) -> None:
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for output in pictures(cell):
                images = [mime for mime in output.data if mime.startswith("image/")]
                texts = [output.metadata.get(mime, {}).get("alt", "") for mime in images]
                texts += re.findall(r'(?:alt|aria-label)="([^"]*)"', output.data.get("text/html", ""))
                texts += re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", output.data.get("text/html", ""), re.DOTALL)
                assert texts and all(len(text) >= LEAST_ALT for text in texts), f"{cell.source}\n{texts}"
    for text in prose(notebook):
        for alt in re.findall(r"!\[([^\]]*)\]", text):
            assert len(alt) >= LEAST_ALT, f"a picture with the alternative text {alt!r}"


def links(notebook: nbformat.NotebookNode) -> Iterator[str]:
    texts = prose(notebook)
    texts += [
        output.data["text/markdown"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/markdown" in output.get("data", {})
    ]
    for text in texts:
        for match in LINK.finditer(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
            yield match[1] or match[2]


def anchors(path: Path) -> set[str]:
    """What a link can point to in a notebook or a Markdown file: its headings, as ids."""
    text = "\n".join(prose(read(path))) if path.suffix == ".ipynb" else path.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    github = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return github | {heading.replace(" ", "-") for heading in headings}


@every
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(read(path)):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            assert parts.scheme == "https" and re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), link
            continue
        target = (path.parent / parts.path).resolve() if parts.path else path
        if target in TO_COME and not target.exists():
            continue
        assert target.exists(), f"{link}: there is no {target}"
        assert target.is_relative_to(NOTEBOOKS.parent), f"{link} leaves the project"
        if parts.fragment:
            assert parts.fragment in anchors(target), f"{link}: the anchors are {sorted(anchors(target))}"


@in_full
def test_every_cell_says_what_it_is_in_a_slide_deck(path: Path) -> None:
    for cell in read(path).cells:
        assert cell.metadata.get("slideshow", {}).get("slide_type") in SLIDES, cell.source


@in_full
def test_sections_say_how_long_they_take(path: Path) -> None:
    sections = SECTION.findall("\n".join(prose(read(path))))
    assert [int(number) for number, _ in sections] == list(range(1, len(sections) + 1))
    for number, title in sections:
        assert re.search(r"\(\d+ minutes\)$", title), f"section {number}: {title}"


@in_full
def test_a_catch_up_cell_stands_at_the_start_of_every_section(path: Path) -> None:
    first: dict[str, nbformat.NotebookNode] = {}
    section = ""
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            section = ([section] + [number for number, _ in SECTION.findall(cell.source)])[-1]
        elif section not in ("", "1"):
            first.setdefault(section, cell)
    for number, cell in first.items():
        assert CATCH_UP in cell.metadata.get("tags", []), f"section {number} begins with {cell.source!r}"


@pytest.mark.parametrize("name", sorted(FIRST_FORMS))
def test_a_first_form_is_still_short(name: str) -> None:
    assert outside(figures(read(NOTEBOOKS / f"{name}.ipynb"))), f"{name} is written in full: take it off FIRST_FORMS"
