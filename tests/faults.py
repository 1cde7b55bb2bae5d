"""A client through which everything goes wrong that can go wrong between a component and its API server.

Requests are refused with conflicts, get no answer (before or after they were done), and watches repeat events, bring
them late, fall silent and break, after which they must be listed anew.  A seed decides all of it; `heal()` ends it.

What is not among it: a watch that loses one event and goes on as if nothing had happened.  No API server does that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from controlplane.client.base import (
    ApiError,
    Client,
    CloseHandler,
    Disconnected,
    EventHandler,
    Obj,
    Objs,
    Resource,
    Watch,
)
from controlplane.clock import Loop

EXPIRED = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
CONFLICT = {"kind": "Status", "code": 409, "reason": "Conflict", "message": "the object has been modified"}


@dataclass
class Faults:
    """How likely each fault is, per request or per event."""

    refuse: float = 0.03  # no answer, and nothing done
    lose_answer: float = 0.03  # done, but no answer
    conflict: float = 0.05  # of writes
    repeat: float = 0.1  # an event comes twice
    delay: float = 0.2  # this event and those after it come up to a second late
    break_: float = 0.02  # the watch falls silent, and breaks within ten seconds


CALM = Faults(0, 0, 0, 0, 0, 0)


class FaultyClient(Client):
    """`inner` with faults.  It may be healed, and made ill again."""

    def __init__(self, loop: Loop, inner: Client, faults: Faults | None = None, name: str = "") -> None:
        self.loop = loop
        self.inner = inner
        self.user = inner.user
        self.faults = faults or Faults()
        self.rng = loop.rng(f"faults/{inner.user}/{name}")

    def heal(self) -> None:
        self.faults = CALM

    def hits(self, chance: float) -> bool:
        return chance > 0 and self.rng.random() < chance

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
        if self.hits(self.faults.refuse):
            raise Disconnected
        if method in ("PUT", "PATCH") and self.hits(self.faults.conflict):
            raise ApiError(CONFLICT)
        answer = self.inner.request(method, path, query=query, body=body, content_type=content_type)
        if method != "GET" and self.hits(self.faults.lose_answer):
            raise Disconnected("connection reset by peer")
        return answer

    def list_shared(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[Objs, str]:
        if self.hits(self.faults.refuse):
            raise Disconnected
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
        if self.hits(self.faults.refuse):
            raise Disconnected
        watch = _FaultyWatch(self, handler, on_close)
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


class _FaultyWatch(Watch):
    inner: Watch

    def __init__(self, client: FaultyClient, handler: EventHandler, on_close: CloseHandler | None) -> None:
        self.client = client
        self.handler = handler
        self.on_close = on_close
        self.late: deque[tuple[str, Obj]] = deque()
        self.silent = False
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True
        self.inner.stop()

    def event(self, type: str, obj: Obj) -> None:
        client, faults = self.client, self.client.faults
        if self.stopped or self.silent:
            return
        if client.hits(faults.break_):
            self.silent = True
            client.loop.call_later(10 * client.rng.random(), self._break)
            return
        if self.late or client.hits(faults.delay):
            self.late.append((type, obj))
            if len(self.late) == 1:
                client.loop.call_later(client.rng.random(), self._catch_up)
            return
        self._deliver(type, obj)

    def _deliver(self, type: str, obj: Obj) -> None:
        self.handler(type, obj)
        if not self.stopped and self.client.hits(self.client.faults.repeat):
            self.handler(type, obj)

    def _catch_up(self) -> None:
        while self.late and not self.stopped:
            self._deliver(*self.late.popleft())

    def _break(self) -> None:
        """End in one of the ways a watch ends; after what was lost, only a new list helps."""
        if not self.stopped:
            self.stop()
            if self.on_close is not None:
                self.on_close(ApiError(EXPIRED))

    def closed(self, error: ApiError | None) -> None:
        if not self.stopped:
            self.stopped = True
            if self.on_close is not None:
                self.on_close(error)
