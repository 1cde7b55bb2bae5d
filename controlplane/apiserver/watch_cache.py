"""The watch cache of one resource: one watch on the store, fanned out to all who watch (apiserver: storage/cacher).

It keeps the decoded objects as they are now, and the last changes, so that a watch can start a little in the past.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from controlplane.apiserver.codec import decode, encode
from controlplane.etcd.api import EtcdStore, Event, KeyValue, prefix_end

Obj = dict[str, Any]

FRESH = 75.0  # seconds for which changes are kept; upstream's eventFreshDuration
AT_LEAST = 100  # changes that are kept however old; upstream's lower bound of the cache's capacity
AT_MOST = 10_000  # changes that are kept however new (upstream: 102,400); who is further behind lists again


class Entry:
    """One stored object at one revision; `raw` is its JSON, encoded once and shared.

    Without `obj`, it is decoded from `value` whenever somebody asks: for kinds that are written often and read rarely.
    """

    __slots__ = ("key", "value", "revision", "_obj", "_raw")

    def __init__(self, key: bytes, obj: Obj | None, value: bytes, revision: int) -> None:
        self.key = key
        self.value = value
        self.revision = revision
        self._obj = obj
        self._raw: bytes | None = None

    @property
    def obj(self) -> Obj:
        """The decoded object, shared: never change it."""
        return self.copy() if self._obj is None else self._obj

    def copy(self) -> Obj:
        """A decoded object of the caller's own."""
        obj: Obj = decode(self.value)
        obj["metadata"]["resourceVersion"] = str(self.revision)
        return obj

    @classmethod
    def build(cls, key: bytes, stored: Obj, value: bytes, revision: int) -> Entry:
        """The entry for what was stored: the resourceVersion is not in the value, it is the key's revision."""
        return cls(
            key, {**stored, "metadata": {**stored["metadata"], "resourceVersion": str(revision)}}, value, revision
        )

    @property
    def raw(self) -> bytes:
        """The object's JSON.  The stored value lacks the resourceVersion alone: it is spliced in."""
        if self._raw is None:
            head, mark, tail = self.value.partition(b'"metadata":{')
            comma = b"" if tail[:1] == b"}" else b","
            self._raw = head + mark + b'"resourceVersion":"%d"' % self.revision + comma + tail
        return self._raw


class Change(NamedTuple):
    """One change of one object: `entry` as it is after it (its last state, for DELETED), `prev` as it was before."""

    type: str  # "ADDED" | "MODIFIED" | "DELETED"
    entry: Entry
    prev: Entry | None
    time: float


Match = Callable[[Obj], bool]


class WatchStream:
    """What one client watches.  The transport sets `deliver`; until then events wait in `backlog`.

    `deliver(type, entry)` gets "ADDED", "MODIFIED", "DELETED" or "BOOKMARK"; `closed(status)` hears once when the
    server ends the watch, with a Status object if that is an error.
    """

    def __init__(self, cache: WatchCache, match: Match | None, trigger: tuple[str, str] | None) -> None:
        self.cache = cache
        self.match = match
        self.trigger = trigger
        self.backlog: deque[tuple[str, Entry]] = deque()
        self.deliver: Callable[[str, Entry], None] = self._keep
        self.closed: Callable[[Obj | None], None] = lambda status: None
        self.wants_bookmarks = False
        self.after = 0  # changes up to this revision are not for this watch
        self.active = True
        self.refused: Obj | None = None  # what a watch that never began says to whom it is handed over

    @classmethod
    def refusing(cls, cache: WatchCache, status: Obj) -> WatchStream:
        """A watch that is over before it began, and says why."""
        stream = cls(cache, None, None)
        stream.active, stream.refused = False, status
        return stream

    def _keep(self, type: str, entry: Entry) -> None:
        self.backlog.append((type, entry))

    def attach(self, deliver: Callable[[str, Entry], None], closed: Callable[[Obj | None], None]) -> None:
        """Hand over what has waited, then everything as it comes."""
        self.deliver, self.closed = deliver, closed
        while self.backlog and self.active:
            deliver(*self.backlog.popleft())
        if self.refused is not None:
            closed(self.refused)

    def offer(self, change: Change) -> None:
        """Pass a change on as this watch sees it: what starts to match is ADDED, what stops to match is DELETED."""
        if not self.active or change.entry.revision <= self.after:
            return
        match = self.match
        if match is None:
            self.deliver(change.type, change.entry)
            return
        is_in = change.type != "DELETED" and match(change.entry.obj)
        was_in = change.prev is not None and match(change.prev.obj)
        if is_in:
            self.deliver("MODIFIED" if was_in else "ADDED", change.entry)
        elif was_in:  # it shows what was seen last, with the version of the change
            prev = change.prev
            assert prev is not None
            gone = change.type == "DELETED"
            last = change.entry if gone else Entry.build(prev.key, prev.obj, prev.value, change.entry.revision)
            self.deliver("DELETED", last)

    def stop(self) -> None:
        """The client is gone: nothing more is delivered."""
        if self.active:
            self.active = False
            self.cache.remove(self)

    def end(self, status: Obj | None = None) -> None:
        """The server ends the watch."""
        if self.active:
            self.stop()
            self.closed(status)


