"""labs/ is what nbgrader makes of solutions/, and gives nothing away."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest

from controlplane.grading.release import generate
from controlplane.grading.source import LABS, SOLUTIONS, labs, notebook_of, read

HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".ipynb_checkpoints", "__pycache__"} & set(path.parts)
    }


@pytest.mark.parametrize("lab", labs())
def test_a_release_is_generated_byte_for_byte(lab: str, tmp_path: Path) -> None:
    generate(lab, tmp_path)
    made, committed = contents(tmp_path / lab), contents(LABS / lab)
    assert made.keys() == committed.keys()
    assert [name for name in made if made[name] != committed[name]] == [], "run `make labs`"


def test_every_release_has_a_source() -> None:
    assert labs(LABS) == labs(SOLUTIONS)


@pytest.mark.parametrize("lab", labs())
def test_no_solution_and_no_hidden_test_leaks(lab: str) -> None:
    """No line that only a solution or a hidden test has stands anywhere in the release."""
    source, released = notebook_of(lab).read_text(), "\n".join(text.decode() for text in contents(LABS / lab).values())
    assert not re.search("(BEGIN|END) (SOLUTION|HIDDEN TESTS)", released)
    cells = nbformat.reads(source, as_version=4).cells
    secret = [part for cell in cells for pattern in (HIDDEN, SOLUTION) for part in pattern.findall(cell.source)]
    assert secret
    handed_out = nbformat.read(notebook_of(lab, LABS), as_version=4).cells
    shown = {line.strip() for cell in handed_out for line in cell.source.split("\n")}
    visible = {line.strip() for cell in cells for line in HIDDEN.sub("", SOLUTION.sub("", cell.source)).split("\n")}
    leaked = {line.strip() for part in secret for line in part.split("\n") if len(line.strip()) > 12} & shown - visible
    assert leaked == set()


@pytest.mark.parametrize("lab", labs())
def test_a_source_is_committed_clean(lab: str) -> None:
    """No outputs, each task with a solution, each graded cell with hidden tests unless it says why not."""
    notebook = nbformat.read(notebook_of(lab), as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id
    for problem in read(notebook_of(lab)).problems:
        assert SOLUTION.search(problem.solution), problem.name
        assert any(HIDDEN.search(cell.source) for cell in problem.graded), problem.name


@pytest.mark.parametrize("lab", labs())
def test_each_problem_has_three_hints_without_its_solution(lab: str) -> None:
    hints = tomllib.loads((SOLUTIONS / lab / "hints.toml").read_text())
    problems = {problem.name: problem for problem in read(notebook_of(lab)).problems}
    assert hints.keys() == problems.keys()
    for name, texts in hints.items():
        assert len(texts) == 3
        code = {line.strip() for part in SOLUTION.findall(problems[name].solution) for line in part.split("\n")}
        assert not [line for line in code if len(line) > 20 and any(line in text for text in texts)]
