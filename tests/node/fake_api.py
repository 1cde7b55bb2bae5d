"""A stand-in for the API server, just large enough for nodes: objects, versions, watches, graceful deletion of Pods."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from controlplane.client.base import ApiError, Client, CloseHandler, Disconnected, EventHandler, Obj, Resource, Watch
from controlplane.clock import Loop, rfc3339

KINDS = [
    Resource(*row)
    for row in (
        ("", "v1", "Pod", "pods", True),
        ("", "v1", "Node", "nodes", False),
        ("", "v1", "Event", "events", True),
        ("", "v1", "Service", "services", True),
        ("", "v1", "ConfigMap", "configmaps", True),
        ("", "v1", "Secret", "secrets", True),
        ("coordination.k8s.io", "v1", "Lease", "leases", True),
        ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", True),
        ("networking.k8s.io", "v1", "Ingress", "ingresses", True),
        ("networking.k8s.io", "v1", "IngressClass", "ingressclasses", False),
    )
]


def failure(code: int, reason: str, message: str = "") -> ApiError:
    return ApiError({"kind": "Status", "code": code, "reason": reason, "message": message or reason})


class FakeWatch(Watch):
    def __init__(self, api: FakeApi, entry: tuple[Any, ...]) -> None:
        self.api, self.entry = api, entry

    def stop(self) -> None:
        if self.entry in self.api.watches:
            self.api.watches.remove(self.entry)


class FakeApi:
    """The shared state; `client(user)` gives a client that `cut` disconnects."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.objects: dict[tuple[str, str, str], Obj] = {}  # (plural, namespace, name)
        self.version = 0
        self.uids = 0
        self.watches: list[tuple[Any, ...]] = []
        self.history: list[tuple[int, str, str, Obj]] = []  # (version, plural, event type, object)
        self.writes: list[tuple[str, str]] = []  # (method, path)

    def client(self, user: str = "test") -> FakeClient:
        return FakeClient(self, user)

    def get(self, plural: str, name: str, namespace: str = "default") -> Obj | None:
        return self.objects.get((plural, namespace, name)) or self.objects.get((plural, "", name))

    def all(self, plural: str) -> list[Obj]:
        return [obj for key, obj in self.objects.items() if key[0] == plural]

    def events(self, name: str) -> list[str]:
        """`Reason: message` of every event about the object, in order; repeats are counted in one."""
        return [f"{e['reason']}: {e['message']}" for e in self.all("events") if e["involvedObject"]["name"] == name]

    def store(self, plural: str, obj: Obj, type: str) -> Obj:
        meta = obj["metadata"]
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        key = (plural, meta.get("namespace", ""), meta["name"])
        if type == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = obj
        self.history.append((self.version, plural, type, obj))
        for watch in list(self.watches):
            self.offer(watch, plural, type, obj)
        return obj

    def offer(self, watch: tuple[Any, ...], plural: str, type: str, obj: Obj) -> None:
        kind, namespace, selector, handler, client = watch
        if kind == plural and namespace in (None, obj["metadata"].get("namespace")) and selected(obj, selector):
            self.loop.call_soon(self._deliver, watch, handler, client, type, obj)

    def _deliver(self, watch: tuple[Any, ...], handler: EventHandler, client: FakeClient, type: str, obj: Obj) -> None:
        if watch in self.watches and client.is_cut:
            self.watches.remove(watch)  # the connection is broken: silent for good, as nobody closes it
        elif watch in self.watches:
            handler(type, obj)

    def create(self, plural: str, obj: Obj) -> Obj:
        obj = copy.deepcopy(obj)
        meta = obj["metadata"]
        self.uids += 1
        meta.setdefault("uid", f"uid-{self.uids}")
        meta["creationTimestamp"] = rfc3339(self.loop.now())
        if (plural, meta.get("namespace", ""), meta["name"]) in self.objects:
            raise failure(409, "AlreadyExists")
        if plural == "pods":
            meta["generation"] = 1
            obj.setdefault("status", {"phase": "Pending"})
        return self.store(plural, obj, "ADDED")

    def add_pod(self, name: str, node: str, image: str = "app:v1", *, namespace: str = "default", **spec: Any) -> Obj:
        """A Pod with one container `c` unless `containers` are given, bound to `node`."""
        container = {"name": "c", "image": image, **spec.pop("container", {})}
        return self.create(
            "pods",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "nodeName": node,
                    "restartPolicy": "Always",
                    "terminationGracePeriodSeconds": 30,
                    "containers": [container],
                    **spec,
                },
            },
        )

    def delete_pod(self, name: str, grace: int | None = None, namespace: str = "default") -> None:
        """What `kubectl delete pod` does."""
        pod = self.objects[("pods", namespace, name)]
        seconds = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
        if seconds == 0:
            self.store("pods", {**pod, "metadata": dict(pod["metadata"])}, "DELETED")
            return
        meta = {
            **pod["metadata"],
            "deletionTimestamp": rfc3339(self.loop.now() + seconds),
            "deletionGracePeriodSeconds": seconds,
        }
        self.store("pods", {**pod, "metadata": meta}, "MODIFIED")