class WatchCache:
    """All objects of one resource, and who watches them."""

    def __init__(
        self,
        store: EtcdStore,
        prefix: bytes,
        now: Callable[[], float],
        triggers: dict[str, Callable[[Obj], str]],
        convert: Callable[[Obj], Obj] | None = None,
        keeps_decoded: bool = True,
    ) -> None:
        self.store = store
        self.keeps_decoded = keeps_decoded
        self.convert = convert  # from the version that is stored to the one that this cache shows
        self.prefix = prefix
        self.now = now
        self.triggers = triggers  # fields that have an index of watches: a Pod's change goes to its node's kubelet only
        self.entries: dict[bytes, Entry] = {}
        self.changes: deque[Change] = deque()
        self.written: tuple[bytes, Obj] | None = None  # what this server is writing now, to spare decoding it again
        self._triggered: dict[tuple[str, str], list[WatchStream]] = {}
        self._streams: list[WatchStream] = []
        listed = store.range(prefix, prefix_end(prefix))
        self.revision = listed.revision  # the cache is as new as this
        self.oldest = listed.revision  # watches can start after this revision
        for kv in listed.kvs:
            self.entries[kv.key] = self.build(kv.key, decode(kv.value), kv.value, kv.mod_revision)
        self._watcher = store.watch(prefix, prefix_end(prefix), self._on_events, listed.revision + 1)

    def entry(self, kv: KeyValue) -> Entry:
        """The decoded form of a key-value read from the store."""
        entry = self.entries.get(kv.key)
        if entry is not None and entry.revision == kv.mod_revision:
            return entry
        return self.build(kv.key, decode(kv.value), kv.value, kv.mod_revision)

    def build(self, key: bytes, stored: Obj, value: bytes, revision: int) -> Entry:
        if self.convert is not None and (shown := self.convert(stored)) is not stored:
            stored, value = shown, encode(shown)
        if not self.keeps_decoded:
            return Entry(key, None, value, revision)
        return Entry.build(key, stored, value, revision)

    def _on_events(self, revision: int, events: Sequence[Event]) -> None:
        now = self.now()
        for event in events:
            key, kv = event.kv.key, event.kv
            prev = self.entries.get(key)
            if event.type == "DELETE":
                if prev is None:
                    continue
                del self.entries[key]
                # the last state, at the revision of its deletion, as upstream's watch reports it
                last = (
                    Entry.build(key, prev.obj, prev.value, revision)
                    if self.keeps_decoded
                    else Entry(key, None, prev.value, revision)
                )
                change = Change("DELETED", last, prev, now)
            else:
                if self.written is not None and self.written[0] is kv.value:
                    stored = self.written[1]
                else:
                    stored = decode(kv.value)
                entry = self.entries[key] = self.build(key, stored, kv.value, revision)
                change = Change("ADDED" if prev is None else "MODIFIED", entry, prev, now)
            self._remember(change)
            self._dispatch(change)
        self.revision = revision

    def _remember(self, change: Change) -> None:
        changes = self.changes
        changes.append(change)
        while len(changes) > AT_MOST or (len(changes) > AT_LEAST and changes[0].time < change.time - FRESH):
            self.oldest = changes.popleft().entry.revision

    def _dispatch(self, change: Change) -> None:
        for stream in self._streams:
            stream.offer(change)
        for name, value_of in self.triggers.items():
            value = value_of(change.entry.obj)
            for stream in self._triggered.get((name, value), ()):
                stream.offer(change)
            if change.prev is not None and (before := value_of(change.prev.obj)) != value:
                for stream in self._triggered.get((name, before), ()):
                    stream.offer(change)

    def watch(self, match: Match | None, after: int | None, trigger: tuple[str, str] | None) -> WatchStream | None:
        """A stream of the changes after a revision; None for `after` means: what is there now, then all changes.

        Returns None if the changes since `after` are no longer known.
        """
        stream = WatchStream(self, match, trigger)
        if after is None:
            for entry in sorted(self.entries.values(), key=lambda e: e.key):
                if match is None or match(entry.obj):
                    stream.backlog.append(("ADDED", entry))
            stream.after = self.revision
        else:
            if after < self.oldest:
                return None
            stream.after = after
            for change in self.changes:
                stream.offer(change)
        if trigger is not None and trigger[0] in self.triggers:
            # lists are replaced, not changed: a dispatch may be walking through them
            self._triggered[trigger] = [*self._triggered.get(trigger, ()), stream]
        else:
            stream.trigger = None
            self._streams = [*self._streams, stream]
        return stream

    def remove(self, stream: WatchStream) -> None:
        if stream.trigger is None:
            self._streams = [s for s in self._streams if s is not stream]
            return
        left = [s for s in self._triggered.get(stream.trigger, ()) if s is not stream]
        if left:
            self._triggered[stream.trigger] = left
        else:
            self._triggered.pop(stream.trigger, None)

    def streams(self) -> list[WatchStream]:
        """All watches that are open."""
        return [*self._streams, *(s for streams in self._triggered.values() for s in streams)]

    def close(self) -> None:
        """End every watch; the store is no longer watched."""
        self._watcher.cancel()
        for stream in self.streams():
            stream.end()
