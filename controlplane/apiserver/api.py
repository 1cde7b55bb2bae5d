"""What goes into and comes out of `ApiServer.handle`: the same for a notebook in this process and for HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from controlplane.apiserver.watch_cache import WatchStream

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
    """One answer: `body` is a JSON value (shared: never change it) or text, or `raw` has its bytes already.

    `watch` is set instead when the answer is a stream of events, `upgrade` when the connection becomes something
    else (exec, port-forward): a value that the HTTP front knows how to serve.
    """

    status: int
    body: Any = None
    raw: bytes | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    watch: WatchStream | None = None
    upgrade: Any = None


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