def selected(obj: Obj, selector: str) -> bool:
    if not selector:
        return True
    path, _, value = selector.partition("=")
    found: Any = obj
    for part in path.split("."):
        found = (found or {}).get(part)
    return bool(found == value)


class FakeClient(Client):
    """`is_cut`: every request raises Disconnected and every watch goes silent."""

    def __init__(self, api: FakeApi, user: str) -> None:
        self.api = api
        self.user = user
        self.is_cut = False

    def resource(self, name: str) -> Resource:
        return next(kind for kind in KINDS if kind.plural == name.partition(".")[0])

    def resource_for(self, api_version: str, kind: str) -> Resource:
        return next(row for row in KINDS if row.kind == kind)

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
        if self.is_cut:
            raise Disconnected()
        entry = (resource.partition(".")[0], namespace, field_selector, handler, self)
        self.api.watches.append(entry)
        for version, plural, type, obj in self.api.history:
            if resource_version and version > int(resource_version):
                self.api.offer(entry, plural, type, obj)
        return FakeWatch(self.api, entry)

    def list_shared(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Obj], str]:
        if self.is_cut:
            raise Disconnected()
        items = [
            o
            for o in self.api.all(resource.partition(".")[0])
            if selected(o, field_selector) and namespace in (None, o["metadata"].get("namespace"))
        ]
        return items, str(self.api.version)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        if self.is_cut:
            raise Disconnected()
        parts = path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        plural, name, sub = [*parts, "", ""][:3]
        if method != "GET":
            self.api.writes.append((method, path))
        handle: dict[str, Callable[[str, str, str, str, Any], Obj]] = {
            "GET": self._get,
            "POST": self._post,
            "PUT": self._put,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        return handle[method](plural, namespace, name, sub, body)

    def _get(self, plural: str, namespace: str, name: str, sub: str, body: Any) -> Obj:
        found = self.api.objects.get((plural, namespace, name))
        if found is None:
            raise failure(404, "NotFound", f'{plural} "{name}" not found')
        return found

    def _post(self, plural: str, namespace: str, name: str, sub: str, body: Any) -> Obj:
        return self.api.create(plural, body)

    def _put(self, plural: str, namespace: str, name: str, sub: str, body: Any) -> Obj:
        old = self._get(plural, namespace, name, "", None)
        if body["metadata"].get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
            raise failure(409, "Conflict")
        new = {**old, "status": body["status"]} if sub == "status" else body
        return self.api.store(plural, {**new, "metadata": {**new["metadata"]}}, "MODIFIED")

    def _patch(self, plural: str, namespace: str, name: str, sub: str, body: Any) -> Obj:
        old = self._get(plural, namespace, name, "", None)
        new = {**old, "metadata": {**old["metadata"], **body.get("metadata", {})}}
        new.update((k, v) for k, v in body.items() if k not in ("metadata", "status"))
        if "status" in body:
            new["status"] = {**old.get("status", {}), **body["status"]}
        return self.api.store(plural, new, "MODIFIED")

    def _delete(self, plural: str, namespace: str, name: str, sub: str, body: Any) -> Obj:
        old = self._get(plural, namespace, name, "", None)
        uid = (body or {}).get("preconditions", {}).get("uid")
        if uid and uid != old["metadata"]["uid"]:
            raise failure(409, "Conflict")
        return self.api.store(plural, {**old, "metadata": {**old["metadata"]}}, "DELETED")
