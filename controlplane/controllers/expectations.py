"""What a controller has done but not yet seen (upstream: pkg/controller/controller_utils.go, ControllerExpectations).

A cache lags behind our own writes: a controller that just created two Pods and looks again would create two more.  So
it notes what it expects to see, and does not create or delete again before it has seen that or five minutes are over.
"""

from __future__ import annotations

from controlplane.clock import Loop

TIMEOUT = 300.0  # seconds; upstream's ExpectationsTimeout


class _Expected:
    __slots__ = ("creations", "deletions", "since")

    def __init__(self, since: float) -> None:
        self.creations = 0
        self.deletions: dict[str, None] = {}  # keys of Pods
        self.since = since


class Expectations:
    """Per owner (a key): how many creations, and the deletions of which Pods, the cache has yet to show."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._expected: dict[str, _Expected] = {}

    def expect_creations(self, owner: str, count: int) -> None:
        expected = self._expected[owner] = _Expected(self.loop.now())
        expected.creations = count

    def expect_deletions(self, owner: str, keys: list[str]) -> None:
        expected = self._expected[owner] = _Expected(self.loop.now())
        expected.deletions = dict.fromkeys(keys)

    def raise_expectations(self, owner: str, creations: int, deletions: list[str]) -> None:
        """Expect both at once."""
        self.expect_creations(owner, creations)
        self._expected[owner].deletions = dict.fromkeys(deletions)

    def creation_observed(self, owner: str) -> None:
        expected = self._expected.get(owner)
        if expected is not None and expected.creations:
            expected.creations -= 1

    def deletion_observed(self, owner: str, key: str) -> None:
        expected = self._expected.get(owner)
        if expected is not None:
            expected.deletions.pop(key, None)

    def forget(self, owner: str) -> None:
        self._expected.pop(owner, None)

    def remaining(self, owner: str) -> float:
        """0.0 if the cache has caught up; else the seconds after which we stop waiting for it."""
        expected = self._expected.get(owner)
        if expected is None or not (expected.creations or expected.deletions):
            return 0.0
        return max(expected.since + TIMEOUT - self.loop.now(), 0.0)
