"""The stage on which graded cells try a part: a real API server with nothing else, and objects put on it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from controlplane.apiserver.server import ApiServer
from controlplane.client.base import Client, Obj, Objs
from controlplane.client.link import Link, LinkedClient
from controlplane.client.local import LocalClient
from controlplane.clock import Loop
from controlplane.controllers.base import owner_reference

HOLD = "example.com/hold"  # a finalizer: who carries it stays, with a deletionTimestamp, when it is deleted
IMAGE = "app:v1"
ANOTHER_UID = "11111111-2222-3333-4444-555555555555"
FRIEND = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "name": "friend",
    "uid": ANOTHER_UID,
}  # an owner that controls nothing


def api() -> LocalClient:
    """A client of a new API server, where nobody acts but the learner's code."""
    return LocalClient(ApiServer(Loop()))


def replica_set(
    client: Client,
    name: str = "web",
    replicas: int = 3,
    labels: Mapping[str, str] | None = None,
    *,
    namespace: str = "default",
    leaving: bool = False,
) -> Obj:
    """Create a ReplicaSet whose selector and Pods have `labels` ({"app": name}); `leaving`: it is being deleted."""
    labels = dict(labels or {"app": name})
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": IMAGE}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    meta = {"name": name, "namespace": namespace}
    obj = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}
    return _created(client, "replicasets", obj, leaving)


def pod(
    client: Client,
    name: str,
    labels: Mapping[str, str] | None = None,
    owner: Obj | None = None,
    *,
    namespace: str = "default",
    ready: bool = False,
    leaving: bool = False,
) -> Obj:
    """Create a Pod, controlled by `owner` (with the labels of its selector, unless given)."""
    if labels is None:
        labels = owner["spec"]["selector"]["matchLabels"] if owner is not None else {}
    meta: Obj = {"name": name, "namespace": namespace, "labels": dict(labels)}
    if owner is not None:
        meta["ownerReferences"] = [owner_reference(owner)]
    spec = {"containers": [{"name": "app", "image": IMAGE}]}
    made = _created(client, "pods", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, leaving)
    if ready:
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        made = client.update_status({**made, "status": status})
    return made


def _created(client: Client, resource: str, obj: Obj, leaving: bool) -> Obj:
    if not leaving:
        return client.create(obj)
    meta = obj["metadata"]
    client.create({**obj, "metadata": {**meta, "finalizers": [HOLD]}})
    client.delete(resource, meta["name"], meta["namespace"])
    return client.get(resource, meta["name"], meta["namespace"])


def quota(client: Client, pods: int) -> None:
    """At most so many Pods may be in the namespace default."""
    meta = {"name": "few", "namespace": "default"}
    made = client.create(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": {"pods": str(pods)}}}
    )
    client.update_status({**made, "status": {"hard": {"pods": str(pods)}, "used": {"pods": "0"}}})


def unanswering(client: LocalClient) -> Client:
    """The same client, cut off from its API server."""
    link = Link(client.server.loop)
    link.cut()
    return LinkedClient(client, link)


def pods(client: Client, namespace: str = "default") -> Objs:
    """The Pods as they are now, as a cache would hold them."""
    return deepcopy(client.list_shared("pods", namespace)[0])


def names(objects: Objs) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in objects)


def revision(client: Client) -> str:
    """The revision of the store: it grows with every write, whatever was written."""
    return str(client.list("namespaces")["metadata"]["resourceVersion"])
