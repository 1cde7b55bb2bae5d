"""Waiting longer after each failure (client-go's util/flowcontrol.Backoff, as the kubelet uses it)."""

from __future__ import annotations

from controlplane.clock import Loop

FIRST = 10.0  # seconds
LAST = 300.0


class Backoff:
    """For each key a delay that doubles from 10 s to 300 s, and starts over after 10 minutes without a failure."""

    def __init__(self, loop: Loop, first: float = FIRST, last: float = LAST) -> None:
        self.loop = loop
        self.first = first
        self.last = last
        self._entries: dict[str, tuple[float, float]] = {}  # key -> (delay, when it was last raised)

    def delay(self, key: str) -> float:
        """The present delay, 0 if the key has never failed."""
        return self._entries.get(key, (0.0, 0.0))[0]

    def remaining(self, key: str, since: float) -> float:
        """Seconds still to wait for a failure that happened at `since`; 0 or less if the wait is over."""
        entry = self._entries.get(key)
        if entry is None or since - entry[1] > 2 * self.last:
            return 0.0
        return since + entry[0] - self.loop.now()

    def raise_delay(self, key: str, since: float) -> None:
        """Another attempt is made after a failure at `since`: the next one waits twice as long."""
        delay, raised = self._entries.get(key, (0.0, 0.0))
        fresh = delay == 0.0 or since - raised > 2 * self.last
        self._entries[key] = (self.first if fresh else min(delay * 2, self.last), self.loop.now())

    def since_raised(self, key: str) -> float:
        """Seconds still to wait, counted from when the delay was last raised (as image pulls count)."""
        entry = self._entries.get(key)
        return 0.0 if entry is None else entry[1] + entry[0] - self.loop.now()

    def forget(self, key: str) -> None:
        self._entries.pop(key, None)
