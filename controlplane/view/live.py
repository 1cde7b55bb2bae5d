"""The map as a widget that follows its cluster: after each cell that was run it shows what has happened since.

live.follow(cluster)
"""

from __future__ import annotations

from typing import Any, Protocol

import anywidget
import traitlets

from controlplane.view.history import History
from controlplane.view.map import module
from controlplane.view.recording import as_json, recording


class HasHistory(Protocol):
    @property
    def history(self) -> History: ...


class LiveMap(anywidget.AnyWidget):
    """The same player as `Map`, fed by the kernel."""

    _esm = module()
    recording = traitlets.Unicode().tag(sync=True)

    def __init__(self, history: History, **rest: Any) -> None:
        super().__init__(recording=as_json(recording(history)), **rest)
        self.history = history
        self.known = history.last

    def update(self, *_: Any) -> None:
        """Send what is new, if anything is."""
        if self.history.last != self.known:
            self.known = self.history.last
            self.recording = as_json(recording(self.history))


def follow(cluster: HasHistory) -> LiveMap:
    """A map of the cluster that is brought up to date whenever a cell has run."""
    from IPython import get_ipython

    made = LiveMap(cluster.history)
    shell = get_ipython()
    if shell is not None:
        shell.events.register("post_run_cell", made.update)
    return made
