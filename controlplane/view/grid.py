"""A table in colours: what each row has in each column.  HTML in a notebook, with the same as plain text beside it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

Rows = Mapping[str, Mapping[str, str]]
COLOURS = ("#ddf4ff", "#ffeff7", "#dafbe1", "#fff8c5", "#f6f8fa")  # light forms of the charts' colours
RED = "#ffebe9"
REFUSED = "✗"
CELL = "border:1px solid #d0d7de;padding:3px 9px;color:#1f2328;text-align:left;vertical-align:top"


def grid(rows: Rows, title: str) -> str:
    """Show `rows` (row -> column -> text); equal texts have equal colours, "✗ ..." is red, and "" is white.

    Returns the table as text.
    """
    from IPython.display import display

    plain = text(rows, title)
    display({"text/html": html(rows, title), "text/plain": plain}, raw=True)  # type: ignore[no-untyped-call]
    return plain


def text(rows: Rows, title: str) -> str:
    table = [[cell.replace("\n", " / ") for cell in row] for row in _table(rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)
    return "\n".join([title, *lines])


def html(rows: Rows, title: str) -> str:
    head, *body = _table(rows)
    texts = dict.fromkeys(cell for _, *cells in body for cell in cells if cell and not cell.startswith(REFUSED))
    colours = {cell: COLOURS[i % len(COLOURS)] for i, cell in enumerate(texts)}
    heads = "".join(f'<th scope="col" style="{CELL}">{escape(name)}</th>' for name in head)
    lines = (
        f'<tr><th scope="row" style="{CELL}">{escape(name)}</th>{"".join(_cell(cell, colours) for cell in cells)}</tr>'
        for name, *cells in body
    )
    return (
        '<figure style="margin:8px 0;max-width:960px;overflow-x:auto">'
        f'<figcaption style="margin-bottom:4px">{escape(title)}</figcaption>'
        '<table style="border-collapse:collapse;font:13px/1.4 system-ui,sans-serif;background:#fff">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></figure>"
    )


def _table(rows: Rows) -> list[list[str]]:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    return [["", *columns], *([name, *(row.get(column, "") for column in columns)] for name, row in rows.items())]


def _cell(text: str, colours: Mapping[str, str]) -> str:
    background = RED if text.startswith(REFUSED) else colours.get(text, "#fff")
    return f'<td style="{CELL};background:{background}">{escape(text).replace(chr(10), "<br>")}</td>'
