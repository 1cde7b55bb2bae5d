"""Bars made of parts: what fills each node, what makes up each score.  Still pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from controlplane.client.base import Client
from controlplane.scheduler.resources import amount, pod_requests
from controlplane.view.charts import COLOURS, figure_of, show

GREY = "#57606a"
Rows = Mapping[str, Mapping[str, float]]  # row -> part -> length


class HasClient(Protocol):
    @property
    def client(self) -> Client: ...


def parts(rows: Rows, xlabel: str, limits: Mapping[str, float] | None = None) -> str:
    """A bar for each row, made of its parts; `limits` are drawn as the frame of the bar.

    Parts that several rows have are named in a legend, others inside the bar.
    """
    every = [name for row in rows.values() for name in row]
    names = list(dict.fromkeys(every))
    shared = len(names) < len(every)
    from matplotlib.patches import Patch

    figure, axes = figure_of(height=0.7 + 0.5 * len(rows))
    told = []
    for row, lengths in rows.items():
        left = 0.0
        for name, length in lengths.items():
            colour = COLOURS[names.index(name) % len(COLOURS)]
            bar = axes.barh(row, length, left=left, height=0.7, color=colour, edgecolor="white")
            text = f"{length:g}" if shared else f"{name}\n{length:g}"
            if length:
                axes.bar_label(bar, [text], label_type="center", color="white", fontsize="x-small")
            left += length
        if not lengths:
            axes.barh(row, 0)
        limit = (limits or {}).get(row)
        if limit is not None:
            axes.barh(row, limit, height=0.7, color="none", edgecolor=GREY, linestyle="--")
        inside = ", ".join(f"{name} {length:g}" for name, length in lengths.items()) or "nothing"
        told.append(f"{row}: {inside}" + (f", of {limit:g}" if limit is not None else ""))
    if shared:
        patches = [Patch(color=COLOURS[i % len(COLOURS)], label=name) for i, name in enumerate(names)]
        axes.legend(handles=patches, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel(xlabel)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    return show(figure, f"Bars in parts, {xlabel}. {'; '.join(told)}.")


def fill(cluster: HasClient, resource: str = "cpu") -> str:
    """What the Pods of the namespace default ask for on each node, of what the node has."""
    nodes = cluster.client.list_shared("nodes")[0]
    rows: dict[str, dict[str, float]] = {node["metadata"]["name"]: {} for node in nodes}
    scale = 1000 if resource == "cpu" else 1
    limits = {
        node["metadata"]["name"]: amount(resource, node["status"]["allocatable"][resource]) / scale for node in nodes
    }
    for pod in cluster.client.list_shared("pods", "default")[0]:
        node = pod["spec"].get("nodeName")
        if node in rows and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            name = (pod["metadata"].get("generateName") or pod["metadata"]["name"]).rstrip("-")
            row = rows[node]
            row[name] = row.get(name, 0) + pod_requests(pod).get(resource, 0) / scale
    return parts(rows, f"{resource} asked for", limits)
