"""What a controller is: a class with `watches` and `reconcile(key)`.

    class WebsiteController(Controller):
        \"\"\"Keeps one Deployment for each Website (a custom resource).\"\"\"

        watches: ClassVar = {"websites.example.com": "self", "deployments": "owner"}

        def reconcile(self, key: str) -> float | None:
            site = self.informer("websites.example.com").get(key)
            if site is None:
                return None  # deleted: what it owned, the garbage collector removes
            ...compare what is with what should be, and write the difference with self.client...

`watches` maps each resource that matters to how one of its events leads to keys (`namespace/name`) of the first one:

- "self": the key of the object itself;
- "owner": the object that controls it (its ownerReference with `controller: true`), if that is of the first kind;
- the name of a method `(type, old, new) -> keys`, which gets "ADDED", "MODIFIED" or "DELETED" and the object as it
  was and as it is (None where it does not exist).

`reconcile` looks at what is and at what should be, never at what happened: it may be called twice for one event, or
once for ten.  It returns None, or a number of seconds after which to look again.  What it raises is reported and
retried later and later.  Any `Client` will do: the one in this process, HTTP, or a kubeconfig.

Upstream: sample-controller, controller-runtime's `reconcile.Reconciler`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.events import EventRecorder
from controlplane.client.informer import Informer, InformerFactory, key_of
from controlplane.client.workqueue import WorkQueue
from controlplane.clock import Loop, Timer

Keys = Iterable[str]
Mapper = Callable[[str, Obj | None, Obj | None], Keys]
OnError = Callable[["Controller", str, Exception], None]  # (who, key or what else it was doing, what was raised)

SYNC_POLL = 0.1  # seconds between looks whether the caches are filled (client-go: WaitForCacheSync)


class Controller:
    """The base class: a queue of keys, fed by informers, worked off one `reconcile` at a time.

    A subclass finds `self.client`, `self.loop`, `self.informer(resource)`, `self.event(...)` and `self.enqueue(key)`.
    """

    name: ClassVar[str] = ""  # the source of its events; the class's own name in kebab case if not given
    watches: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, loop: Loop, client: Client, informers: InformerFactory | None = None, on_error: OnError | None = None
    ) -> None:
        self.loop = loop
        self.client = client
        self.informers = informers if informers is not None else InformerFactory(loop, client)
        self._shares_informers = informers is not None
        self.title = self.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self).__name__).lower()
        self.recorder = EventRecorder(loop, client, self.title)
        self.queue = Queue(loop, self._wake)
        self.running = False
        self.reconciles = 0  # how often `reconcile` was called
        self._on_error = on_error
        self._held: dict[str, float] = {}  # key -> when it may be gone through again
        self._scheduled = False
        self._timers: dict[str, Timer] = {}
        self._caches: dict[str, Informer] = {}

    # What a subclass writes -----------------------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        """Make the world match the object `key`.  Return seconds until the next look, or None."""
        raise NotImplementedError

    def started(self) -> None:
        """Called once, when all caches are filled: the place for `every`."""

    # What a subclass uses -------------------------------------------------------------------------------------------

    def informer(self, resource: str, namespace: str | None = None, field_selector: str = "") -> Informer:
        """The shared cache of a resource.  What it hands out is shared too: never change it."""
        informer = self.informers.informer(resource, namespace, field_selector=field_selector)
        self._caches[f"{resource}/{namespace}/{field_selector}"] = informer
        return informer

    def enqueue(self, key: str, after: float = 0.0) -> None:
        """Reconcile `key` soon, or in `after` seconds."""
        self.queue.add_after(key, after)

    def event(self, obj: Obj, type: str, reason: str, message: str) -> None:
        """Record an Event about `obj`; `type` is "Normal" or "Warning"."""
        self.recorder.event(obj, type, reason, message)

    def every(self, seconds: float, what: Callable[[], None]) -> None:
        """Call `what` now and every `seconds` as long as the controller runs; what it raises is reported."""
        name = what.__name__
        if self.running:
            self._guard(name, what)
            self._timers[name] = self.loop.call_later(seconds, self.every, seconds, what)

    # How it runs ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Watch, and begin to reconcile once the caches are filled.  Idempotent."""
        if self.running:
            return
        self.running = True
        self.prepare()
        for resource, how in self.watches.items():
            informer = self.informer(resource)
            mapper = self._mapper(how)
            informer.add_handler(lambda type, old, new, mapper=mapper: self._on_event(mapper, type, old, new))  # type: ignore[misc]
        for informer in list(self._caches.values()):
            informer.start()
        self._wait_for_caches()

    def prepare(self) -> None:
        """Called once, before anything is heard of: the place for more informers, and for their indices."""

    def stop(self) -> None:
        """Stop reconciling, for good.  Informers that are shared with others go on."""
        self.running = False
        if not self._shares_informers:
            self.informers.stop()
        for timer in self._timers.values():
            timer.cancel()

    @property
    def synced(self) -> bool:
        return all(informer.synced for informer in self._caches.values())

    def _wait_for_caches(self) -> None:
        if not self.running:
            return
        if not self.synced:
            self.loop.call_later(SYNC_POLL, self._wait_for_caches)
            return
        self.queue.open = True
        self._guard("started", self.started)
        self._wake()

    def _mapper(self, how: str) -> Mapper:
        if how == "self":
            return _itself
        if how == "owner":
            return self._keys_of_owner
        return getattr(self, how)  # type: ignore[no-any-return]

    def _keys_of_owner(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        first = next(iter(self.watches))
        kind = self.client.resource(first)
        for obj in (old, new) if old is not new else (new,):
            ref = controller_of(obj) if obj is not None else None
            if obj is None or ref is None or ref["kind"] != kind.kind:
                continue
            if ref["apiVersion"].partition("/")[0] == kind.api_version.partition("/")[0]:
                namespace = obj["metadata"].get("namespace")
                yield f"{namespace}/{ref['name']}" if kind.namespaced else ref["name"]

    def _on_event(self, mapper: Mapper, type: str, old: Obj | None, new: Obj | None) -> None:
        if not self.running:
            return
        try:
            for key in mapper(type, old, new):
                self.queue.add(key)
        except Exception as error:
            self._report_error("watch", error)

    def _wake(self) -> None:
        if not self._scheduled and self.running and self.queue.open and len(self.queue):
            self._scheduled = True
            self.loop.call_soon(self._work)

    def hold(self, key: str, seconds: float) -> None:
        """Do not reconcile `key` again before so many seconds have passed."""
        self._held[key] = self.loop.now() + seconds

    def _work(self) -> None:
        """Reconcile one key: other components get their turn between two keys."""
        self._scheduled = False
        if not self.running:
            return
        key = self.queue.get()
        if key is None:
            return
        if self._held and (wait := self._held.pop(key, 0.0) - self.loop.now()) > 0:
            self._held[key] = self.loop.now() + wait
            self.queue.add_after(key, wait)
            self.queue.done(key)
            self._wake()
            return
        self.reconciles += 1
        try:
            again = self.reconcile(key)
        except Exception as error:
            self.queue.add_rate_limited(key)
            self._report_error(key, error)
        else:
            self.queue.forget(key)
            if again is not None:
                self.queue.add_after(key, again)
        self.queue.done(key)
        self._wake()

    def _guard(self, name: str, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:
            self._report_error(name, error)

    def _report_error(self, key: str, error: Exception) -> None:
        """Tell whoever runs us; and if it is not the API server that refused, tell the object's reader too.

        That somebody else wrote in between, or deleted what we were about to write, is no news: the next try looks
        again.
        """
        if isinstance(error, ApiError) and (error.conflict or error.not_found):
            return
        if not isinstance(error, ApiError) and self.watches:
            obj = self.informer(next(iter(self.watches))).get(key)
            if obj is not None:
                self.event(obj, "Warning", "ReconcileError", f"{type(error).__name__}: {error}")
        if self._on_error is not None:
            self._on_error(self, key, error)


class Queue(WorkQueue):
    """A work queue that says when there is work."""

    def __init__(self, loop: Loop, wake: Callable[[], None]) -> None:
        super().__init__(loop)
        self.open = False  # are the caches filled?
        self._wake = wake

    def add(self, key: str) -> None:
        super().add(key)
        self._wake()


def _itself(type: str, old: Obj | None, new: Obj | None) -> Keys:
    obj = new if new is not None else old
    return (key_of(obj),) if obj is not None else ()


def controller_of(obj: Obj) -> dict[str, Any] | None:
    """The ownerReference of the object's controller, or None (metav1.GetControllerOf)."""
    for ref in obj["metadata"].get("ownerReferences") or ():
        if ref.get("controller"):
            return ref  # type: ignore[no-any-return]
    return None


def owner_reference(owner: Obj) -> dict[str, Any]:
    """The reference that makes `owner` the controller of what carries it (metav1.NewControllerRef)."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
