"""A connection to the API server that can be cut: a partition, as the client on the far side lives through it.

While the link is down, requests fail, and the events of open watches are held back, as TCP would: if it comes back
soon they arrive late.  After 45 seconds the connection counts as dead (client-go: HTTP/2 read idle time-out of 30 s
and ping time-out of 15 s), and its watches end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.client.base import Client, CloseHandler, Disconnected, EventHandler, Obj, Objs, Resource, Watch
from controlplane.clock import Loop, Timer

DEAD_AFTER = 45.0  # seconds


class Link:
    """The way between some clients and the API server.  `up` is False while it is cut."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.up = True
        self._timer: Timer | None = None
        self._watches: list[_LinkedWatch] = []

    def cut(self) -> None:
        """Nothing passes from now on.  Idempotent."""
        if self.up:
            self.up = False
            self._timer = self.loop.call_later(DEAD_AFTER, self.reset)

    def heal(self) -> None:
        """The link is back; what was held back arrives, in order."""
        if not self.up:
            self.up = True
            if self._timer is not None:
                self._timer.cancel()
            for watch in list(self._watches):
                watch.flush()

    def reset(self) -> None:
        """Every connection over this link breaks."""
        for watch in list(self._watches):
            watch.broken()

    def check(self) -> None:
        """Raise Disconnected while the link is down."""
        if not self.up:
            raise Disconnected("dial tcp: i/o timeout")


class LinkedClient(Client):
    """`inner`, over a link."""

    def __init__(self, inner: Client, link: Link) -> None:
        self.inner = inner
        self.link = link
        self.user = inner.user

    def resource(self, name: str) -> Resource:
        return self.inner.resource(name)

    def resource_for(self, api_version: str, kind: str) -> Resource:
        return self.inner.resource_for(api_version, kind)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        self.link.check()
        return self.inner.request(method, path, query=query, body=body, content_type=content_type)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> None:
        self.link.check()
        self.inner.send(method, path, query=query, body=body, content_type=content_type)

    def list_shared(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[Objs, str]:
        self.link.check()
        return self.inner.list_shared(resource, namespace, label_selector=label_selector, field_selector=field_selector)

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
        self.link.check()
        watch = _LinkedWatch(self.link, handler, on_close)
        watch.inner = self.inner.watch(
            resource,
            watch.event,
            namespace,
            resource_version=resource_version,
            label_selector=label_selector,
            field_selector=field_selector,
            bookmarks=bookmarks,
            on_close=watch.closed,
        )
        return watch


class _LinkedWatch(Watch):
    """Holds back what comes while the link is down."""

    def __init__(self, link: Link, handler: EventHandler, on_close: CloseHandler | None) -> None:
        self.inner: Watch | None = None
        self._link = link
        self._handler = handler
        self._on_close = on_close
        self._held: list[Callable[[], None]] = []
        self._active = True
        link._watches.append(self)

    def event(self, type: str, obj: Obj) -> None:
        if self._link.up and not self._held:
            self._handler(type, obj)
        else:
            self._held.append(lambda: self._handler(type, obj))

    def closed(self, error: Any) -> None:
        if self._link.up and not self._held:
            self._end(error)
        else:
            self._held.append(lambda: self._end(error))

    def flush(self) -> None:
        """Deliver what was held back."""
        held, self._held = self._held, []
        for deliver in held:
            if self._active:
                deliver()

    def broken(self) -> None:
        """The connection is dead: what it still held is lost."""
        if self._active:
            self._held.clear()
            if self.inner is not None:
                self.inner.stop()
            self._end(Disconnected("http2: client connection lost"))

    def _end(self, error: Any) -> None:
        if self._active:
            self._forget()
            if self._on_close is not None:
                self._on_close(error)

    def stop(self) -> None:
        if self._active:
            self._forget()
            self._held.clear()
            if self.inner is not None:
                self.inner.stop()

    def _forget(self) -> None:
        self._active = False
        self._link._watches.remove(self)
