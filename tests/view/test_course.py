"""Catching up at the start of a section, and showing source."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython
import pytest

from controlplane.clock import parse_duration
from controlplane.view import course

CELLS = [
    ("markdown", "# A notebook"),
    ("markdown", "## 1. First (5 minutes)\n\nText."),
    (
        "code",
        "import math\nLIMIT = 3\nwritten = []\nwritten.append(1 / 0)\n\n\ndef area(r):\n    return math.pi * r * r",
    ),
    ("code", "%magic"),
    ("code", "shop = [LIMIT]\nshop.append(4)\nprint(shop)"),
    ("markdown", "Prose.\n\n## 2. Second (5 minutes)"),
    ("code", "def later():\n    pass"),
]


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the reader's kernel knows; the notebook is in the current folder."""
    cells = [
        {
            "cell_type": kind,
            "source": source.splitlines(keepends=True),
            "metadata": {"tags": ["keep"]} if "shop" in source else {},
        }
        for kind, source in CELLS
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(user_ns=names))
    return names


def test_definitions_of_earlier_sections_are_there(
    namespace: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    course.catch_up("a.ipynb", "2")
    assert namespace["LIMIT"] == 3 and round(namespace["area"](1), 2) == 3.14
    assert "notes" not in namespace and "later" not in namespace
    assert namespace["shop"] == [3, 4]
    assert capsys.readouterr().out == "Caught up to section 2: math, LIMIT, area, shop\n"


def test_what_the_reader_defined_stays(namespace: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    namespace |= {"math": None, "LIMIT": 7, "area": None, "shop": []}
    course.catch_up("a.ipynb", "2")
    assert namespace["LIMIT"] == 7 and namespace["shop"] == []
    assert capsys.readouterr().out == ""


def test_a_section_that_is_not_there(namespace: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match=r"a\.ipynb has no section 3"):
        course.catch_up("a.ipynb", "3")


def test_source_is_shown_with_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    course.source(parse_duration)
    [markdown] = shown
    assert markdown.data.startswith(
        "[`controlplane/clock.py`](../controlplane/clock.py), `parse_duration`:\n\n```python\ndef parse_duration("
    )
