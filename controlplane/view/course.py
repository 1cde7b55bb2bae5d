"""What the notebooks of the course share: catching up at the start of a section, and reading the package's source."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parents[2]


def catch_up(notebook: str, section: str) -> None:
    """Define what the sections before `section` ("3") of the notebook file define, where that is still missing.

    Of the code cells above the heading "## 3. ..." the imports, functions, classes and CONSTANTS are taken; nothing
    else of them is run, and what the reader has defined already stays.
    """
    from IPython import get_ipython

    known: dict[str, Any] = get_ipython().user_ns
    added: list[str] = []
    for statement in definitions(cells_before(notebook, section)):
        names = bound(statement)
        if any(name not in known for name in names):
            exec(compile(ast.Module([statement], []), notebook, "exec"), known)
            added += names
    if added:
        print(f"Caught up to section {section}: {', '.join(dict.fromkeys(added))}")


def cells_before(notebook: str, section: str) -> list[str]:
    """The code cells above the heading of a section.  LookupError if the notebook has no such section."""
    sources = []
    for cell in json.loads(Path(notebook).read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            sources.append(source)
        elif f"\n## {section}. " in f"\n{source}":
            return sources
    raise LookupError(f"{notebook} has no section {section}")


def definitions(sources: list[str]) -> Iterator[ast.stmt]:
    """The statements of code cells that only define something; a cell that is not plain Python is passed over."""
    for source in sources:
        try:
            statements = ast.parse(source).body
        except SyntaxError:
            continue
        yield from (statement for statement in statements if bound(statement))


def bound(statement: ast.stmt) -> list[str]:
    """The names that an import, function, class or CONSTANT defines; none for any other statement."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name) and target.id.isupper()]
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
