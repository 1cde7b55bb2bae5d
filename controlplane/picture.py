"""The picture of a cluster, as text for a terminal and as HTML for a notebook, drawn from what the API server says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from controlplane.client.base import ApiError, Client
from controlplane.conditions import is_ready

Obj = dict[str, Any]

WIDE = 12  # nodes; beyond, a cluster is shown as numbers
PER_ROW = 3  # boxes in a row of the text
LEAST_WIDTH = 34  # characters of a box


@dataclass(frozen=True, slots=True)
class PodShown:
    """One Pod: `state` is "ready", "waiting", "failed", "lost" (its node is gone) or "going"."""

    name: str
    image: str
    state: str
    detail: str
    restarts: int


@dataclass(slots=True)
class NodeShown:
    """One node and its Pods; `state` is "Ready", "NotReady" or "Unknown", as its condition says."""

    name: str
    state: str
    cordoned: bool
    pods: list[PodShown] = field(default_factory=list)


@dataclass(slots=True)
class Scene:
    """What the picture shows."""

    nodes: list[NodeShown]
    pending: list[PodShown]
    services: list[str]
    ingresses: list[str]
    brain: str  # the control plane's parts


MARKS = {"ready": "●", "waiting": "○", "failed": "✗", "lost": "?", "going": "◌"}
MEANING = {
    "ready": "ready",
    "waiting": "not ready",
    "failed": "failed",
    "lost": "on a lost node",
    "going": "terminating",
}
COLOURS = {"ready": "#1a7f37", "waiting": "#9a6700", "failed": "#cf222e", "lost": "#57606a", "going": "#8250df"}


def scene(client: Client, parts: Iterable[str] = ("scheduler", "controller manager")) -> Scene:
    """Ask the API server for all that the picture shows; which `parts` run besides, it does not know."""
    nodes, revision = client.list_shared("nodes")
    shown = {
        n["metadata"]["name"]: NodeShown(n["metadata"]["name"], node_state(n), bool(n["spec"].get("unschedulable")))
        for n in nodes
    }
    brain = " · ".join(["control plane: API server", *parts, f"etcd (revision {revision})"])
    pending: list[PodShown] = []
    for pod in client.list_shared("pods")[0]:
        where = shown.get(pod["spec"].get("nodeName", ""))
        lost = where is not None and where.state == "Unknown"
        (pending if where is None else where.pods).append(pod_shown(pod, lost))
    return Scene(list(shown.values()), pending, _services(client), _ingresses(client), brain)


def node_state(node: Obj) -> str:
    """ "Ready", "NotReady" or "Unknown", as its condition says."""
    for condition in (node.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready":
            return {"True": "Ready", "False": "NotReady"}.get(condition["status"], "Unknown")
    return "NotReady"


def pod_shown(pod: Obj, lost: bool) -> PodShown:
    """A Pod as the picture shows it; `lost`: its node is not heard of."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    image = ", ".join(c["image"] for c in pod["spec"].get("containers") or [])
    restarts = sum(c.get("restartCount", 0) for c in containers)
    phase = status.get("phase", "Pending")
    reasons = [(c.get("state") or {}).get("waiting", {}).get("reason") for c in containers]
    detail = next((r for r in reasons if r and r != "ContainerCreating"), "") or phase
    if "deletionTimestamp" in pod["metadata"]:
        state, detail = "going", "Terminating"
    elif lost:
        state = "lost"
    elif phase == "Failed":
        state = "failed"
    else:
        state = "ready" if is_ready(pod) or phase == "Succeeded" else "waiting"
    return PodShown(pod["metadata"]["name"], image, state, detail, restarts)


