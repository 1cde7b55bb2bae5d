"""What happened: every write that the store still has, who made it, and the whole cluster as it was at any revision.

    history = History(cluster)             # follows the store from here on: later compactions take nothing from it
    history.at(120)                        # all objects at revision 120
    history.find("deployment/web")         # the writes to one object, in order
    history.diff(100, 120)                 # what differs between two revisions
    history.why("pod/web-1")               # what led to it, back to somebody's wish

A `Write` joins what the store says (the object before and after) with what the API server's log says (when, who, how).
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from controlplane.apiserver.api import AuditEvent
    from controlplane.apiserver.server import ApiServer
    from controlplane.clock import Loop
    from controlplane.etcd.api import Event
    from controlplane.view.causes import Why
    from controlplane.view.diff import Diff

Obj = dict[str, Any]

ROOT, ROOT_END = b"/registry/", b"/registry0"
SERVER = "API server"  # wrote what is in nobody's request: the objects that it makes for itself
UNKNOWN = (
    -1.0
)  # the time of a write that nobody asked for, and that was made before the history began: as the one before
COMPONENTS = {
    "": SERVER,
    "kubernetes-admin": "you",
    "system:kube-controller-manager": "controllers",
    "system:controllers": "controllers",
    "system:kube-scheduler": "scheduler",
    "system:scheduler": "scheduler",
    "system:kube-proxy": "kube-proxy",
    "system:serviceaccount:ingress:ingress-controller": "Ingress controller",
    "system:cloud-controller-manager": "load balancer",
    "system:serviceaccount:kube-system:coredns": "DNS",
}


class Recorded(Protocol):
    """What a history needs of a cluster."""

    loop: Loop
    server: ApiServer

    @property
    def log(self) -> Sequence[AuditEvent]: ...


def component(user: str) -> str:
    """Who a user of the API is, in the pictures' words: "you", "scheduler", "kubelet node-a"."""
    if user.startswith("system:node:"):
        return "kubelet " + user.removeprefix("system:node:")
    return COMPONENTS.get(user, user)


class Write:
    """One change of one object.  `before` is None if it made the object, `after` if it removed it."""

    def __init__(self, revision: int, key: str, before: bytes | None, after: bytes | None) -> None:
        self.revision = revision
        self.key = key
        self.raw_before = before
        self.raw_after = after
        self.time = 0.0  # seconds since the Unix epoch
        self.user = ""
        self.verb = "create" if before is None else "update" if after is not None else "delete"
        self.resource = key.split("/")[2]
        self.subresource = ""

    def tell(self, event: AuditEvent) -> None:
        """Take over what the API server's log says of this write."""
        self.time, self.user, self.verb = event.time, event.user, event.verb
        self.resource, self.subresource = event.resource, event.subresource

    @cached_property
    def before(self) -> Obj | None:
        return None if self.raw_before is None else json.loads(self.raw_before)

    @cached_property
    def after(self) -> Obj | None:
        return None if self.raw_after is None else json.loads(self.raw_after)

    @property
    def object(self) -> Obj:
        """The object as it is after the write; as it was last, if the write removed it."""
        found = self.after if self.after is not None else self.before
        assert found is not None
        return found

    @property
    def by(self) -> str:
        return component(self.user)

    @property
    def kind(self) -> str:
        return str(self.object.get("kind", ""))

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"].get("namespace", ""))

    @property
    def uid(self) -> str:
        return str(self.object["metadata"].get("uid", self.key))

    @property
    def what(self) -> str:
        """ "create pods/binding web-1"."""
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {resource} {self.name}"

    def __repr__(self) -> str:
        return f"<{self.revision} {self.by}: {self.what}>"


class NoSuchRevision(LookupError):
    """The store has forgotten that revision, or has not come to it."""


class History:
    """The writes of a cluster, as far back as its store remembers when this is made, and all that follow."""

    def __init__(self, cluster: Recorded) -> None:
        self.cluster = cluster
        store = cluster.server.store
        self.first = max(store.compact_revision, 1)  # the oldest revision that can be read
        self.base: dict[str, bytes] = {}  # the objects as they were then
        for kv in store.range(ROOT, ROOT_END, revision=self.first).kvs:
            self.base[kv.key.decode()] = kv.value
        self._writes: list[Write] = []
        self._told = 0  # writes that have been joined with the log
        self._live = False  # does the store tell of the present, or still of what was before?
        self._watcher = store.watch(ROOT, ROOT_END, self._keep, self.first + 1)
        self._live = True

    def _keep(self, revision: int, events: Sequence[Event]) -> None:
        now = self.cluster.loop.now() if self._live else UNKNOWN
        for event in events:
            after = event.kv.value if event.type == "PUT" else None
            before = event.prev.value if event.prev is not None else None
            write = Write(revision, event.kv.key.decode(), before, after)
            write.time = now
            self._writes.append(write)

    def stop(self) -> None:
        """Follow the store no more."""
        self._watcher.cancel()

    @property
    def last(self) -> int:
        """The newest revision that is known."""
        return self._writes[-1].revision if self._writes else self.first

    @property
    def writes(self) -> Sequence[Write]:
        """All writes, in order."""
        if self._told < len(self._writes):
            told = {int(event.revision): event for event in self.cluster.log if event.revision}
            time = self._writes[self._told - 1].time if self._told else self.cluster.loop.start
            for write in self._writes[self._told :]:
                if write.revision in told:
                    write.tell(told[write.revision])
                elif write.time == UNKNOWN:
                    write.time = time
                time = write.time
            self._told = len(self._writes)
        return self._writes

    def at(self, revision: int = 0) -> dict[str, Obj]:
        """Every object as it was at a revision (0: now), by its key in the store.  NoSuchRevision."""
        revision = revision or self.last
        if not self.first <= revision <= self.last:
            raise NoSuchRevision(f"revision {revision} is not known: the history goes from {self.first} to {self.last}")
        state = dict(self.base)
        for write in self._writes[: bisect_right(self._writes, revision, key=_revision)]:
            if write.raw_after is None:
                state.pop(write.key, None)
            else:
                state[write.key] = write.raw_after
        return {key: json.loads(value) for key, value in sorted(state.items())}

    def when(self, seconds: float) -> int:
        """The revision that was the newest so many seconds after the start of the cluster."""
        end = self.cluster.loop.start + seconds
        return max((write.revision for write in self.writes if write.time <= end), default=self.first)

    def between(self, first: int, last: int) -> Sequence[Write]:
        """The writes of the revisions from `first` to `last`, both included."""
        writes = self.writes
        return writes[bisect_left(writes, first, key=_revision) : bisect_right(writes, last, key=_revision)]

    def find(self, what: str, namespace: str = "default") -> list[Write]:
        """The writes to the object "deployment/web" or "pods/web-1", in order.  LookupError if there were none."""
        kind, _, name = what.partition("/")
        wanted = kind.lower()
        found = [
            write
            for write in self.writes
            if wanted in (write.kind.lower(), write.resource)
            and write.name == name
            and write.namespace in ("", namespace)
        ]
        if not found:
            raise LookupError(f"nothing was written to {what} between revisions {self.first} and {self.last}")
        return found

    def diff(self, old: int, new: int = 0) -> Diff:
        """What differs between two revisions (0: now), object by object."""
        from controlplane.view.diff import diff

        return diff(self, old, new)

    def why(self, what: str, namespace: str = "default") -> Why:
        """Why the object "pod/web-1" is as it is: its last change, and what led to it."""
        from controlplane.view.causes import why

        return why(self, what, namespace)


def _revision(write: Write) -> int:
    return write.revision
