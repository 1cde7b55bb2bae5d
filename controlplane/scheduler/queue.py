"""The scheduling queue: active, back-off and unschedulable Pods (upstream: backend/queue).

Active Pods are tried in the order of the QueueSort plugin.  A refused Pod becomes unschedulable: it waits for an event
that one of the plugins that refused it has registered, then for the rest of its back-off, and is tried again.  After
five minutes it is tried whatever happened.  A scheduler with nothing else to do takes Pods out of their back-off early,
except those that no plugin refused: something broke (feature SchedulerPopFromBackoffQ, on since 1.33).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from controlplane.client.base import Obj
from controlplane.clock import Loop, Timer
from controlplane.scheduler.events import (
    POD_UPDATE,
    ClusterEvent,
    Hint,
    waiting_changes,
)
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import PluginError

INITIAL_BACKOFF = 1.0  # seconds
MAX_BACKOFF = 10.0
BACKOFF_WINDOW = 1.0  # Pods whose back-off ends in the same second are in the order of the active queue
FLUSH_INTERVAL = 30.0
MAX_UNSCHEDULABLE = 300.0  # seconds that a Pod waits for an event at the most


class Queued:
    """A Pod in the queue, with what is known of its earlier attempts."""

    __slots__ = ("pod", "since", "attempts", "plugins", "pending", "gated")

    def __init__(self, pod: PodInfo, now: float) -> None:
        self.pod = pod
        self.since = now  # when it was last put in the queue or failed
        self.attempts = 0
        self.plugins: tuple[str, ...] = ()  # those that refused it; their events wake it
        self.pending = False  # refused with Code.PENDING: its event needs no back-off
        self.gated = ""  # the PreEnqueue plugin that keeps it out


class SchedulingQueue:
    """`wake` is called whenever there may be something to pop."""

    def __init__(
        self,
        loop: Loop,
        handle: Handle,
        wake: Callable[[], None],
        initial_backoff: float = INITIAL_BACKOFF,
        max_backoff: float = MAX_BACKOFF,
    ) -> None:
        self.loop = loop
        self.handle = handle
        self.wake = wake
        self.initial_backoff = initial_backoff
        self.max_backoff = max_backoff
        self.active: dict[str, Queued] = {}
        self.backoff: dict[str, Queued] = {}
        self.unschedulable: dict[str, Queued] = {}
        self._refused_by: dict[str, dict[str, Queued]] = {}  # the unschedulable ones again, by plugin
        self._heap: list[tuple[tuple[Any, ...], int, Queued]] = []
        self._order = itertools.count()
        self._in_flight: dict[str, list[ClusterEvent]] = {}  # what happened while a Pod is being tried
        self._late: dict[str, PodInfo] = {}  # arrived while a Pod of the same name was in flight
        self._flush: Timer | None = None
        self._early: list[tuple[tuple[Any, ...], int, Queued]] = []  # those in back-off that may be taken out of it

    def __len__(self) -> int:
        return len(self.active) + len(self.backoff) + len(self.unschedulable)

    # In and out ------------------------------------------------------------------------------------------------------

    def add(self, pod: PodInfo) -> None:
        """A Pod without a node is new."""
        if pod.key in self._in_flight:
            self._late[pod.key] = pod  # another one of the same name is still being tried
        elif self.find(pod.key) is None:
            self._admit(Queued(pod, self.loop.now()))

    def find(self, key: str) -> Queued | None:
        return self.active.get(key) or self.backoff.get(key) or self.unschedulable.get(key)

    def pop(self) -> Queued | None:
        """The next Pod to try.  It is in flight until `done` or `retry`."""
        item = self._pop_active() or self._pop_backoff()
        if item is not None:
            item.attempts += 1
            item.plugins, item.pending = (), False
            self._in_flight[item.pod.key] = []
        return item

    @property
    def ready(self) -> bool:
        """Would `pop` give something?"""
        return bool(self.active) or self._has_early()

    def done(self, key: str) -> None:
        """The attempt is over and the Pod does not come back."""
        self._in_flight.pop(key, None)
        late = self._late.pop(key, None)
        if late is not None:
            self.add(late)

    def retry(self, item: Queued) -> None:
        """The attempt failed: wait for an event that helps or, if no plugin refused it, just for the back-off."""
        key = item.pod.key
        events = self._in_flight.pop(key, [])
        if self.find(key) is not None:
            return
        item.since = self.loop.now()
        if not item.plugins:
            self._back_off(item)
            return
        self._shelve(item)
        if any(self._helps(item, event) for event in events):
            self._unshelve(key)
            self._requeue(item)

    def update(self, old: Obj, pod: PodInfo) -> None:
        """A waiting Pod has changed."""
        key = pod.key
        item = self.find(key)
        if item is None:
            if key in self._in_flight:
                self._in_flight[key] += [ClusterEvent(name, old, pod.pod) for name in waiting_changes(old, pod.pod)]
            else:
                self.add(pod)
            return
        resort = key in self.active and item.pod.priority != pod.priority
        item.pod = pod
        if resort:
            self._activate(item)
        if key not in self.unschedulable:
            return
        for name in waiting_changes(old, pod.pod):
            if item.gated or name == POD_UPDATE or self._helps(item, ClusterEvent(name, old, pod.pod)):
                self._unshelve(key)
                self._requeue(item)
                return

    def delete(self, key: str) -> None:
        self.active.pop(key, None)
        self.backoff.pop(key, None)
        self._unshelve(key)
        self._late.pop(key, None)

    def activate(self, key: str) -> None:
        """Try this Pod soon, whatever it waits for."""
        item = self.backoff.pop(key, None) or self._unshelve(key)
        if item is not None:
            self._admit(item)

    # Events ----------------------------------------------------------------------------------------------------------

    @property
    def watchful(self) -> bool:
        """Could an event matter to some Pod?"""
        return bool(self.unschedulable or self._in_flight)

    def on_event(self, event: str, old: Obj | None, new: Obj | None, but: str = "") -> None:
        """Something happened in the cluster: wake the Pods that it could help (`but` not this one)."""
        happened = ClusterEvent(event, old, new)
        for events in self._in_flight.values():
            events.append(happened)
        concerned: dict[str, Queued] = {}
        for plugin, items in self._refused_by.items():
            if not plugin or any(f.hints(plugin, event) for f in self.handle.frameworks.values()):
                concerned.update(items)
        for key, item in concerned.items():
            if key != but and self._helps(item, happened):
                self._unshelve(key)
                self._requeue(item)

    def _helps(self, item: Queued, happened: ClusterEvent) -> bool:
        framework = self.handle.framework_of(item.pod)
        for plugin in _waits_on(item):
            if not plugin:
                return True
            for hint in framework.hints(plugin, happened.event):
                if self._hint_says(hint, item, happened):
                    return True
        return False

    @staticmethod
    def _hint_says(hint: Hint | None, item: Queued, happened: ClusterEvent) -> bool:
        if hint is None:
            return True
        try:
            return hint(item.pod, happened.old, happened.new)
        except Exception:  # a hint that breaks must not hold the Pod back (upstream does the same)
            return True

    # Moving ----------------------------------------------------------------------------------------------------------

    def _admit(self, item: Queued) -> None:
        """Ask the PreEnqueue plugins, then make the Pod active."""
        try:
            status = self.handle.framework_of(item.pod).run_pre_enqueue(item.pod)
            gated = status.plugin if status else ""
        except PluginError as error:
            self.handle.event(item.pod.scheduler_name, item.pod.pod, "Warning", "FailedScheduling", str(error))
            gated = self.handle.framework_of(item.pod).running
        item.gated = gated
        if gated:
            self._shelve(item)
        else:
            self._activate(item)
            self.wake()

    def _shelve(self, item: Queued) -> None:
        """Wait for an event that helps."""
        key = item.pod.key
        self.unschedulable[key] = item
        for plugin in _waits_on(item):
            self._refused_by.setdefault(plugin, {})[key] = item
        if self._flush is None:
            self._flush = self.loop.call_later(FLUSH_INTERVAL, self._on_flush)

    def _unshelve(self, key: str) -> Queued | None:
        item = self.unschedulable.pop(key, None)
        if item is not None:
            for plugin in _waits_on(item):
                del self._refused_by[plugin][key]
        return item

    def _activate(self, item: Queued) -> None:
        heapq.heappush(self._heap, (self._sort_key(item), next(self._order), item))
        self.active[item.pod.key] = item

    def _sort_key(self, item: Queued) -> tuple[Any, ...]:
        sort = self.handle.framework_of(item.pod).queue_sort
        return sort.less(item.pod, item.since) if sort else (item.since,)

    def _pop_active(self) -> Queued | None:
        while self._heap:
            item = heapq.heappop(self._heap)[2]
            if self.active.get(item.pod.key) is item:
                del self.active[item.pod.key]
                return item
        return None

    def _requeue(self, item: Queued) -> None:
        if item.gated or item.pending or self.loop.now() >= self._ready_at(item):
            self._admit(item)
        else:
            self._back_off(item)

    def _back_off(self, item: Queued) -> None:
        self.backoff[item.pod.key] = item
        ready = self._ready_at(item)
        self.loop.call_at(ready, self._on_ripe, item)
        if item.plugins:
            key = (ready // BACKOFF_WINDOW, *self._sort_key(item))
            heapq.heappush(self._early, (key, next(self._order), item))
            self.wake()

    def _ready_at(self, item: Queued) -> float:
        if not item.attempts:
            return item.since
        return item.since + min(self.initial_backoff * 2.0 ** min(item.attempts - 1, 60), self.max_backoff)

    def _pop_backoff(self) -> Queued | None:
        if not self._has_early():
            return None
        item = heapq.heappop(self._early)[2]
        del self.backoff[item.pod.key]
        return item

    def _has_early(self) -> bool:
        while self._early and self.backoff.get(self._early[0][2].pod.key) is not self._early[0][2]:
            heapq.heappop(self._early)
        return bool(self._early)

    def _on_ripe(self, item: Queued) -> None:
        if self.backoff.get(item.pod.key) is item and self.loop.now() >= self._ready_at(item):
            del self.backoff[item.pod.key]
            self._admit(item)

    def _on_flush(self) -> None:
        self._flush = None
        late = self.loop.now() - MAX_UNSCHEDULABLE
        for item in [item for item in self.unschedulable.values() if item.since < late and not item.gated]:
            self._unshelve(item.pod.key)
            self._requeue(item)
        if self.unschedulable:
            self._flush = self.loop.call_later(FLUSH_INTERVAL, self._on_flush)

    def stop(self) -> None:
        if self._flush is not None:
            self._flush.cancel()


def _waits_on(item: Queued) -> tuple[str, ...]:
    """The plugins whose events wake the Pod; "" stands for any event at all."""
    return (item.gated,) if item.gated else item.plugins or ("",)
