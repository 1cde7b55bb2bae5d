"""What the notebooks of the course share: catching up at the start of a section, and reading the package's source."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
KEEP = "keep"  # the tag of a cell whose outcome later sections need


def catch_up(notebook: str, section: str) -> None:
    """Define what the sections before `section` ("3") of the notebook file define, where that is still missing.

    Of the code cells above the heading "## 3. ..." the imports, functions, classes and CONSTANTS are taken; of cells
    with the tag "keep", everything.  Nothing else is run, and what the reader has defined already stays.
    """
    from IPython import get_ipython

    known: dict[str, Any] = get_ipython().user_ns
    added: list[str] = []
    for names, code in definitions(cells_before(notebook, section)):
        if any(name not in known for name in names):
            with redirect_stdout(StringIO()):
                exec(compile(ast.Module(code, []), notebook, "exec"), known)
            added += names
    if added:
        print(f"Caught up to section {section}: {', '.join(dict.fromkeys(added))}")


class Cell(NamedTuple):
    source: str
    keep: bool  # is all of it needed later?


def cells_before(notebook: str, section: str) -> list[Cell]:
    """The code cells above the heading of a section.  LookupError if the notebook has no such section."""
    found = []
    for cell in json.loads(Path(notebook).read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            found.append(Cell(source, KEEP in cell["metadata"].get("tags", [])))
        elif f"\n## {section}. " in f"\n{source}":
            return found
    raise LookupError(f"{notebook} has no section {section}")


def definitions(cells: list[Cell]) -> Iterator[tuple[list[str], list[ast.stmt]]]:
    """What the cells define: (names, the code that does).  A cell that is not plain Python is passed over."""
    for cell in cells:
        try:
            statements = ast.parse(cell.source).body
        except SyntaxError:
            continue
        if cell.keep:
            yield [name for statement in statements for name in bound(statement, everything=True)], statements
        else:
            yield from ((names, [statement]) for statement in statements if (names := bound(statement)))


def bound(statement: ast.stmt, everything: bool = False) -> list[str]:
    """The names that an import, function, class or CONSTANT (or any assignment, with `everything`) defines."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        return [name for name in names if everything or name.isupper()]
    return []


def source(*things: Callable[..., Any]) -> None:
    """Show the source of functions, methods or classes as it is on disk now, with a link to the file they are in."""
    from IPython.display import Markdown, display

    for thing in things:
        file = Path(inspect.getsourcefile(thing) or "")
        name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
        text = dedent(inspect.getsource(thing)).rstrip()
        shown = f"[`{name}`](../{name}), `{thing.__qualname__}`:\n\n```python\n{text}\n```"
        display(Markdown(shown))  # type: ignore[no-untyped-call]
