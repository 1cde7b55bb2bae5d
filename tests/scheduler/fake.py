"""An API server just large enough for a scheduler: a store, watches, bindings and status patches."""

from __future__ import annotations

import itertools
from typing import Any

from controlplane.client.base import ApiError, Client, CloseHandler, EventHandler, Obj, Resource, Watch
from controlplane.client.informer import key_of
from controlplane.clock import Loop, rfc3339

RESOURCES = [
    Resource("", "v1", "Pod", "pods", True),
    Resource("", "v1", "Node", "nodes", False),
    Resource("", "v1", "Event", "events", True),
    Resource("", "v1", "Namespace", "namespaces", False),
    Resource("", "v1", "Service", "services", True),
    Resource("apps", "v1", "ReplicaSet", "replicasets", True),
    Resource("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False),
    Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True),
    Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", True),
    Resource("", "v1", "PersistentVolume", "persistentvolumes", False),
    Resource("storage.k8s.io", "v1", "StorageClass", "storageclasses", False),
]


class _Watch(Watch):
    def __init__(self, handler: EventHandler) -> None:
        self.handler: EventHandler | None = handler

    def stop(self) -> None:
        self.handler = None


def error(code: int, reason: str, message: str) -> ApiError:
    return ApiError({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message})


def merge(old: Any, patch: Any) -> Any:
    """A merge patch, with `conditions` merged by type as a strategic one does."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif key == "conditions":
            merged = {c["type"]: c for c in result.get(key, [])}
            for condition in value:
                merged[condition["type"]] = merge(merged.get(condition["type"], {}), condition)
            result[key] = list(merged.values())
        else:
            result[key] = merge(result.get(key), value)
    return result


class FakeClient(Client):
    """Objects by resource and key.  `log` holds what was written, as (verb, resource, key)."""

    user = "system:kube-scheduler"

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.store: dict[str, dict[str, Obj]] = {r.plural: {} for r in RESOURCES}
        self.watches: dict[str, list[_Watch]] = {r.plural: [] for r in RESOURCES}
        self.log: list[tuple[str, str, str]] = []
        self.fail: dict[tuple[str, str], int] = {}  # (verb, key): how often the next such requests fail
        self._version = itertools.count(1)

    def resource(self, name: str) -> Resource:
        for resource in RESOURCES:
            if name in (resource.plural, f"{resource.plural}.{resource.group}"):
                return resource
        raise error(404, "NotFound", f"no resource {name}")

    def resource_for(self, api_version: str, kind: str) -> Resource:
        for resource in RESOURCES:
            if (resource.api_version, resource.kind) == (api_version, kind):
                return resource
        raise error(404, "NotFound", f"no kind {kind}")

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
        watch = _Watch(handler)
        self.watches[self.resource(resource).plural].append(watch)
        return watch

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        parts = path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        plural, name, sub = (*parts, "", "")[:3]
        key = f"{namespace}/{name}" if namespace else name
        if method == "GET" and not name:
            return {"items": list(self.store[plural].values()), "metadata": {"resourceVersion": "0"}}
        if method == "POST" and not name:
            return self.add(body, namespace)
        verb = "bind" if sub == "binding" else method.lower()
        self.log.append((verb, plural, key))
        if self.fail.get((verb, key), 0) > 0:
            self.fail[verb, key] -= 1
            raise error(500, "InternalError", "broken on purpose")
        old = self.store[plural].get(key)
        if old is None:
            raise error(404, "NotFound", f'{plural} "{name}" not found')
        if verb == "bind":
            if old["spec"].get("nodeName"):
                raise error(409, "Conflict", f"pod {name} is already assigned to node")
            return self.put(plural, key, {**old, "spec": {**old["spec"], "nodeName": body["target"]["name"]}})
        if method == "PATCH":
            return self.put(plural, key, merge(old, body))
        if method == "DELETE":
            if plural == "pods" and old["spec"].get("nodeName") and (body or {}).get("gracePeriodSeconds") != 0:
                meta = {**old["metadata"], "deletionTimestamp": rfc3339(self.loop.now())}
                return self.put(plural, key, {**old, "metadata": meta})
            return self.remove(plural, key)
        return old

    # For tests -------------------------------------------------------------------------------------------------------

    def add(self, obj: Obj, namespace: str = "") -> Obj:
        kind = self.resource_for(obj.get("apiVersion", "v1"), obj["kind"])
        meta = dict(obj.get("metadata") or {})
        if kind.namespaced:
            meta["namespace"] = meta.get("namespace") or namespace or "default"
        meta["uid"] = f"uid-{next(self._version)}"
        obj = {**obj, "apiVersion": kind.api_version, "metadata": meta}
        if kind.plural == "pods":
            self._admit(obj)
        if key_of(obj) in self.store[kind.plural]:
            raise error(409, "AlreadyExists", f"{kind.plural} {meta['name']} already exists")
        return self.put(kind.plural, key_of(obj), obj)

    def _admit(self, pod: Obj) -> None:
        spec = pod["spec"] = dict(pod["spec"])
        found = self.store["priorityclasses"].get(spec.get("priorityClassName", ""))
        if found is not None:
            spec["priority"] = found["value"]
            spec.setdefault("preemptionPolicy", found.get("preemptionPolicy", "PreemptLowerPriority"))
        if spec.get("schedulingGates"):
            pod["status"] = {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "SchedulingGated",
                        "message": "Scheduling is blocked due to non-empty scheduling gates",
                    }
                ]
            }

    def put(self, plural: str, key: str, obj: Obj) -> Obj:
        old = self.store[plural].get(key)
        meta = {**obj["metadata"], "resourceVersion": str(next(self._version))}
        obj = self.store[plural][key] = {**obj, "metadata": meta}
        self._tell(plural, "ADDED" if old is None else "MODIFIED", obj)
        return obj

    def remove(self, plural: str, key: str) -> Obj:
        obj = self.store[plural].pop(key)
        self._tell(plural, "DELETED", obj)
        return obj

    def _tell(self, plural: str, type: str, obj: Obj) -> None:
        for watch in self.watches[plural]:
            self.loop.call_soon(self._deliver, watch, type, obj)

    @staticmethod
    def _deliver(watch: _Watch, type: str, obj: Obj) -> None:
        if watch.handler is not None:
            watch.handler(type, obj)

    def pod(self, name: str) -> Obj:
        return self.store["pods"][f"default/{name}"]

    def events(self, reason: str) -> list[str]:
        return [event["message"] for event in self.store["events"].values() if event["reason"] == reason]
