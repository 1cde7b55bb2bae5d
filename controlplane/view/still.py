"""The picture of a cluster as a still SVG: what the moving map shows at one moment, for pages where nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, cast

from controlplane.client.base import Client
from controlplane.picture import COLOURS, MARKS, MEANING, WIDE, NodeShown, PodShown, Scene, numbers, scene
from controlplane.view.history import History

Obj = dict[str, Any]

WIDTH, LINE, PAD, GAP = 960, 18, 10, 26
PER_ROW = 2
INK, EDGE, WIRE, BRAIN = "#1f2328", "#8c959f", "#afb8c1", "#eef7ff"
PREFIXES = {"nodes": "minions", "services": "services", "ingresses": "ingress"}  # resource -> where the store has it


class Frozen:
    """A revision of a history, to be listed as from an API server."""

    def __init__(self, history: History, revision: int = 0) -> None:
        self.revision = revision or history.last
        self.objects = history.at(self.revision)

    def list_shared(self, resource: str, namespace: str | None = None, **_: Any) -> tuple[list[Obj], str]:
        prefix = f"/registry/{PREFIXES.get(resource, resource)}/"
        found = [obj for key, obj in self.objects.items() if key.startswith(prefix)]
        return [o for o in found if namespace in (None, o["metadata"].get("namespace"))], str(self.revision)


def scene_at(history: History, revision: int = 0) -> Scene:
    """What the picture shows at a revision (0: now)."""
    return scene(cast(Client, Frozen(history, revision)))


class _Drawing:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 8.0

    def box(self, x: float, y: float, width: float, lines: Sequence[str], fill: str = "#fff", top: str = EDGE) -> float:
        """A box with lines of marked-up text; returns where it ends."""
        height = PAD * 2 + LINE * len(lines) - 4
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{fill}" stroke="{top}"/>'
        )
        if len(lines) == 1:
            middle = f'x="{x + width / 2:g}" y="{y + PAD + 11:g}" text-anchor="middle"'
            self.parts.append(f"<text {middle}>{lines[0]}</text>")
            return y + height
        for number, line in enumerate(lines):
            self.parts.append(f'<text x="{x + PAD:g}" y="{y + PAD + 11 + LINE * number:g}">{line}</text>')
        return y + height

    def middle(self, lines: Sequence[str], width: float = 420, fill: str = "#fff") -> None:
        """A box in the middle, and a line from what is above it."""
        if self.parts:
            self.wire(WIDTH / 2, self.y, WIDTH / 2, self.y + GAP)
            self.y += GAP
        self.y = self.box((WIDTH - width) / 2, self.y, width, lines, fill)

    def wire(self, x: float, y: float, to_x: float, to_y: float) -> None:
        self.parts.append(f'<path d="M{x:g},{y:g}L{to_x:g},{to_y:g}" stroke="{WIRE}"/>')


def svg(shown: Scene) -> str:
    """The picture; its title says it in words."""
    drawing = _Drawing()
    for lines in (["Internet · clients"], shown.ingresses or ["no Ingress"], shown.services or ["no Service"]):
        drawing.middle([escape(line) for line in lines], 500)
    if len(shown.nodes) > WIDE:
        drawing.middle([escape(line) for line in numbers(shown)], 700)
    else:
        _nodes(drawing, shown.nodes)
    if shown.pending:
        drawing.middle(["<tspan font-weight='bold'>not on a node</tspan>", *map(_pod, shown.pending)])
    drawing.middle([escape(shown.brain)], 620, BRAIN)
    alt, height = escape(words(shown)), drawing.y + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{alt}" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH} {height:g}" font-family="system-ui,sans-serif" font-size="13" fill="{INK}">'
        f'<title>{alt}</title><rect width="100%" height="100%" fill="#fff"/>{"".join(drawing.parts)}</svg>'
    )


def _nodes(drawing: _Drawing, nodes: Sequence[NodeShown]) -> None:
    start = drawing.y
    for at in range(0, len(nodes), PER_ROW):
        row = nodes[at : at + PER_ROW]
        width = (WIDTH - 40) / PER_ROW - 20
        left = (WIDTH - len(row) * (width + 20) + 20) / 2
        top, bottom = drawing.y + GAP, 0.0
        for number, node in enumerate(row):
            x = left + number * (width + 20)
            if at == 0:
                drawing.wire(WIDTH / 2, start, x + width / 2, top)
            cordoned = " · cordoned" if node.cordoned else ""
            title = f'<tspan font-weight="bold">{escape(node.name)}</tspan> · {node.state}{cordoned}'
            colour = COLOURS["ready"] if node.state == "Ready" else COLOURS["failed"]
            bottom = max(bottom, drawing.box(x, top, width, [title, *map(_pod, node.pods)], top=colour))
        drawing.y = bottom


def _pod(pod: PodShown) -> str:
    restarts = f" ↻{pod.restarts}" if pod.restarts else ""
    detail = f" · {pod.detail}" if pod.state != "ready" else ""
    mark = f'<tspan fill="{COLOURS[pod.state]}">{MARKS[pod.state]}</tspan>'
    return f"{mark} {escape(f'{pod.name} · {pod.image}{restarts}{detail}')}"


def words(shown: Scene) -> str:
    """The picture in words."""
    told = [*shown.ingresses, *shown.services]
    if len(shown.nodes) > WIDE:
        told += numbers(shown)
    else:
        for node in shown.nodes:
            pods = ", ".join(f"{p.name} {p.image} {MEANING[p.state]}" for p in node.pods) or "no Pods"
            told.append(f"{node.name} {node.state}: {pods}")
    if shown.pending:
        told.append("not on a node: " + ", ".join(p.name for p in shown.pending))
    return "; ".join([*told, shown.brain])
