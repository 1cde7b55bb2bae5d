"""Virtual and wall time, one event loop, and seeded randomness.

Every component of the cluster is a set of callbacks on one `Loop`.  No component sleeps, starts a thread, or asks the
operating system for the time.  With the virtual clock, a five-minute timeout costs one heap operation and the same
seed gives the same run; with the wall clock, the same components run live.

Times are floats in seconds since the Unix epoch; delays are seconds.
"""

from __future__ import annotations

import heapq
import itertools
import random
import re
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

EPOCH = 1_767_225_600.0  # 2026-01-01T00:00:00Z, where virtual time starts


class Timer:
    """A callback that waits for its time.  `cancel()` is idempotent and safe after it ran."""

    __slots__ = ("when", "fn", "args", "cancelled")

    def __init__(self, when: float, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.when = when
        self.fn = fn
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """The virtual loop: callbacks in order of time, then in order of arrival.

    Time moves only when nothing is left to do at the present instant.
    """

    def __init__(self, seed: int = 0, start: float = EPOCH) -> None:
        self.seed = seed
        self.start = start
        self._now = start
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """The time, in seconds since the Unix epoch."""
        return self._now

    def rng(self, name: str) -> random.Random:
        """A random stream of its own for `name`: adding a component does not change what another one draws."""
        return random.Random(f"{self.seed}/{name}")

    def call_soon(self, fn: Callable[..., Any], *args: Any) -> None:
        """Run `fn(*args)` at this instant, after what is already waiting."""
        self._ready.append((fn, args))

    def call_later(self, delay: float, fn: Callable[..., Any], *args: Any) -> Timer:
        """Run `fn(*args)` once `delay` seconds have passed."""
        return self.call_at(self.now() + delay, fn, *args)

    def call_at(self, when: float, fn: Callable[..., Any], *args: Any) -> Timer:
        """Run `fn(*args)` at the time `when`, or as soon as possible if that has passed."""
        timer = Timer(when, fn, args)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def next_deadline(self) -> float | None:
        """When the next callback is due: now if one is ready, None if nothing waits."""
        if self._ready:
            return self.now()
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _collect(self) -> None:
        """Move the timers that are due into the ready queue."""
        timers, now = self._timers, self.now()
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            if not timer.cancelled:
                self._ready.append((timer.fn, timer.args))

    def run_ready(self, budget: int | None = None) -> int:
        """Run what is due at this instant, at most `budget` callbacks; return how many ran."""
        ran = 0
        self._collect()
        ready = self._ready
        while ready and (budget is None or ran < budget):
            fn, args = ready.popleft()
            fn(*args)
            ran += 1
            if not ready:
                self._collect()
        return ran

    def _wait(self, until: float) -> None:
        """Let time pass up to `until`.  Virtual time jumps there."""
        self._now = max(self._now, until)

    def step(self) -> bool:
        """Run one callback, letting time pass to it first.  False if nothing waits."""
        due = self.next_deadline()
        if due is None:
            return False
        if not self._ready:
            self._wait(due)
        return self.run_ready(1) > 0

    def run_for(self, seconds: float) -> None:
        """Run everything that is due in the next `seconds`."""
        self.run_until(lambda: False, seconds)

    def run_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Run until `condition()` holds, asked after each instant, or `timeout` seconds have passed.

        Returns whether it held.
        """
        end = self.now() + timeout
        while True:
            self.run_ready()
            if condition():
                return True
            due = self.next_deadline()
            if due is None or due > end:
                if self.now() >= end:
                    return False
                self._wait(end)
            else:
                self._wait(due)


class WallLoop(Loop):
    """The same loop on the computer's clock.  `post` may be called from another thread or a signal handler."""

    POLL = 0.01  # seconds between looks at what other threads have posted

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed, time.time())
        self._offset = time.time() - time.monotonic()  # a clock that is set back does not stop the timers
        self.on_post: Callable[[], None] | None = None  # who drives the loop hears here that there is work

    def now(self) -> float:
        return time.monotonic() + self._offset

    def post(self, fn: Callable[..., Any], *args: Any) -> None:
        """Run `fn(*args)` on the loop as soon as it looks: a deque append is atomic."""
        self._ready.append((fn, args))
        if self.on_post is not None:
            self.on_post()

    def _wait(self, until: float) -> None:
        delay = until - self.now()
        if delay > 0:
            time.sleep(min(delay, self.POLL))


def rfc3339(seconds: float) -> str:
    """`metav1.Time` on the wire: whole seconds, UTC.

    >>> rfc3339(EPOCH)
    '2026-01-01T00:00:00Z'
    """
    return _whole_second(int(seconds))


@lru_cache(maxsize=64)  # in virtual time the same second is written over and over
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(seconds: float) -> str:
    """`metav1.MicroTime` on the wire, as Leases use it.

    >>> rfc3339_micro(EPOCH + 0.5)
    '2026-01-01T00:00:00.500000Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> float:
    """Seconds since the Unix epoch from an RFC 3339 time.  Raises ValueError for anything else."""
    return datetime.fromisoformat(text).timestamp()


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)")


def parse_duration(text: str | float) -> float:
    """Seconds from a Go duration such as "1h15m" or "300ms"; a number is taken as seconds.

    Raises ValueError that quotes the text.

    >>> parse_duration("5m30s")
    330.0
    """
    if isinstance(text, int | float):
        return float(text)
    body = text.removeprefix("-")
    parts = _PART.findall(body)
    if body == "0":
        return 0.0
    if not parts or "".join(n + u for n, u in parts) != body:
        raise ValueError(f"{text!r} is not a duration: write it as 90s, 5m or 1h30m")
    total = sum(float(n) * _UNITS[u] for n, u in parts)
    return -total if text.startswith("-") else total
