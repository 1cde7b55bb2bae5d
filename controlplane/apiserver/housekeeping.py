"""What the server does on its own: bookmarks, the end of watches, events and old revisions, and who has which address.

(apiserver: storage/cacher, storage/etcd3/compact.go; kubernetes: pkg/registry/core/service/ipallocator)
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import ref

from controlplane.apiserver import bootstrap
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.watch_cache import Entry, WatchStream
from controlplane.etcd.api import EtcdError

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

BOOKMARK_PERIOD = 60.0  # seconds; upstream's watch cache sends about one a minute to those who ask for them
COMPACTION_PERIOD = 300.0  # seconds; upstream's --etcd-compaction-interval: what is older than one period goes
RECONCILE_PERIOD = 10.0  # seconds after which the Service of the API server itself is back, if somebody deletes it
OWN_SERVICE = b"/default/kubernetes"
EVENT_TTL = 3600.0  # seconds; upstream's --event-ttl


class Housekeeping:
    """The server's timers.  *Note*: upstream expires Events by an etcd lease; here the server sweeps them."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.loop = server.loop
        self.rng = server.rng("housekeeping")
        self._revision = server.store.revision  # as it was one compaction period ago
        self._expiring: deque[tuple[float, ResourceInfo, Entry]] = deque()
        self._taken: set[str | int] = set()  # cluster IPs and node ports
        self._takers: dict[bytes, set[str | int]] = {}  # key of a Service -> those that it has
        self._running = True
        self._load_services()
        self.loop.call_later(BOOKMARK_PERIOD, self._bookmarks)
        self.loop.call_later(COMPACTION_PERIOD, self._compact)

    def stop(self) -> None:
        self._running = False

    def end_after(self, stream: WatchStream, timeout: float) -> None:
        """End a watch normally once `timeout` seconds have passed."""
        watch = ref(stream)  # one that its client has left long since is not kept until then

        def end() -> None:
            if (open_still := watch()) is not None:
                open_still.end()

        self.loop.call_later(timeout, end)

    # Timers ---------------------------------------------------------------------------------------------------------

    def _bookmarks(self) -> None:
        if not self._running:
            return
        for registry in self.server.registries():
            asking = [s for s in registry.storage.cache.streams() if s.wants_bookmarks]
            if asking:
                bookmark = registry.bookmark()
                for stream in asking:
                    stream.deliver("BOOKMARK", bookmark)
        self._expire()
        self.loop.call_later(BOOKMARK_PERIOD, self._bookmarks)

    def _compact(self) -> None:
        if not self._running:
            return
        store = self.server.store
        if self._revision > store.compact_revision:
            with contextlib.suppress(EtcdError):  # it does not answer, or another server was faster
                store.compact(self._revision)
        self._revision = store.revision
        self.loop.call_later(COMPACTION_PERIOD, self._compact)

    def _expire(self) -> None:
        now = self.loop.now()
        while self._expiring and self._expiring[0][0] <= now:
            _, info, entry = self._expiring[0]
            try:
                self.server.registry(info).storage.remove(entry)  # does nothing if it was written again since
            except EtcdError:  # the store does not answer: next time
                break
            self._expiring.popleft()

    # What follows from a write --------------------------------------------------------------------------------------

    def stored(self, info: ResourceInfo, entry: Entry) -> None:
        if info.plural == "events":
            self._expiring.append((self.loop.now() + EVENT_TTL, info, entry))
        elif info.plural == "services" and not info.group:
            self._take(entry)
        elif info.plural == "customresourcedefinitions":
            self.server.custom.defined(info, entry)

    def removed(self, info: ResourceInfo, entry: Entry) -> None:
        if info.plural == "services" and not info.group:
            self._release(entry.key)
            if entry.key.endswith(OWN_SERVICE):
                self.loop.call_later(RECONCILE_PERIOD, bootstrap.create, self.server)
        elif info.plural == "customresourcedefinitions":
            self.server.custom.undefined(entry.obj)

    # Addresses and ports of Services --------------------------------------------------------------------------------

    def _load_services(self) -> None:
        info = self.server.resources.by_name("services")
        assert info is not None
        for entry in self.server.registry(info).storage.cache.entries.values():
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        self._release(entry.key)
        spec = entry.obj["spec"]
        taken: set[str | int] = {address for address in spec.get("clusterIPs") or [spec.get("clusterIP")] if address}
        taken |= {port["nodePort"] for port in spec.get("ports") or [] if port.get("nodePort")}
        taken |= {spec["healthCheckNodePort"]} if spec.get("healthCheckNodePort") else set()
        taken.discard("None")
        self._taken |= taken
        self._takers[entry.key] = taken

    def _release(self, key: bytes) -> None:
        self._taken -= self._takers.pop(key, set())

    def cluster_ip_used(self, address: str) -> bool:
        return address in self._taken

    def node_port_used(self, port: int) -> bool:
        return port in self._taken
