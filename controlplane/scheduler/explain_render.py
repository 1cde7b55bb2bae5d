"""A decision as text and as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controlplane.scheduler.explain import Decision

FIGURE = "margin:8px 0;background:#fff;color:#1f2328;max-width:100%;overflow-x:auto"


def headline(decision: Decision) -> str:
    if decision.winner:
        return f"Pod {decision.pod} goes to {decision.winner}: {decision.message}"
    return f"Pod {decision.pod} was refused: {decision.message}"


def _rows(decision: Decision) -> tuple[list[str], list[list[str]]]:
    """(head, rows): a row for each node, the best first; columns for the filters, each score, the total, refusals."""
    plugins = list(decision.scores)
    head = ["node", "filters", *(f"{name} ×{decision.scores[name].weight}" for name in plugins)]
    if plugins:
        head.append("total")
    refusals = any(decision.refusals.values())
    if refusals:
        head.append("why not")
    order = sorted(
        decision.refusals,
        key=lambda node: (decision.refusals[node] is not None, node != decision.winner, -_total(decision, node)),
    )
    rows = []
    for node in order:
        status = decision.refusals[node]
        if status is not None:
            rows.append([node, status.plugin, *([""] * (len(head) - 3)), status.message])
            continue
        row = [node, "passed"]
        for name in plugins:
            scores = decision.scores[name]
            raw, normalized = scores.raw[node], scores.normalized[node]
            row.append(f"{normalized}" if raw == normalized else f"{normalized} ({raw})")
        if plugins:
            row.append(str(decision.total(node)))
        rows.append([*row, ""] if refusals else row)
    return head, rows


def _total(decision: Decision, node: str) -> int:
    return decision.total(node) if decision.scores and decision.refusals[node] is None else 0


def text(decision: Decision) -> str:
    """The table with columns lined up; a raw score stands in brackets where NormalizeScore changed it."""
    head, rows = _rows(decision)
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [headline(decision), ""]
    for row in [head, *rows]:
        lines.append(
            "  ".join(
                cell.ljust(width) if i < 2 or head[i] == "why not" else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )
    help = decision.what_would_help()
    if help:
        lines += ["", "What would have to change:", *(f"  {line}" for line in help)]
    return "\n".join(lines)


def html(decision: Decision) -> str:
    """The same as a table for a notebook: the winner in bold, refused nodes in grey, the darker the higher a score."""
    head, rows = _rows(decision)
    parts = [
        f'<figure style="{FIGURE}"><figcaption>{escape(headline(decision))}</figcaption>',
        '<table class="scheduler-decision"><thead><tr>',
        *(f'<th scope="col">{escape(cell)}</th>' for cell in head),
        "</tr></thead><tbody>",
    ]
    for row in rows:
        refused = decision.refusals[row[0]] is not None
        weight = "font-weight:bold;" if row[0] == decision.winner else "color:#57606a;" if refused else ""
        shades = ["", "", *(decision.scores[name].normalized.get(row[0]) for name in decision.scores)]
        cells = (
            f'<td style="{weight}{_shade(shades[i]) if i < len(shades) and not refused else ""}">{escape(cell)}</td>'
            for i, cell in enumerate(row)
        )
        parts += ["<tr>", *cells, "</tr>"]
    parts.append("</tbody></table>")
    help = decision.what_would_help()
    if help:
        parts += ["<p>What would have to change:</p><ul>", *(f"<li>{escape(line)}</li>" for line in help), "</ul>"]
    return "".join([*parts, "</figure>"])


def _shade(score: int | str | None) -> str:
    """White for 0, and bluer up to 100; light enough for dark letters."""
    if not isinstance(score, int):
        return ""
    return f"background:hsl(210 100% {100 - max(0, min(score, 100)) * 0.22:.0f}%)"
