"""What the scheduler lets its plugins use (upstream: framework.Handle)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING

from controlplane.client.base import ApiError, Client, Obj, Objs
from controlplane.client.events import EventRecorder
from controlplane.client.informer import Handler, InformerFactory
from controlplane.clock import Loop
from controlplane.scheduler.cache import Cache
from controlplane.scheduler.nominator import Nominator
from controlplane.scheduler.pod_info import PodInfo

if TYPE_CHECKING:
    from controlplane.scheduler.runtime import Framework


class Lister:
    """The cached objects of one resource; empty where the server has no such resource."""

    def __init__(self, informers: InformerFactory, client: Client, resource: str) -> None:
        self._informer = None
        try:
            client.resource(resource)
        except ApiError:
            return
        self._informer = informers.informer(resource)
        self._informer.add_index("namespace", lambda obj: [obj["metadata"].get("namespace", "")])

    @property
    def synced(self) -> bool:
        return self._informer is None or self._informer.synced

    def get(self, key: str) -> Obj | None:
        return self._informer.get(key) if self._informer is not None else None

    def list(self) -> Objs:
        return self._informer.list() if self._informer is not None else []

    def within(self, namespace: str) -> Objs:
        return self._informer.by_index("namespace", namespace) if self._informer is not None else []

    def add_handler(self, handler: Handler) -> None:
        if self._informer is not None:
            self._informer.add_handler(handler)


class Handle:
    """Shared by the plugins of all profiles."""

    def __init__(self, loop: Loop, client: Client, informers: InformerFactory, cache: Cache) -> None:
        self.loop = loop
        self.client = client
        self.informers = informers
        self.cache = cache
        self.nominator = Nominator()
        self._recorders: dict[str, EventRecorder] = {}
        self.rng: Random = loop.rng("scheduler")
        self.frameworks: dict[str, Framework] = {}  # by schedulerName
        self.activate: Callable[[str], None] = lambda key: None  # put a waiting Pod back in the queue
        self.allow: Callable[[str, str], None] = lambda key, plugin: None  # let a Pod go that Permit held
        self.reject: Callable[[str, str, str], None] = lambda key, plugin, message: None  # turn it down
        self.listers: dict[str, Lister] = {}  # what the plugins have asked for

    def lister(self, resource: str) -> Lister:
        if resource not in self.listers:
            self.listers[resource] = Lister(self.informers, self.client, resource)
        return self.listers[resource]

    @property
    def synced(self) -> bool:
        return all(lister.synced for lister in self.listers.values())

    def event(self, profile: str, obj: Obj, type: str, reason: str, message: str) -> None:
        """Record an event in the name of a profile."""
        if profile not in self._recorders:
            self._recorders[profile] = EventRecorder(self.loop, self.client, profile)
        self._recorders[profile].event(obj, type, reason, message)

    def framework_of(self, pod: PodInfo) -> Framework:
        return self.frameworks[pod.scheduler_name]

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        obj = self.lister("namespaces").get(namespace)
        return (obj["metadata"].get("labels") or {}) if obj else {}
