"""The map of a cluster as it moves: plays what happened, in the page itself, with a still picture beside it.

What goes into the notebook is HTML with a script of its own: it works where there is no kernel and no network, in a
saved notebook and in exported HTML.  Where scripts are not run, as on GitHub, the still picture stands.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from controlplane import picture
from controlplane.view import still
from controlplane.view.history import History
from controlplane.view.recording import as_json, recording

FOLDER = Path(__file__).parent

PLAYER = """<div data-cluster-map="{name}">{still}</div>
<script>(async () => {{
const url = URL.createObjectURL(new Blob([{module}], {{type: "text/javascript"}}));
const map = await import(url);
URL.revokeObjectURL(url);
const recording = {recording};
for (const place of document.querySelectorAll('[data-cluster-map="{name}"]:not([data-plays])')) {{
place.dataset.plays = "yes";
map.mount(place, recording);
}}
}})()</script>"""


def module() -> str:
    """The player as one ES module, with its style."""
    style = json.dumps((FOLDER / "map.css").read_text(), ensure_ascii=False)
    return f"{(FOLDER / 'map.js').read_text()}\nconst STYLE = {style};\n"


class Map:
    """The writes of the revisions from `first` to `last` (all that are known), to be played."""

    def __init__(self, history: History, first: int = 0, last: int = 0) -> None:
        self.recording = recording(history, first, last)
        self.scene = still.scene_at(history, last)

    def html(self) -> str:
        """The player, with the still picture in its place until it runs."""
        recorded = as_json(self.recording)
        return PLAYER.format(
            name=hashlib.sha256(recorded.encode()).hexdigest()[:12],
            still=picture.html(self.scene),
            module=json.dumps(module(), ensure_ascii=False).replace("<", "\\u003c"),
            recording=recorded,
        )

    def save(self, file: str | Path) -> None:
        """Write a page of its own."""
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Map of the cluster</title>'
        Path(file).write_text(f"{head}<body>{self.html()}</body></html>\n")

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        alt = f"Map: {still.words(self.scene)}"
        data = {"text/html": self.html(), "image/svg+xml": still.svg(self.scene), "text/plain": alt}
        return data, {"image/svg+xml": {"alt": alt}}
