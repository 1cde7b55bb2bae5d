"""Recording Events: what a component says about an object, for people to read with `kubectl describe`.

Repeats of one event are counted in one object, many similar ones are folded into one, and who says too much about one
object is cut short, as client-go's `tools/record` does (EventCorrelator).
"""

from __future__ import annotations

from typing import TypeVar

from controlplane.client.base import ApiError, Client, Obj
from controlplane.clock import Loop, rfc3339

REMEMBER = 4096  # events whose count can still go up; client-go's maxLruCacheEntries
SIMILAR = 10  # messages that differ, about one object for one reason, after which they are combined
SIMILAR_WITHIN = 600.0  # seconds
BURST = 25  # events about one object, and ...
REFILL = 1 / 300  # ... how many more a second
COMBINED = "(combined from similar events): "

Key = tuple[str, ...]
Value = TypeVar("Value")


class EventRecorder:
    """Writes Events for one component.  A failure to write one is dropped: events never hold up work."""

    def __init__(self, loop: Loop, client: Client, component: str, host: str = "") -> None:
        self.loop = loop
        self.client = client
        self.component = component
        self.host = host
        self._rng = loop.rng(f"events/{component}/{host}")
        self._seen: dict[Key, tuple[str, str, int]] = {}  # -> namespace, name and count of the Event
        self._similar: dict[Key, tuple[float, dict[str, None]]] = {}  # -> (the last time, messages)
        self._spent: dict[Key, tuple[float, float]] = {}  # object -> (tokens left, at that time)

    def event(self, obj: Obj, type: str, reason: str, message: str, field_path: str = "") -> None:
        """Record that `reason` ("Scheduled", "Killing", ...) happened to `obj`; `type` is "Normal" or "Warning"."""
        meta = obj["metadata"]
        about = (obj.get("kind", ""), meta.get("namespace", ""), meta["name"], meta.get("uid", ""))
        kind: Key = (*about, type, reason)
        key: Key = (*kind, field_path, message)
        if self._is_one_of_many(kind, message):
            key, message = kind, COMBINED + message
        if not self._may_speak(about):
            return
        now = rfc3339(self.loop.now())
        try:
            known = self._seen.get(key)
            if known is not None:
                try:
                    namespace, name, count = known
                    news = {"count": count + 1, "lastTimestamp": now, "message": message}
                    self.client.patch("events", name, news, namespace)
                    self._seen[key] = (namespace, name, count + 1)
                    return
                except ApiError as error:
                    if not error.not_found:
                        raise
            _remember(self._seen, key, self._create(obj, type, reason, message, field_path, now))
        except ApiError:
            return

    def _is_one_of_many(self, kind: Key, message: str) -> bool:
        """Were there nine other messages like this one in the last ten minutes (EventAggregator)?"""
        now = self.loop.now()
        since, messages = self._similar.get(kind, (now, {}))
        if now - since > SIMILAR_WITHIN:
            messages = {}
        messages[message] = None
        _remember(self._similar, kind, (now, messages))
        if len(messages) < SIMILAR:
            return False
        del messages[next(iter(messages))]
        return True

    def _may_speak(self, about: Key) -> bool:
        """A token from the object's bucket, if there is one (EventSourceObjectSpamFilter)."""
        now = self.loop.now()
        tokens, at = self._spent.get(about, (float(BURST), now))
        tokens = min(tokens + (now - at) * REFILL, BURST)
        allowed = tokens >= 1
        _remember(self._spent, about, (tokens - 1 if allowed else tokens, now))
        return allowed

    def _create(
        self, obj: Obj, type: str, reason: str, message: str, field_path: str, now: str
    ) -> tuple[str, str, int]:
        meta = obj["metadata"]
        namespace = meta.get("namespace") or "default"
        name = f"{meta['name']}.{self._rng.getrandbits(64):016x}"
        involved = {
            "apiVersion": obj.get("apiVersion"),
            "kind": obj.get("kind"),
            "name": meta["name"],
            "namespace": meta.get("namespace"),
            "uid": meta.get("uid"),
            "resourceVersion": meta.get("resourceVersion"),
            "fieldPath": field_path,
        }
        source = {"component": self.component, "host": self.host}
        event: Obj = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {k: v for k, v in involved.items() if v},
            "reason": reason,
            "message": message,
            "type": type,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {k: v for k, v in source.items() if v},
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        }
        self.client.send("POST", f"/api/v1/namespaces/{namespace}/events", body=event)
        return namespace, name, 1


def _remember(cache: dict[Key, Value], key: Key, value: Value) -> None:
    """Keep the newest REMEMBER entries."""
    cache.pop(key, None)
    cache[key] = value
    if len(cache) > REMEMBER:
        del cache[next(iter(cache))]
