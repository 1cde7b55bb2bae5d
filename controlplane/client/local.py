"""The client in this process: the same requests as over HTTP, without the wire.

Answers to single requests are the caller's own; what lists for informers and watches hand out is shared.  Watch events
arrive on the loop, in order, after the write that caused them: never in the middle of the caller's own code.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from controlplane.apiserver.api import ADMIN, Request, Response, UserInfo
from controlplane.apiserver.codec import copy_json, decode
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.server import ApiServer
from controlplane.apiserver.watch_cache import Entry, WatchStream
from controlplane.client.base import (
    ApiError,
    Client,
    CloseHandler,
    EventHandler,
    Obj,
    Objs,
    Resource,
    Watch,
    watch_query,
)


class LocalClient(Client):
    """A client of an `ApiServer` in this process, as `user` (a name, or a UserInfo with groups)."""

    def __init__(self, server: ApiServer, user: str | UserInfo = ADMIN) -> None:
        self.server = server
        self.identity = user if isinstance(user, UserInfo) else UserInfo(user)
        self.user = self.identity.name
        self._found: dict[str, Resource] = {}
        self._generation = -1

    def resource(self, name: str) -> Resource:
        if self._generation != self.server.resources.generation:
            self._generation = self.server.resources.generation
            self._found.clear()
        resource = self._found.get(name)
        if resource is None:
            info = self.server.resources.by_name(name)
            if info is None:
                raise _no_such(f"the server doesn't have a resource type {name!r}")
            resource = self._found[name] = _resource(info)
        return resource

    def resource_for(self, api_version: str, kind: str) -> Resource:
        info = self.server.resources.for_kind(api_version, kind)
        if info is None:
            raise _no_such(f"no matches for kind {kind!r} in version {api_version!r}")
        return self.resource(f"{info.plural}.{info.version}.{info.group}")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        response = self._ask(method, path, query, body, content_type)
        if response.entry is not None:
            return response.entry.copy()
        if response.listing is not None:
            return decode(response.listing.raw())
        return decode(response.body) if isinstance(response.body, bytes) else copy_json(response.body)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> None:
        self._ask(method, path, query, body, content_type)

    def list_shared(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[Objs, str]:
        query = {k: v for k, v in (("labelSelector", label_selector), ("fieldSelector", field_selector)) if v}
        path = self.resource(resource).path(namespace)
        listing = self._ask("GET", path, query).listing
        assert listing is not None
        return [entry.obj for entry in listing.entries], listing.meta["resourceVersion"]

    def watch(
        self,
        resource: str,
        handler: EventHandler,
        namespace: str | None = None,
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
        on_close: CloseHandler | None = None,
    ) -> Watch:
        query = watch_query(resource_version, label_selector, field_selector, bookmarks)
        path = self.resource(resource).path(namespace)
        response = self._ask("GET", path, query)
        assert response.watch is not None
        return _LocalWatch(self.server, response.watch, handler, on_close)

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Response:
        """The server's answer; ApiError if it is a refusal."""
        headers = {"content-type": content_type} if content_type != "application/json" else {}
        response = self.server.handle(Request(method, path, query or {}, headers, body, self.identity))
        if response.status >= 400:
            body = response.body
            raise ApiError(copy_json(body) if isinstance(body, dict) else _status(response.status, str(body)))
        return response


class _LocalWatch(Watch):
    """Brings events from the server to the loop: all that came in one instant in one callback."""

    def __init__(
        self, server: ApiServer, stream: WatchStream, handler: EventHandler, on_close: CloseHandler | None
    ) -> None:
        self._loop = server.loop
        self._stream = stream
        self._handler = handler
        self._on_close = on_close
        self._queue: deque[tuple[str, Entry]] = deque()
        self._scheduled = False
        self._stopped = False
        stream.attach(self._deliver, self._closed)

    def stop(self) -> None:
        self._stopped = True
        self._stream.stop()
        self._queue.clear()

    def _deliver(self, type: str, entry: Entry) -> None:
        self._queue.append((type, entry))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        queue, handler = self._queue, self._handler
        while queue and not self._stopped:
            type, entry = queue.popleft()
            handler(type, entry.obj)

    def _closed(self, status: Obj | None) -> None:
        self._loop.call_soon(self._tell_closed, status)

    def _tell_closed(self, status: Obj | None) -> None:
        if not self._stopped:
            self._stopped = True
            if self._on_close is not None:
                self._on_close(ApiError(status) if status else None)


def _resource(info: ResourceInfo) -> Resource:
    return Resource(info.group, info.version, info.kind, info.plural, info.namespaced)


def _status(code: int, message: str) -> Obj:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "NotFound" if code == 404 else "",
        "code": code,
    }


def _no_such(message: str) -> ApiError:
    return ApiError(_status(404, message))
