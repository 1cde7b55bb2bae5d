"""One number as it depends on another: curves that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from controlplane.view.charts import COLOURS, figure_of, show

GREY = "#57606a"
DASHES = ((), (5, 2), (1, 1), (5, 2, 1, 2))  # on and off, in points
MARKERS = ("o", "s", "^", "D")
TOLD = 15  # points of a curve that the alternative text names


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    xlabel: str,
    ylabel: str,
    levels: Mapping[str, float] | None = None,
    log: Literal["", "x", "y", "xy"] = "",
) -> str:
    """A curve through the points (x, y) of each name.  `levels` are values of y drawn across in grey.

    `log` names the axes whose steps are factors.
    """
    figure, axes = figure_of()
    told = []
    for i, (name, points) in enumerate(series.items()):
        xs, ys = zip(*points, strict=True)
        (line,) = axes.plot(xs, ys, label=name, color=COLOURS[i % len(COLOURS)], linewidth=2, markersize=4)
        line.set_dashes(DASHES[i % len(DASHES)])
        line.set_marker(MARKERS[i % len(MARKERS)])
        told.append(f"{name}: " + ", ".join(f"{y:.4g} at {x:g}" for x, y in points[:TOLD]))
    for name, level in (levels or {}).items():
        axes.axhline(level, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
        axes.annotate(name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=GREY)
        told.append(f"{name} at {level:g}")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return show(figure, f"Line chart of {ylabel} by {xlabel}. {'; '.join(told)}.")
