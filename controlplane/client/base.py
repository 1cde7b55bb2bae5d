"""The one way into the cluster: what a scheduler, a controller, a kubelet and a notebook all hold.

A `Client` speaks of objects in the API's own shape (plain dicts) and of resources by their plural name, with the group
where two groups share one: "pods", "deployments", "deployments.apps", "widgets.example.com".  Two transports exist:
`client.local` calls the API server in this process, `client.remote` speaks HTTP to any Kubernetes.

What `get`, `list`, `create`, `update` and `patch` return is yours to change.  What a watch handler, an informer or a
lister hands out is shared, as in client-go: copy it before you change it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Obj = dict[str, Any]
Objs = list[Obj]
PatchType = Literal["strategic", "merge", "json", "apply"]
EventHandler = Callable[[str, Obj], None]  # ("ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK", object)
CloseHandler = Callable[["ApiError | None"], None]


class ApiError(Exception):
    """What the API server refused, as the `Status` object that it answered.

    `code` is the HTTP status, `reason` the machine-readable one ("NotFound", "Conflict", "Invalid", ...).
    """

    def __init__(self, status: Obj) -> None:
        self.status = status
        self.code: int = status.get("code", 0)
        self.reason: str = status.get("reason", "")
        self.message: str = status.get("message", "")
        super().__init__(self.message or self.reason or f"HTTP {self.code}")

    @property
    def not_found(self) -> bool:
        return self.code == 404

    @property
    def conflict(self) -> bool:
        return self.code == 409 and self.reason == "Conflict"

    @property
    def already_exists(self) -> bool:
        return self.reason == "AlreadyExists"

    @property
    def expired(self) -> bool:
        """The resourceVersion asked for is compacted: list again (HTTP 410)."""
        return self.code == 410


class Disconnected(ApiError):
    """No answer came: the server is down, or the network between is cut."""

    def __init__(self, message: str = "connection refused") -> None:
        super().__init__({"kind": "Status", "code": 0, "reason": "ServiceUnavailable", "message": message})


@dataclass(frozen=True, slots=True)
class Resource:
    """One row of the discovery table: how a kind is found on the wire."""

    group: str  # "" for core
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, object or subresource."""
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            path += f"/namespaces/{namespace}"
        path += f"/{self.plural}"
        if name:
            path += f"/{name}"
        return f"{path}/{subresource}" if subresource else path


class Watch(ABC):
    """A running watch.  No handler is called after `stop()`."""

    @abstractmethod
    def stop(self) -> None: ...


