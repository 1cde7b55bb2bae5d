"""What lasted from when to when, a row for each: attempts of a container, the stages of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from controlplane.view.charts import COLOURS, figure_of, show
from controlplane.view.steps import Series

Spans = Mapping[str, Sequence[tuple[float, float]]]  # row -> (from, to) of everything in it
GREY = "#57606a"
TOLD = 12  # spans of a row that the alternative text names
VISIBLE = 0.002  # of the width, that a span has at least


def held(series: Series) -> dict[str, list[tuple[float, float]]]:
    """From when to when each measure of a record was not zero."""
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in series}
    for name, points in series.items():
        for (at, value), (until, _) in pairwise(points):
            if value and rows[name] and rows[name][-1][1] == at:
                rows[name][-1] = (rows[name][-1][0], until)
            elif value:
                rows[name].append((at, until))
    return rows


def spans(
    rows: Spans,
    xlabel: str = "seconds",
    marks: Mapping[str, float] | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """A bar for each span.  `marks` are moments drawn upwards, `notes` what is written behind the last bar of a row."""
    figure, axes = figure_of(height=0.9 + 0.35 * len(rows))
    ends = [end for row in rows.values() for _, end in row]
    starts = [start for row in rows.values() for start, _ in row]
    width = (max(ends, default=1.0) - min(starts, default=0.0)) or 1.0
    told = []
    for i, (name, row) in enumerate(rows.items()):
        bars = [(start, max(end - start, VISIBLE * width)) for start, end in row]
        axes.broken_barh(bars, (i - 0.35, 0.7), facecolors=COLOURS[i % len(COLOURS)])
        note = (notes or {}).get(name, "")
        if note and row:
            axes.annotate(note, (row[-1][1], i), xytext=(4, 0), textcoords="offset points", va="center", color=GREY)
        listed = ", ".join(f"{start:.4g} to {end:.4g}" for start, end in row[:TOLD])
        more = f" and {len(row) - TOLD} more" if len(row) > TOLD else ""
        told.append(f"{name}: {listed or 'nothing'}{more}" + (f" ({note})" if note else ""))
    for name, moment in (marks or {}).items():
        axes.axvline(moment, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
        axes.annotate(name, (moment, 1.02), xycoords=("data", "axes fraction"), ha="center", color=GREY)
        told.append(f"{name} at {moment:g} {xlabel}")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(xlabel)
    axes.set_xlim(left=min([0.0, *starts]))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return show(figure, f"Bars over {xlabel}. {'; '.join(told)}.")
