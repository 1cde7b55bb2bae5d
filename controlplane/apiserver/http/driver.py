"""Runs a `WallLoop` inside asyncio: one thread, no busy waiting.

The loop's callbacks run in slices, between which asyncio reads and writes the network; when nothing is due, nothing
runs until the next timer, the next request, or the next `post` from another thread.
"""

from __future__ import annotations

import asyncio
import logging
import time

from controlplane.clock import WallLoop

log = logging.getLogger(__name__)

SLICE = 0.005  # seconds that callbacks may run before the network gets its turn
BATCH = 16  # callbacks between two looks at the time
LONGEST = 3600.0  # seconds; a timer further away is looked at again by then


class Driver:
    """Makes asyncio call a `WallLoop` when it has something to do.

    `kick` after anything that may have given the loop work: it costs next to nothing.
    """

    def __init__(self, loop: WallLoop) -> None:
        self.loop = loop
        self._asyncio = asyncio.get_running_loop()
        self._handle: asyncio.Handle | None = None
        self._due = 0.0
        self._stopped = False
        loop.on_post = self._posted
        self.kick()

    def stop(self) -> None:
        """Run no more callbacks."""
        self._stopped = True
        self.loop.on_post = None
        if self._handle is not None:
            self._handle.cancel()

    def kick(self) -> None:
        """Plan the next run, if it is not planned for that time already."""
        due = self.loop.next_deadline()
        if due is None or self._stopped:
            return
        if self._handle is not None:
            if self._due <= due:
                return
            self._handle.cancel()
        delay = due - self.loop.now()
        self._due = due
        if delay <= 0:
            self._handle = self._asyncio.call_soon(self._run)
        else:
            self._handle = self._asyncio.call_later(min(delay, LONGEST), self._run)

    def _posted(self) -> None:
        """Another thread, or a signal handler, has left a callback."""
        self._asyncio.call_soon_threadsafe(self.kick)

    def _run(self) -> None:
        self._handle = None
        end = time.monotonic() + SLICE
        try:
            while self.loop.run_ready(BATCH) and time.monotonic() < end:
                pass
        except Exception:  # a component's mistake is its own: the others, and the server, go on
            log.exception("a callback on the cluster's loop failed")
        self.kick()
