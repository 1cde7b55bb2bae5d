"""Charts of client load: who answered, which version when, what failed.  Still pictures, each with its text.

Every chart is a function of what was measured (a `Tally`) that draws with matplotlib and puts the picture into the
notebook with an alternative text; it returns that text, so that a script can use it, too.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from controlplane.traffic.load import Tally

COLOURS = ("#0969da", "#bf3989", "#1a7f37", "#9a6700")  # told apart in grey and by the colour-blind
FAILED = "#cf222e"
DPI = 160  # twice what is shown, for sharp screens


def show(figure: Figure, alt: str) -> str:
    """Put `figure` into the notebook with `alt` as its alternative text, which is returned."""
    from IPython.display import Image, display

    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI)
    display(Image(png.getvalue(), width=int(figure.get_figwidth() * DPI / 2), alt=alt))  # type: ignore[no-untyped-call]
    return alt


def figure_of(width: float = 8.0, height: float = 2.6) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # without pyplot: no figure outlives its cell

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def by_pod(tally: Tally) -> str:
    """A bar for each Pod: how many requests it answered."""
    names = sorted(tally.by_pod)
    counts = [tally.by_pod[name] for name in names]
    figure, axes = figure_of(height=0.5 + 0.4 * len(names))
    bars = axes.barh([name.partition("/")[2] for name in names], counts, color=COLOURS[0])
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("requests answered")
    axes.spines[["top", "right"]].set_visible(False)
    told = ", ".join(f"{name.partition('/')[2]} {count}" for name, count in zip(names, counts, strict=True))
    return show(figure, f"Bar chart of requests answered by Pod: {told}.")


def by_version(tally: Tally) -> str:
    """Second by second, the answers of each version stacked, failures on top in red."""
    seconds = tally.timeline[:-1]  # the last one is cut short
    versions = sorted(tally.by_version)
    at = [second.at for second in seconds]
    layers = [[second.versions[version] for second in seconds] for version in versions]
    layers.append([second.errors.total() for second in seconds])
    figure, axes = figure_of()
    axes.stackplot(at, layers, labels=[*versions, "failed"], colors=[*COLOURS[: len(versions)], FAILED], step="post")
    axes.set_xlabel("seconds since the load began")
    axes.set_ylabel("answers a second")
    axes.legend(loc="lower left", ncols=len(versions) + 1, frameon=True)
    axes.margins(x=0)
    spans = []
    for version, layer in zip(versions, layers, strict=False):
        seen = [s for s, count in zip(at, layer, strict=True) if count]
        spans.append(f"{version} from second {seen[0]} to {seen[-1]}")
    return show(
        figure, f"Stacked area chart of answers a second by version: {'; '.join(spans)}; {tally.failed} failed."
    )
