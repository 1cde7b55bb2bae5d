"""What the figures of a notebook count."""

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks.figures import figures, section, words_of

PICTURE = new_output("display_data", data={"image/png": "iVBORw0KGgo="})
DRAWING = new_output("execute_result", data={"text/html": "<figure></figure>"})


def code(lines: int, *outputs: Any, **metadata: Any) -> Any:
    return new_code_cell("\n\n".join(["pass"] * lines), outputs=list(outputs), metadata=metadata)


def test_a_notebook() -> None:
    found = figures(
        new_notebook(
            cells=[
                new_markdown_cell("Two words."),
                code(50, tags=["catch-up"]),
                code(2, PICTURE),
                code(7),
                new_markdown_cell("## Exercises\n<details>a</details>\n<details>b</details>"),
                code(3, DRAWING),
                new_markdown_cell("## Self-check\n<details>c</details>\n## More"),
            ]
        )
    )
    assert (found.code_cells, found.median_lines, found.ninth_decile, found.longest) == (3, 3, 7, 7)
    assert (found.pictures, found.cells_per_picture, found.after_prose) == (2, 1.5, 2 / 3)
    assert (found.exercises, found.questions) == (2, 1)
    assert found.words == 2 + 3 + 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one two-three, 25 %", 3),
        ("read [the long story](https://kubernetes.io/docs/a b) now", 5),
        ("before\n\n```python\nnot = counted\n```\n\nafter", 2),
        ("<details><summary>Answer</summary>Yes.</details>", 2),
        ("| a | b |\n| --- | --- |\n| c | d |", 4),
    ],
)
def test_words(text: str, words: int) -> None:
    assert words_of(text) == words


def test_a_section_ends_at_the_next_heading_of_its_level() -> None:
    prose = ["# Title", "## 8. Exercises\n\na\n\n### One\n\nb", "## Recap\n\nc"]
    assert section(prose, "Exercises").split() == ["a", "###", "One", "b"]
    assert section(prose, "Recap").split() == ["c"]
    assert section(prose, "Lab") == ""
