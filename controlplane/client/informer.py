"""Informers: a local, indexed copy of one resource, kept current by list and watch (client-go's `tools/cache`).

An informer lists once, watches from the list's resourceVersion, and lists again when the watch is lost for longer than
the server remembers.  Its handlers hear of differences only, so a controller that looks at what *is* (the lister) and
not at what happened reaches the same state whatever was lost, repeated or reordered on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from controlplane.client.base import ApiError, Client, Obj, Objs, Watch
from controlplane.clock import Loop

Handler = Callable[[str, Obj | None, Obj | None], None]  # ("ADDED" | "MODIFIED" | "DELETED", old, new)
Keys = list[str]
IndexFunc = Callable[[Obj], Iterable[str]]

FIRST_BACKOFF = 0.8  # seconds; client-go's reflector: 0.8 s, doubling to 30 s, with jitter
LAST_BACKOFF = 30.0
WATCH_TIMEOUT = 300.0  # seconds; a reflector gives up each watch after 5 to 10 minutes and starts another


def key_of(obj: Obj) -> str:
    """`namespace/name`, or `name` for a cluster-scoped object (client-go's MetaNamespaceKeyFunc)."""
    meta = obj["metadata"]
    namespace = meta.get("namespace")
    return f"{namespace}/{meta['name']}" if namespace else str(meta["name"])


def split_key(key: str) -> tuple[str | None, str]:
    """(namespace or None, name) of a key."""
    namespace, slash, name = key.rpartition("/")
    return (namespace if slash else None), name


class Informer:
    """One resource, cached.  What it hands out is shared: never change it.

    `resync` (seconds, 0 for never) repeats a MODIFIED for everything in the cache, as a safety net for handlers that
    depend on the world outside the cluster.
    """

    def __init__(
        self,
        loop: Loop,
        client: Client,
        resource: str,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resync: float = 0.0,
    ) -> None:
        self.loop = loop
        self.client = client
        self.resource = resource
        self.namespace = namespace
        self.label_selector = label_selector
        self.field_selector = field_selector
        self.resync = resync
        self.synced = False  # has the first list arrived?
        self.last_error: ApiError | None = None
        self._objects: dict[str, Obj] = {}
        self._indexers: dict[str, IndexFunc] = {}
        self._indices: dict[str, dict[str, dict[str, Obj]]] = {}
        self._handlers: list[Handler] = []
        self._rng = loop.rng(f"informer/{client.user}/{resource}/{namespace}/{field_selector}{label_selector}")
        self._watch: Watch | None = None
        self._epoch = 0  # counts watches: callbacks of an earlier one are ignored
        self._version = ""
        self._backoff = FIRST_BACKOFF
        self._running = False

    # Reading --------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> Obj | None:
        """The object with this `namespace/name` key, or None."""
        return self._objects.get(key)

    def list(self) -> Objs:
        return list(self._objects.values())

    def keys(self) -> Keys:
        return list(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def add_index(self, name: str, indexer: IndexFunc) -> None:
        """Keep a second way in: `indexer(obj)` returns the values under which `by_index` finds the object."""
        if name in self._indexers:
            return
        self._indexers[name] = indexer
        index = self._indices[name] = {}
        for key, obj in self._objects.items():
            for value in indexer(obj):
                index.setdefault(value, {})[key] = obj

    def by_index(self, name: str, value: str) -> Objs:
        """All objects that the index `name` has under `value`."""
        return list(self._indices[name].get(value, {}).values())

    # Running --------------------------------------------------------------------------------------------------------

    def add_handler(self, handler: Handler) -> None:
        """Call `handler(type, old, new)` for every difference; for what is cached already, at once as ADDED."""
        self._handlers.append(handler)
        for obj in list(self._objects.values()):
            handler("ADDED", None, obj)

    def start(self) -> None:
        """List and watch from now on.  Idempotent."""
        if self._running:
            return
        self._running = True
        self._relist()
        if self.resync:
            self.loop.call_later(self.resync, self._resync)

    def stop(self) -> None:
        self._running = False
        self._end_watch()

    def _end_watch(self) -> None:
        self._epoch += 1
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def _relist(self) -> None:
        if not self._running:
            return
        self._end_watch()
        try:
            items, self._version = self.client.list_shared(
                self.resource, self.namespace, label_selector=self.label_selector, field_selector=self.field_selector
            )
        except ApiError as error:
            self._retry(error, self._relist)
            return
        self._replace(items)
        self.synced = True
        self._open_watch()

    def _replace(self, items: Objs) -> None:
        """Make the cache equal to a fresh list, and tell the handlers what that changed."""
        fresh = {key_of(obj): obj for obj in items}
        for key in [key for key in self._objects if key not in fresh]:
            self._store(key, None)
        for key, obj in fresh.items():
            old = self._objects.get(key)
            if old is None or old["metadata"].get("resourceVersion") != obj["metadata"].get("resourceVersion"):
                self._store(key, obj)

    def _open_watch(self) -> None:
        if not self._running:
            return
        self._end_watch()
        epoch = self._epoch
        try:
            self._watch = self.client.watch(
                self.resource,
                lambda type, obj: self._on_event(epoch, type, obj),
                self.namespace,
                resource_version=self._version,
                label_selector=self.label_selector,
                field_selector=self.field_selector,
                on_close=lambda error: self._on_close(epoch, error),
            )
        except ApiError as error:
            self._on_close(epoch, error)
            return
        self.loop.call_later(WATCH_TIMEOUT * (1 + self._rng.random()), self._on_timeout, epoch)

    def _on_timeout(self, epoch: int) -> None:
        """A watch that went silent looks like a watch without news: open another one now and then."""
        if epoch == self._epoch and self._running:
            self._open_watch()

    def _on_event(self, epoch: int, type: str, obj: Obj) -> None:
        if epoch != self._epoch:
            return
        self._backoff = FIRST_BACKOFF
        self._version = obj["metadata"].get("resourceVersion", self._version)
        if type == "BOOKMARK":
            return
        self._store(key_of(obj), None if type == "DELETED" else obj, obj)

    def _on_close(self, epoch: int, error: ApiError | None) -> None:
        if epoch != self._epoch or not self._running:
            return
        self._epoch += 1
        self._watch = None
        if error is None:
            self.loop.call_soon(self._open_watch)
        elif error.expired:
            self.loop.call_soon(self._relist)
        else:
            self._retry(error, self._open_watch if self.synced else self._relist)

    def _retry(self, error: ApiError, attempt: Callable[[], None]) -> None:
        self.last_error = error
        self.loop.call_later(self._backoff * (1 + self._rng.random()), attempt)
        self._backoff = min(self._backoff * 2, LAST_BACKOFF)

    def _resync(self) -> None:
        if self._running:
            for obj in list(self._objects.values()):
                self._tell("MODIFIED", obj, obj)
            self.loop.call_later(self.resync, self._resync)

    def _store(self, key: str, new: Obj | None, last: Obj | None = None) -> None:
        """Put `new` in the cache, or remove the key; `last` is the final state of an object that is gone."""
        old = self._objects.get(key)
        if new is None:
            if old is None:
                return
            del self._objects[key]
        else:
            self._objects[key] = new
        for name, indexer in self._indexers.items():
            index = self._indices[name]
            values = list(indexer(new)) if new is not None else []
            if old is not None:
                for value in indexer(old):
                    if value not in values and value in index:
                        index[value].pop(key, None)
                        if not index[value]:
                            del index[value]
            if new is not None:
                for value in values:
                    index.setdefault(value, {})[key] = new
        if new is None:
            self._tell("DELETED", last if last is not None else old, None)
        else:
            self._tell("ADDED" if old is None else "MODIFIED", old, new)

    def _tell(self, type: str, old: Obj | None, new: Obj | None) -> None:
        for handler in self._handlers:
            handler(type, old, new)


class InformerFactory:
    """The informers that the parts of one process share: one list and one watch for each resource and filter."""

    def __init__(self, loop: Loop, client: Client) -> None:
        self.loop = loop
        self.client = client
        self._informers: dict[tuple[Any, ...], Informer] = {}
        self._started = False

    def informer(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> Informer:
        key = (resource, namespace, label_selector, field_selector)
        if key not in self._informers:
            self._informers[key] = Informer(
                self.loop,
                self.client,
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
            )
            if self._started:
                self._informers[key].start()
        return self._informers[key]

    @property
    def synced(self) -> bool:
        return all(informer.synced for informer in self._informers.values())

    def start(self) -> None:
        self._started = True
        for informer in list(self._informers.values()):
            informer.start()

    def stop(self) -> None:
        self._started = False
        for informer in self._informers.values():
            informer.stop()
