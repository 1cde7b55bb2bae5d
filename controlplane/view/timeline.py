"""Every node and Pod over time, a row for each: what a roll-out does, and what the loss of a node does.

timeline.show(history)                                 # since your last request
timeline.show(history, first, last, marks={"power off": 0})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.picture import MEANING, node_state, pod_shown
from controlplane.view import charts
from controlplane.view.history import History
from controlplane.view.spacetime import last_wish

GREY = "#57606a"
NODE = "#57606a"
READY = ("ready", "Ready")
HATCHES = {"going": "////", "lost": "xxxx", "Unknown": "xxxx", "failed": "xxxx"}
WORDS = {"Ready": "Ready", "NotReady": "not Ready", "Unknown": "Unknown", **MEANING}


@dataclass(slots=True)
class Row:
    """One node or Pod: from when on it was in which state, in seconds since the beginning."""

    name: str
    kind: str  # the Pod's image, or "node"
    spans: list[tuple[float, float, str]] = field(default_factory=list)
    node: str = ""

    def change(self, at: float, state: str) -> None:
        """From now on it is in this state ("": it is gone)."""
        if self.spans and self.spans[-1][1] < 0:
            start, _, before = self.spans[-1]
            if before == state:
                return
            self.spans[-1] = (start, at, before)
        if state:
            self.spans.append((at, -1.0, state))


def rows(history: History, first: int = 0, last: int = 0, namespace: str = "default") -> list[Row]:
    """The nodes and the Pods of a namespace between two revisions; by default since your last request."""
    first, last = first or last_wish(history), last or history.last
    begin = next((w.time for w in history.between(first, last)), history.cluster.loop.now())
    nodes: dict[str, Row] = {}
    pods: dict[str, Row] = {}
    seen: dict[str, dict[str, Any]] = {}
    for key, obj in history.at(max(first - 1, history.first)).items():
        _take(key, obj, 0.0, nodes, pods, seen, namespace)
    for write in history.between(first, last):
        _take(write.key, write.after, write.time - begin, nodes, pods, seen, namespace)
    end = history.cluster.loop.now() - begin if last == history.last else history.between(last, last)[-1].time - begin
    found = [*nodes.values(), *sorted(pods.values(), key=lambda row: row.spans[0][0] if row.spans else 0.0)]
    for row in found:
        row.change(end, "")
        row.spans = [span for span in row.spans if span[1] > span[0]]
    return [row for row in found if row.spans]


def _take(
    key: str,
    obj: dict[str, Any] | None,
    at: float,
    nodes: dict[str, Row],
    pods: dict[str, Row],
    seen: dict[str, dict[str, Any]],
    namespace: str,
) -> None:
    """Take over one change of one object."""
    name = key.rpartition("/")[2]
    if key.startswith("/registry/minions/"):
        nodes.setdefault(name, Row(name, "node")).change(at, "" if obj is None else node_state(obj))
    elif key.startswith(f"/registry/pods/{namespace}/"):
        image = ", ".join(c["image"] for c in (obj or seen[name])["spec"]["containers"])
        row = pods.setdefault(name, Row(name, image))
        if obj is None:
            row.change(at, "")
            return
        seen[name] = obj
        row.node = obj["spec"].get("nodeName", "")
        lost = bool(row.node in nodes and nodes[row.node].spans and nodes[row.node].spans[-1][2] == "Unknown")
        row.change(at, pod_shown(obj, lost).state)


def alt(found: list[Row], marks: Mapping[str, float]) -> str:
    """The timeline in words."""
    told = []
    for row in found:
        spans = ", ".join(f"{WORDS[state]} from {start:.1f} to {end:.1f}" for start, end, state in row.spans)
        where = f" on {row.node}" if row.node else ""
        told.append(f"{row.name} ({row.kind}{where}): {spans}")
    told += [f"{name} at {at:g}" for name, at in marks.items()]
    return f"Timeline in seconds. {'; '.join(told)}."


def show(history: History, first: int = 0, last: int = 0, marks: Mapping[str, float] | None = None) -> str:
    """Draw it: full is ready, empty not ready, hatched going, crossed lost; a colour for each image."""
    found = rows(history, first, last)
    marks = marks or {}
    images = list(dict.fromkeys(row.kind for row in found if row.kind != "node"))
    figure, axes = charts.figure_of(9.0, 1.0 + 0.3 * len(found))
    for number, row in enumerate(found):
        colour = NODE if row.kind == "node" else charts.COLOURS[images.index(row.kind) % len(charts.COLOURS)]
        for start, end, state in row.spans:
            axes.broken_barh(
                [(start, end - start)], (number - 0.35, 0.7), facecolors=colour if state in READY else "white",
                edgecolors=colour, hatch=HATCHES.get(state, ""), linewidth=1,
            )  # fmt: skip
    for name, at in marks.items():
        axes.axvline(at, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
        axes.annotate(name, (at, 1.01), xycoords=("data", "axes fraction"), ha="left", color=GREY)
    axes.set_yticks(range(len(found)), [_label(row) for row in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlabel("seconds      full: ready   empty: not ready   ////: terminating   xxxx: on a lost node")
    axes.margins(x=0.01)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return charts.show(figure, alt(found, marks))


def _label(row: Row) -> str:
    if row.kind == "node":
        return row.name
    return f"{row.name} · {row.kind}" + (f" · {row.node.removeprefix('node-')}" if row.node else "")
