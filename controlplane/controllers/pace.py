"""Not going through a large object for each change of one of its parts.

Upstream's workers take time for an object with thousands of Pods, and changes gather meanwhile.  On the virtual clock
work takes no time, so that each of ten thousand changes would mean going through ten thousand Pods.
"""

from __future__ import annotations

from controlplane.clock import Loop

PER_PART = 20e-6  # seconds that upstream takes about for one Pod of an object
SMALL = 100  # parts below which it does not matter


class Pace:
    """When each object may be gone through again."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._next: dict[str, float] = {}

    def done(self, key: str, parts: int) -> None:
        """An object of so many parts was gone through just now."""
        if parts >= SMALL:
            self._next[key] = self.loop.now() + parts * PER_PART
        else:
            self._next.pop(key, None)

    def wait(self, key: str) -> float:
        """Seconds until it may be gone through again."""
        return max(self._next.get(key, 0.0) - self.loop.now(), 0.0)
