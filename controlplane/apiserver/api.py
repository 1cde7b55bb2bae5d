"""What goes into and comes out of `ApiServer.handle`: the same for a notebook in this process and for HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from controlplane.apiserver.codec import encode

if TYPE_CHECKING:
    from controlplane.apiserver.streams import ByteStream, Upgrade
    from controlplane.apiserver.watch_cache import Entry, WatchStream

Obj = dict[str, Any]
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who asks, as authentication found out (authentication/user.Info)."""

    name: str
    groups: tuple[str, ...] = ("system:authenticated",)
    uid: str = ""


ADMIN = UserInfo("kubernetes-admin", ("system:masters", "system:authenticated"))
ANONYMOUS = UserInfo("system:anonymous", ("system:unauthenticated",))


@dataclass(slots=True)
class Request:
    """One request.  `body` is the bytes that came over the wire, or the JSON value itself from inside the process.

    `query` holds the first value of each parameter; `lists` all values of those that repeat (exec's `command`).
    Header names are lower case.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    user: UserInfo = ADMIN
    lists: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Response:
    """One answer.  What it carries is one of:

    - `entry`, a stored object, or `listing`, a page of them: their JSON is encoded once and shared;
    - `body`, a JSON value, or text;
    - `watch`, a stream of events, each of which `frame(type, entry)` puts in the form that the client asked for;
    - `stream`, bytes that come over time;
    - `upgrade`, when the connection becomes something else (exec, port-forward): the HTTP front knows how to serve it.

    All of it is shared with others: never change it.
    """

    status: int
    body: Any = None
    entry: Entry | None = None
    listing: Listing | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    watch: WatchStream | None = None
    frame: Callable[[str, Entry], bytes] | None = None
    stream: ByteStream | None = None
    upgrade: Upgrade | None = None
    warnings: tuple[str, ...] = ()

    def payload(self) -> bytes:
        """The body as bytes."""
        if self.entry is not None:
            return self.entry.raw
        if self.listing is not None:
            return self.listing.raw()
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else encode(self.body)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of objects; the items of built-in kinds leave their type out, as upstream's do."""

    api_version: str
    kind: str  # of the list: "PodList"
    meta: Obj
    entries: list[Entry]
    typed: bool = False  # do the items say their type?

    def raw(self) -> bytes:
        head = {"kind": self.kind, "apiVersion": self.api_version, "metadata": self.meta}
        items = (entry.raw if self.typed else _untyped(entry) for entry in self.entries)
        return encode(head)[:-1] + b',"items":[' + b",".join(items) + b"]}"


def _untyped(entry: Entry) -> bytes:
    """An object's JSON without its first two members: they are always apiVersion and kind."""
    return b"{" + entry.raw[entry.raw.index(b'"metadata":{') :]


class AuditEvent(NamedTuple):
    """One request as the audit log has it (audit.k8s.io/v1, cut down to what the course draws from).

    `time` in seconds since the Unix epoch; `revision` is the resourceVersion that a write made, else "".
    """

    time: float
    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    revision: str


AuditSink = Callable[[AuditEvent], None]
