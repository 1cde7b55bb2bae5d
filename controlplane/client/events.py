"""Recording Events: what a component says about an object, for people to read with `kubectl describe`.

Repeats of one event are counted in one object, as client-go's `tools/record` does (EventCorrelator).
"""

from __future__ import annotations

from controlplane.client.base import ApiError, Client, Obj
from controlplane.clock import Loop, rfc3339

REMEMBER = 4096  # events whose count can still go up; client-go's maxLruCacheEntries


class EventRecorder:
    """Writes Events for one component.  A failure to write one is dropped: events never hold up work.

    *Note*: client-go also folds more than ten similar events into one with "(combined from similar events)" and limits
    each object to 25 events with a refill of one in five minutes; left out here.
    """

    def __init__(self, loop: Loop, client: Client, component: str, host: str = "") -> None:
        self.loop = loop
        self.client = client
        self.component = component
        self.host = host
        self._rng = loop.rng(f"events/{component}/{host}")
        self._seen: dict[tuple[str, ...], Obj] = {}

    def event(self, obj: Obj, type: str, reason: str, message: str, field_path: str = "") -> None:
        """Record that `reason` ("Scheduled", "Killing", ...) happened to `obj`; `type` is "Normal" or "Warning"."""
        meta = obj["metadata"]
        now = rfc3339(self.loop.now())
        key = (
            obj.get("kind", ""),
            meta.get("namespace", ""),
            meta["name"],
            meta.get("uid", ""),
            field_path,
            type,
            reason,
            message,
        )
        try:
            known = self._seen.get(key)
            if known is not None:
                try:
                    known = {**known, "count": known["count"] + 1, "lastTimestamp": now}
                    self.client.patch(
                        "events",
                        known["metadata"]["name"],
                        {"count": known["count"], "lastTimestamp": now},
                        known["metadata"]["namespace"],
                    )
                    self._seen[key] = known
                    return
                except ApiError as error:
                    if not error.not_found:
                        raise
            self._remember(key, self._create(obj, type, reason, message, field_path, now))
        except ApiError:
            return

    def _create(self, obj: Obj, type: str, reason: str, message: str, field_path: str, now: str) -> Obj:
        meta = obj["metadata"]
        namespace = meta.get("namespace") or "default"
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
            "metadata": {"name": f"{meta['name']}.{self._rng.getrandbits(64):016x}", "namespace": namespace},
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
        self.client.create(event)
        return event

    def _remember(self, key: tuple[str, ...], event: Obj) -> None:
        self._seen[key] = event
        if len(self._seen) > REMEMBER:
            del self._seen[next(iter(self._seen))]
