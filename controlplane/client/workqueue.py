"""A rate-limited work queue, as client-go's `util/workqueue`.

A key that is added many times before it is taken is handled once; a key that is added while it is being handled is
handled once more afterwards; a key that fails is retried later and later.
"""

from __future__ import annotations

from collections import deque

from controlplane.clock import Loop

BASE_DELAY = 0.005  # seconds; client-go's DefaultTypedControllerRateLimiter
MAX_DELAY = 1000.0


class WorkQueue:
    """Keys to reconcile, each at most once at a time.

    *Note*: client-go adds a token bucket of 10 keys a second over all retries, with a burst of 100; left out here.
    """

    def __init__(self, loop: Loop, base_delay: float = BASE_DELAY, max_delay: float = MAX_DELAY) -> None:
        self.loop = loop
        self.base_delay = base_delay
        self.max_delay = max_delay
        self._queue: deque[str] = deque()
        self._dirty: set[str] = set()  # waiting, or to be handled again
        self._processing: set[str] = set()
        self._failures: dict[str, int] = {}
        self._delayed: dict[str, float] = {}  # key -> the earliest time at which it will be added

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, key: str) -> None:
        """Mark `key` as needing work."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._queue.append(key)

    def add_after(self, key: str, delay: float) -> None:
        """`add(key)` in `delay` seconds; of several waits for one key the earliest counts."""
        if delay <= 0:
            self.add(key)
            return
        when = self.loop.now() + delay
        if self._delayed.get(key, float("inf")) <= when:
            return
        self._delayed[key] = when
        self.loop.call_at(when, self._ripe, key, when)

    def _ripe(self, key: str, when: float) -> None:
        if self._delayed.get(key) == when:
            del self._delayed[key]
            self.add(key)

    def add_rate_limited(self, key: str) -> None:
        """Retry `key` after a delay that doubles with each failure since the last `forget`."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(self.base_delay * 2.0 ** min(failures, 60), self.max_delay))

    def forget(self, key: str) -> None:
        """`key` went well: its next failure starts with the shortest delay again."""
        self._failures.pop(key, None)

    def retries(self, key: str) -> int:
        """How often `key` failed since the last `forget`."""
        return self._failures.get(key, 0)

    def get(self) -> str | None:
        """Take the next key, or None if there is none.  Every key taken must be given to `done`."""
        if not self._queue:
            return None
        key = self._queue.popleft()
        self._dirty.discard(key)
        self._processing.add(key)
        return key

    def done(self, key: str) -> None:
        """The work on `key` that `get` handed out is over."""
        self._processing.discard(key)
        if key in self._dirty:
            self._queue.append(key)
