"""The space-time diagram: a lane for each component, time goes down, an arrow for each message.

A solid arrow is a write that reached the API server; a dashed one is the watch event of a write, on its way to the
component that then wrote in turn.  Both are taken from the cluster's log: nothing is drawn that it does not hold.

    spacetime.show(history)                    # what followed from your last request
    spacetime.show(history, first=35, last=60) # any interval of revisions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from controlplane.view import charts
from controlplane.view.causes import Causes
from controlplane.view.history import SERVER, History, Write, component

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

YOU, KUBELETS = "you", "kubelets"
# They rarely write: what they do is seen in what they hear of.  Drawn at these parts of a row, the arrows stay apart.
HEARD_AFTER = {"Ingress controller": 0.4, "kube-proxy": 0.8}
HEARD = ("services", "endpointslices", "ingresses")  # and this is what they hear of
NOISE = ("events", "leases")
FEW = 4  # kubelets; beyond that many, they share a lane
GREY, LINE = "#57606a", "#d0d7de"
WRITE, WATCH = charts.COLOURS[0], charts.COLOURS[1]
ROW, LANE, TEXT = 0.27, 0.95, 4.4  # inches: height of a row, width of a lane and of the words


@dataclass(slots=True)
class Row:
    """Writes of one component that belong together: the same request for several objects at one instant."""

    lane: str
    time: float
    writes: list[Write]

    @property
    def words(self) -> str:
        first, names = self.writes[0], list(dict.fromkeys(write.name for write in self.writes))
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"{first.what}{more}"

    @property
    def revisions(self) -> str:
        first, last = self.writes[0].revision, self.writes[-1].revision
        return str(first) if first == last else f"{first}-{last}"


@dataclass(slots=True)
class Arrow:
    """A message, "write" or "watch": it leaves at a row and arrives at a row.  `write` is the entry of the log."""

    kind: str
    sender: str
    receiver: str
    leaves: int
    arrives: float
    write: Write
    user: str  # who sent the request, or whose watch it is


@dataclass(slots=True)
class Diagram:
    """What is drawn."""

    start: float
    lanes: list[str]
    rows: list[Row] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)

    @property
    def alt(self) -> str:
        """The diagram in words."""
        told = "; ".join(f"{row.time - self.start:.2f} s {row.lane} {row.words}" for row in self.rows)
        heard = sum(arrow.kind == "watch" for arrow in self.arrows)
        return (
            f"Space-time diagram with lanes for {', '.join(self.lanes)}. "
            f"Writes from the top: {told}. {heard} dashed arrows show which watch event led to which of them."
        )


def last_wish(history: History) -> int:
    """The revision of the first write that you made at the last instant at which you wrote."""
    mine = [write for write in history.writes if write.by == YOU]
    if not mine:
        raise LookupError("you have not written anything yet: apply something first")
    return next(write.revision for write in mine if write.time == mine[-1].time)


def diagram(history: History, first: int = 0, last: int = 0) -> Diagram:
    """The writes of an interval of revisions and their causes; by default, all since your last request."""
    begin = first or last_wish(history)
    writes = [w for w in history.between(begin, last or history.last) if w.resource not in NOISE and w.user]
    causes = Causes(history)
    kubelets = {write.by for write in writes if write.by.startswith("kubelet ")}
    names = {name: KUBELETS if len(kubelets) > FEW else name for name in sorted(kubelets)}
    shown = Diagram(writes[0].time if writes else history.cluster.loop.now(), [])
    places: dict[int, int] = {}  # revision -> row
    for write in writes:
        lane = names.get(write.by, write.by)
        cause = causes.of.get(write.revision)
        after = places.get(cause.revision, -1) if cause is not None else -1
        places[write.revision] = _place(shown.rows, Row(lane, write.time, [write]), after)
    _arrows(shown, causes, places, history)
    authors = {row.lane for row in shown.rows}
    told = {arrow.receiver for arrow in shown.arrows}
    known = [YOU, SERVER, "controllers", "scheduler", *dict.fromkeys(names.values()), *HEARD_AFTER]
    others = sorted(authors - set(known))
    order = [YOU, *others, *known[1:]]
    shown.lanes = [name for name in order if name in authors | told | {SERVER}]
    return shown


def _place(rows: list[Row], new: Row, after: int) -> int:
    """Put a write into a row of its like that comes after its cause, or into a new one; returns which."""
    write = new.writes[0]
    like = (new.lane, new.time, write.verb, write.resource, write.subresource)
    for number in range(len(rows) - 1, after, -1):
        row, one = rows[number], rows[number].writes[0]
        if (row.lane, row.time, one.verb, one.resource, one.subresource) == like:
            row.writes.append(write)
            return number
    rows.append(new)
    return len(rows) - 1


def _arrows(shown: Diagram, causes: Causes, places: dict[int, int], history: History) -> None:
    drawn: set[tuple[int, str]] = set()
    for number, row in enumerate(shown.rows):
        shown.arrows.append(Arrow("write", row.lane, SERVER, number, number, row.writes[0], row.writes[0].user))
        for write in row.writes:
            cause = causes.of.get(write.revision)
            if cause is None or cause.revision not in places:
                continue
            source = places[cause.revision]
            if (source, row.lane) not in drawn:
                drawn.add((source, row.lane))
                shown.arrows.append(Arrow("watch", SERVER, row.lane, source, number, cause, write.user))
    readers: dict[str, dict[str, str]] = {}  # resource -> component -> user
    for event in history.cluster.log:
        if event.verb == "watch" and event.code < 400 and event.resource in HEARD:
            name = component(event.user)
            if name in HEARD_AFTER:
                readers.setdefault(event.resource, {})[name] = event.user
    for number, row in enumerate(shown.rows):
        for name, user in readers.get(row.writes[0].resource, {}).items():
            if name != row.lane and (number, name) not in drawn:
                shown.arrows.append(
                    Arrow("watch", SERVER, name, number, number + HEARD_AFTER[name], row.writes[0], user)
                )


def figure(shown: Diagram) -> Figure:
    """The diagram drawn."""
    from matplotlib.figure import Figure

    height = ROW * (len(shown.rows) + 3)
    width = 0.7 + LANE * len(shown.lanes) + TEXT
    made = Figure(figsize=(width, height))
    axes = made.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.7 - LANE / 2, width - 0.7 - LANE / 2)
    axes.set_ylim(len(shown.rows) + 0.9, -2.1)
    axes.axis("off")
    place = {name: number * LANE for number, name in enumerate(shown.lanes)}
    _lanes(axes, shown.lanes, place, len(shown.rows))
    legend = "—▶ a request that writes          - -▶ the watch event of a write, and who reacts to it"
    axes.annotate(legend, (0, len(shown.rows) + 0.3), va="center", fontsize=8, color=GREY)
    words = place[shown.lanes[-1]] + LANE / 2
    _rows(axes, shown, words)
    for arrow in shown.arrows:
        _arrow(axes, arrow, place)
    for number in range(len(shown.rows)):
        axes.plot(place[SERVER], number, "o", color=WRITE, markersize=4, zorder=4)
    return made


def _lanes(axes: Axes, lanes: Sequence[str], place: dict[str, float], rows: int) -> None:
    for name in lanes:
        title = "API server\netcd" if name == SERVER else name.replace(" ", "\n", 1)
        axes.annotate(title, (place[name], -1.25), ha="center", va="center", fontsize=8.5, fontweight="bold")
        axes.plot([place[name]] * 2, [-0.6, rows - 0.4], color=GREY, linewidth=2.5 if name == SERVER else 1, zorder=1)


def _rows(axes: Axes, shown: Diagram, words: float) -> None:
    """The time of each instant at the left, and at the right what was written."""
    before = None
    for number, row in enumerate(shown.rows):
        if row.time != before:
            before = row.time
            axes.axhline(number - 0.5, color=LINE, linewidth=0.8, zorder=0)
            axes.annotate(
                f"{row.time - shown.start:.2f} s", (-LANE / 2 - 0.05, number), ha="right", va="center", fontsize=8,
                color=GREY,
            )  # fmt: skip
        axes.annotate(row.words, (words, number), va="center", fontsize=8)


def _arrow(axes: Axes, arrow: Arrow, place: dict[str, float]) -> None:
    watch = arrow.kind == "watch"
    start, end = (place[arrow.sender], arrow.leaves), (place[arrow.receiver], arrow.arrives - (0.12 if watch else 0))
    style = {
        "arrowstyle": "-|>", "color": WATCH if watch else WRITE, "linewidth": 1.0 if watch else 1.5, "shrinkA": 0,
        "shrinkB": 0 if watch else 3, "linestyle": (0, (4, 2)) if watch else "-", "mutation_scale": 9,
    }  # fmt: skip
    axes.annotate("", end, start, arrowprops=style, zorder=3 if watch else 2)


def show(history: History, first: int = 0, last: int = 0) -> str:
    """Put the diagram into the notebook; returns it in words."""
    shown = diagram(history, first, last)
    return charts.show(figure(shown), shown.alt)


def save(history: History, file: str | Path, first: int = 0, last: int = 0) -> None:
    """Write the diagram to a file, .svg or .png."""
    figure(diagram(history, first, last)).savefig(file, dpi=charts.DPI)
