"""Watches: every change of a range of keys, once, in order (etcd: server/storage/mvcc/watchable_store.go)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal

from controlplane.etcd.api import ALL_KEYS, Event, OnEvents, prefix_end

FOLDERS = 10_000  # whose watchers are remembered


class Watcher:
    """One watch.  `cancel()` may be called at any time, also from its own callback."""

    __slots__ = ("key", "end", "on_events", "only", "from_revision", "active", "_left")

    def __init__(
        self,
        key: bytes,
        end: bytes | None,
        on_events: OnEvents,
        only: Literal["PUT", "DELETE"] | None,
        left: Callable[[Watcher], None],
    ) -> None:
        self.key = key
        self.end = end
        self.on_events = on_events
        self.only = only
        self.from_revision = 0
        self.active = True
        self._left = left

    def offer(self, revision: int, events: list[Event]) -> None:
        """Pass on those of one revision's events that lie in the watched range."""
        if not self.active or revision < self.from_revision:
            return
        key, end = self.key, self.end
        if len(events) == 1:
            changed = events[0].kv.key
            mine = (
                events
                if changed == key or (end is not None and changed >= key and (end == ALL_KEYS or changed < end))
                else []
            )
        else:
            mine = [
                e
                for e in events
                if e.kv.key == key or (end is not None and e.kv.key >= key and (end == ALL_KEYS or e.kv.key < end))
            ]
        if self.only is not None:
            mine = [e for e in mine if e.type == self.only]
        if mine:
            self.on_events(revision, mine)

    def touches(self, start: bytes, end: bytes) -> bool:
        """Can a key of `[start, end)` lie in the watched range?"""
        if self.end is None:
            return start <= self.key and (end == ALL_KEYS or self.key < end)
        return (end == ALL_KEYS or self.key < end) and (self.end == ALL_KEYS or start < self.end)

    def cancel(self) -> None:
        self.active = False
        self._left(self)


class Watchers:
    """All watches of a store, by the folders that they touch: a change asks only those that may want it."""

    def __init__(self) -> None:
        self._all: list[Watcher] = []
        self._near: dict[bytes, list[Watcher]] = {}  # folder -> the watchers whose range touches it, found once
        self._offered: deque[tuple[int, list[Event]]] = deque()
        self._offering = False

    def add(self, watcher: Watcher) -> None:
        self._all = [*self._all, watcher]  # a new list: a commit may be walking through the old one
        self._near.clear()

    def remove(self, watcher: Watcher) -> None:
        self._all = [w for w in self._all if w is not watcher]
        self._near.clear()

    def offer(self, revision: int, events: list[Event]) -> None:
        """One revision's events are committed.  If a watcher writes, all hear of its write after they heard of this."""
        if self._offering:
            self._offered.append((revision, events))
            return
        self._offering = True
        try:
            self._tell(revision, events)
            while self._offered:
                self._tell(*self._offered.popleft())
        finally:
            self._offering = False

    def _tell(self, revision: int, events: list[Event]) -> None:
        watchers = self._all
        if len(events) == 1:
            key = events[0].kv.key
            folder = key[: key.rfind(b"/") + 1]
            near = self._near.get(folder)
            if near is None:
                if len(self._near) >= FOLDERS:
                    self._near.clear()
                last = prefix_end(folder) if folder else ALL_KEYS
                near = self._near[folder] = [w for w in watchers if w.touches(folder, last)]
            watchers = near
        for watcher in watchers:
            watcher.offer(revision, events)
