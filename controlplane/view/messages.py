"""Who told whom what, in order: a column for each party, time goes down, an arrow for each message."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.view.charts import COLOURS, FAILED, figure_of, show

Step = tuple[str, str, str]  # (from, to, what); the same party twice: what it does by itself
GREY = "#57606a"
LOST = "✗ "  # what begins with it never arrives, or is refused


def messages(parties: Sequence[str], steps: Sequence[Step]) -> str:
    """An arrow for each step; one whose words begin with "✗ " is drawn in red and does not arrive."""
    figure, axes = figure_of(height=0.7 + 0.36 * len(steps))
    place = {party: i for i, party in enumerate(parties)}
    for i in place.values():
        axes.axvline(i, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
    told = []
    for row, (sender, receiver, what) in enumerate(steps):
        start, end, bad = place[sender], place[receiver], what.startswith(LOST)
        colour = FAILED if bad else COLOURS[start % len(COLOURS)]
        if start == end:
            box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colour}
            axes.annotate(what, (start, row), ha="center", va="center", fontsize=8.5, color=colour, bbox=box)
            told.append(f"{sender}: {what}")
            continue
        reach = start + (end - start) * (0.8 if bad else 0.98)
        style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "linestyle": "--" if bad else "-"}
        axes.annotate("", (reach, row + 0.16), (start, row + 0.16), arrowprops=style)
        axes.annotate(
            what, ((start + end) / 2, row + 0.1), ha="center", va="bottom", fontsize=8.5, color=colour,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip
        told.append(f"{sender} to {receiver}: {what}")
    axes.set_xlim(-0.5, len(parties) - 0.5)
    axes.set_ylim(len(steps) - 0.4, -0.8)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(parties)), list(parties), fontweight="bold")
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return show(figure, f"Messages in order. {'; '.join(told)}.")