def _services(client: Client) -> list[str]:
    ready: Counter[str] = Counter()
    for piece in client.list_shared("endpointslices")[0]:
        service = (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
        ready[f"{piece['metadata']['namespace']}/{service}"] += sum(
            bool((e.get("conditions") or {}).get("ready", True)) for e in piece.get("endpoints") or []
        )
    lines = []
    for service in client.list_shared("services")[0]:
        meta, spec = service["metadata"], service["spec"]
        if (meta["namespace"], meta["name"]) == ("default", "kubernetes"):
            continue
        ports = ",".join(str(p["port"]) for p in spec.get("ports") or [])
        count = ready[f"{meta['namespace']}/{meta['name']}"]
        lines.append(
            f"Service {meta['name']} · {spec.get('clusterIP', '')}:{ports} · {spec.get('type')} · "
            f"{count} ready endpoint{'' if count == 1 else 's'}"
        )
    return lines


def _ingresses(client: Client) -> list[str]:
    try:
        found = client.list_shared("ingresses")[0]
    except ApiError:
        return []
    lines = []
    for ingress in found:
        for rule in ingress["spec"].get("rules") or []:
            for path in (rule.get("http") or {}).get("paths") or []:
                service = (path["backend"].get("service") or {}).get("name", "?")
                lines.append(
                    f"Ingress {ingress['metadata']['name']} · {rule.get('host', '*')}{path.get('path', '/')} → "
                    f"{service}"
                )
    return lines


# Text ---------------------------------------------------------------------------------------------------------------


def text(shown: Scene) -> str:
    """The picture in characters, at most 120 wide."""
    way = ["Internet", *(shown.ingresses or ["(no Ingress)"]), *(shown.services or ["(no Service)"])]
    if len(shown.nodes) > WIDE:
        return "\n".join([*way, *numbers(shown), shown.brain])
    boxes = [_box(node) for node in shown.nodes]
    rows: list[str] = []
    for at in range(0, len(boxes), PER_ROW):
        rows += _beside(boxes[at : at + PER_ROW])
    width = max((len(row) for row in rows), default=LEAST_WIDTH)
    lines = []
    for i, line in enumerate(way):
        if i:
            lines.append("│".center(width).rstrip())
        lines.append(line.center(width).rstrip())
    lines += ["│".center(width).rstrip(), *rows]
    if shown.pending:
        lines.append("not on a node: " + ", ".join(f"{MARKS[p.state]} {p.name}" for p in shown.pending))
    states = dict.fromkeys(p.state for node in shown.nodes for p in node.pods)
    if states:
        lines.append("   ".join(f"{MARKS[s]} {MEANING[s]}" for s in states))
    return "\n".join([*lines, shown.brain])


def _box(node: NodeShown) -> list[str]:
    title = f"{node.name} · {node.state}{' · cordoned' if node.cordoned else ''}"
    inside = [
        f"{MARKS[p.state]} {p.name}  {p.image}"
        + (f"  ↻{p.restarts}" if p.restarts else "")
        + (f"  {p.detail}" if p.state in ("waiting", "failed") else "")
        for p in node.pods
    ] or ["(no Pods)"]
    width = max(LEAST_WIDTH, len(title) + 4, *(len(line) + 2 for line in inside))
    return [
        f"┌─ {title} {'─' * (width - len(title) - 3)}┐",
        *(f"│ {line.ljust(width - 1)}│" for line in inside),
        f"└{'─' * width}┘",
    ]


def _beside(boxes: list[list[str]]) -> list[str]:
    height = max(len(box) for box in boxes)
    padded = []
    for box in boxes:
        blank = f"│{' ' * (len(box[0]) - 2)}│"
        padded.append([*box[:-1], *[blank] * (height - len(box)), box[-1]])
    return ["  ".join(parts) for parts in zip(*padded, strict=True)]


def numbers(shown: Scene) -> list[str]:
    """A large cluster: how many nodes and Pods are in which state."""
    nodes = Counter(node.state for node in shown.nodes)
    pods = Counter(p.state for node in shown.nodes for p in node.pods)
    pods.update(p.state for p in shown.pending)
    images = Counter(p.image for node in shown.nodes for p in node.pods)
    return [
        f"{len(shown.nodes)} nodes: " + ", ".join(f"{count} {state}" for state, count in sorted(nodes.items())),
        f"{sum(pods.values())} Pods: "
        + ", ".join(f"{count} {MEANING[state]}" for state, count in sorted(pods.items())),
        "images: " + ", ".join(f"{image} × {count}" for image, count in sorted(images.items())),
    ]


# HTML ---------------------------------------------------------------------------------------------------------------

BOX = "border:1px solid #8c959f;border-radius:6px;padding:6px 10px;margin:4px;background:#fff;color:#1f2328;"


def html(shown: Scene) -> str:
    """The picture for a notebook: boxes with inline styles, readable without colour, no script and no network."""
    way = "".join(
        f'<div style="{BOX}display:inline-block">{escape(line)}</div><div aria-hidden="true">↓</div>'
        for line in ["Internet", *shown.ingresses, *shown.services]
    )
    if len(shown.nodes) > WIDE:
        inner = "".join(f"<div>{escape(line)}</div>" for line in numbers(shown))
        nodes = f'<div style="{BOX}">{inner}</div>'
    else:
        nodes = "".join(map(_node_html, shown.nodes))
    waiting = "".join(map(_pod_html, shown.pending))
    pending = f'<div style="{BOX}">not on a node: {waiting}</div>' if waiting else ""
    ready = sum(p.state == "ready" for node in shown.nodes for p in node.pods)
    label = f"A cluster of {len(shown.nodes)} nodes with {ready} ready Pods"
    return (
        f'<figure role="img" aria-label="{label}" style="font:13px/1.5 system-ui,sans-serif;text-align:center;'
        f'margin:8px 0;max-width:960px">{way}<div style="display:flex;flex-wrap:wrap;justify-content:center">'
        f'{nodes}</div>{pending}<div style="{BOX}display:inline-block;background:#ddf4ff">'
        f"{escape(shown.brain)}</div></figure>"
    )


def _node_html(node: NodeShown) -> str:
    colour = COLOURS["ready"] if node.state == "Ready" else COLOURS["failed"]
    cordoned = " · cordoned" if node.cordoned else ""
    pods = "".join(map(_pod_html, node.pods)) or "<div>(no Pods)</div>"
    return (
        f'<div style="{BOX}min-width:260px;border-top:4px solid {colour};text-align:left"><strong>'
        f"{escape(node.name)}</strong> · {node.state}{cordoned}{pods}</div>"
    )


def _pod_html(pod: PodShown) -> str:
    restarts = f" ↻{pod.restarts}" if pod.restarts else ""
    detail = f" · {escape(pod.detail)}" if pod.state != "ready" else ""
    return (
        f'<div title="{MEANING[pod.state]}"><span style="color:{COLOURS[pod.state]}">{MARKS[pod.state]}</span> '
        f"{escape(pod.name)} · {escape(pod.image)}{restarts}{detail}</div>"
    )
