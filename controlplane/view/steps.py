"""Numbers over time: measured while a cluster runs, and drawn as a still picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from controlplane.clock import Loop, parse_duration
from controlplane.view.charts import COLOURS, figure_of, show

Series = dict[str, list[tuple[float, float]]]  # name -> (seconds since the first look, value), where the value changed
DASHES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
GREY = "#57606a"


class HasLoop(Protocol):
    loop: Loop


def record(cluster: HasLoop, duration: str | float, every: float = 0.1, **measures: Callable[[], float]) -> Series:
    """Let `duration` pass, and look at each measure every so many seconds."""
    loop, seconds = cluster.loop, parse_duration(duration)
    series: Series = {name: [] for name in measures}
    looks = round(seconds / every)
    for look in range(looks + 1):
        for name, measure in measures.items():
            value = measure()
            points = series[name]
            if not points or points[-1][1] != value or look == looks:
                points.append((round(look * every, 6), value))
        if look < looks:
            loop.run_for(every)
    return series


def joined(*parts: Series) -> Series:
    """Records made one after another, as one."""
    whole: Series = {name: [] for name in parts[0]}
    start = 0.0
    for part in parts:
        for name, points in part.items():
            whole[name] += [(start + at, value) for at, value in points]
        start += max(points[-1][0] for points in part.values())
    return whole


def steps(
    series: Series,
    ylabel: str,
    levels: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
    xlabel: str = "seconds",
) -> str:
    """A line of steps for each measure.

    `levels` are values drawn across in grey, `marks` moments drawn upwards, each with its name.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = figure_of()
    told = []
    for i, (name, points) in enumerate(series.items()):
        at, values = zip(*_lasting(points), strict=True)
        [line] = axes.step(at, values, where="post", label=name, linewidth=2, color=COLOURS[i % len(COLOURS)])
        line.set_linestyle(DASHES[i % len(DASHES)])
        told.append(f"{name}: " + ", ".join(f"{value:g} from {t:.4g}" for t, value in _changes(points)))
    for name, level in (levels or {}).items():
        axes.axhline(level, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
        axes.annotate(name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=GREY)
        told.append(f"{name} at {level:g}")
    for name, moment in (marks or {}).items():
        axes.axvline(moment, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
        axes.annotate(name, (moment, 1.02), xycoords=("data", "axes fraction"), ha="left", color=GREY)
        told.append(f"{name} at {moment:g} {xlabel}")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return show(figure, f"Line chart of {ylabel} over {xlabel}. {'; '.join(told)}.")


def _lasting(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A change at the very end is drawn a little longer, to be seen."""
    if len(points) < 2 or points[-1][1] == points[-2][1]:
        return points
    (end, value), start = points[-1], points[0][0]
    return [*points, (end + (end - start) / 20, value)]


def _changes(points: list[tuple[float, float]], most: int = 12) -> list[tuple[float, float]]:
    """Where the value changed, for the alternative text; only the first ones of many."""
    return [point for i, point in enumerate(points) if i == 0 or point[1] != points[i - 1][1]][:most]