class Client(ABC):
    """Typed to nothing but JSON, like client-go's dynamic client.  Every method may raise `ApiError`."""

    user: str  # who is asking: the user name that authentication, RBAC and the audit log see

    # What a transport provides -------------------------------------------------------------------------------------

    @abstractmethod
    def resource(self, name: str) -> Resource:
        """The resource called `name` ("pods", "deployments.apps"); ApiError 404 if the server has none."""

    @abstractmethod
    def resource_for(self, api_version: str, kind: str) -> Resource:
        """The resource that serves a kind; ApiError 404 if the server has none."""

    @abstractmethod
    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """One request; returns the decoded answer (a dict, or text for logs)."""

    @abstractmethod
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
        """Call `handler` on the loop for every change after `resource_version`.

        `on_close` hears once when the server ends the watch: None for a normal end, an ApiError otherwise
        (`.expired` means: list again).
        """

    def send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> None:
        """`request` for those who do not read the answer, which some transports then need not make."""
        self.request(method, path, query=query, body=body, content_type=content_type)

    def _object(self, method: str, path: str, **how: Any) -> Obj:
        answer: Obj = self.request(method, path, **how)
        return answer

    # What every client can do --------------------------------------------------------------------------------------

    def get(self, resource: str, name: str, namespace: str | None = None, *, subresource: str | None = None) -> Obj:
        kind = self.resource(resource)
        return self._object("GET", kind.path(_ns(kind, namespace), name, subresource))

    def list(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        limit: int = 0,
        continue_: str = "",
    ) -> Obj:
        """The `List` object: `items`, and `metadata.resourceVersion` to watch from.  No namespace means all."""
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "resourceVersion": resource_version,
            "limit": str(limit or ""),
            "continue": continue_,
        }
        kind = self.resource(resource)
        return self._object("GET", kind.path(namespace), query={k: v for k, v in query.items() if v})

    def list_shared(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[Objs, str]:
        """(items, resourceVersion) for informers: the items may be shared with others, so never change them."""
        answer = self.list(resource, namespace, label_selector=label_selector, field_selector=field_selector)
        kind = self.resource(resource)
        for item in answer["items"]:  # lists leave the type of their items out
            item.setdefault("apiVersion", kind.api_version)
            item.setdefault("kind", kind.kind)
        return answer["items"], answer["metadata"]["resourceVersion"]

    def create(self, obj: Obj, namespace: str | None = None, *, subresource: str | None = None) -> Obj:
        """POST.  The kind and, unless given, the namespace are the object's own."""
        kind = self.resource_for(obj.get("apiVersion", ""), obj.get("kind", ""))
        meta = obj.get("metadata") or {}
        name = meta.get("name") if subresource else None
        return self._object(
            "POST", kind.path(_ns(kind, namespace or meta.get("namespace")), name, subresource), body=obj
        )

    def update(self, obj: Obj, *, subresource: str | None = None) -> Obj:
        """PUT.  With a resourceVersion in the object, a 409 says that somebody else wrote in between."""
        kind = self.resource_for(obj.get("apiVersion", ""), obj.get("kind", ""))
        meta = obj["metadata"]
        return self._object("PUT", kind.path(_ns(kind, meta.get("namespace")), meta["name"], subresource), body=obj)

    def update_status(self, obj: Obj) -> Obj:
        return self.update(obj, subresource="status")

    def patch(
        self,
        resource: str,
        name: str,
        patch: Any,
        namespace: str | None = None,
        *,
        type: PatchType = "merge",
        subresource: str | None = None,
        field_manager: str = "",
        force: bool = False,
    ) -> Obj:
        kind = self.resource(resource)
        query = {"fieldManager": field_manager, "force": "true" if force else ""}
        return self._object(
            "PATCH",
            kind.path(_ns(kind, namespace), name, subresource),
            body=patch,
            query={k: v for k, v in query.items() if v},
            content_type=PATCH_TYPES[type],
        )

    def delete(
        self,
        resource: str,
        name: str,
        namespace: str | None = None,
        *,
        grace_period_seconds: int | None = None,
        propagation_policy: str = "",
        uid: str = "",
        resource_version: str = "",
    ) -> Obj:
        """DELETE.  `uid` and `resource_version` are preconditions: 409 if the object is another one by now."""
        options: Obj = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        if propagation_policy:
            options["propagationPolicy"] = propagation_policy
        if uid or resource_version:
            options["preconditions"] = {k: v for k, v in (("uid", uid), ("resourceVersion", resource_version)) if v}
        kind = self.resource(resource)
        return self._object("DELETE", kind.path(_ns(kind, namespace), name), body=options)

    def write_status(self, obj: Obj) -> None:
        """`update_status` for those who do not read the answer."""
        kind = self.resource_for(obj.get("apiVersion", ""), obj.get("kind", ""))
        meta = obj["metadata"]
        self.send("PUT", kind.path(_ns(kind, meta.get("namespace")), meta["name"], "status"), body=obj)

    def bind(self, name: str, namespace: str, node: str, *, uid: str = "") -> None:
        """POST pods/NAME/binding: the only way in which a Pod gets its node."""
        meta: Obj = {"name": name, "namespace": namespace}
        if uid:
            meta["uid"] = uid
        self.send(
            "POST",
            f"/api/v1/namespaces/{namespace}/pods/{name}/binding",
            body={
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": meta,
                "target": {"apiVersion": "v1", "kind": "Node", "name": node},
            },
        )


PATCH_TYPES: dict[str, str] = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


def watch_query(resource_version: str, label_selector: str, field_selector: str, bookmarks: bool) -> dict[str, str]:
    """The query string of a watch, without what is empty: every transport asks for the same."""
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true" if bookmarks else "",
        "resourceVersion": resource_version,
        "labelSelector": label_selector,
        "fieldSelector": field_selector,
    }
    return {name: value for name, value in query.items() if value}


def _ns(kind: Resource, namespace: str | None) -> str | None:
    return (namespace or "default") if kind.namespaced else None
