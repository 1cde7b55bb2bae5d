"""The garbage collector: what an owner leaves behind goes too (upstream: pkg/controller/garbagecollector).

An object whose owners are all gone is deleted ("background").  An object that is deleted with the finalizer
`foregroundDeletion` waits until its dependents are gone; with `orphan`, its dependents lose their reference first.
Whether an owner is really gone is always asked of the API server, never of the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from controlplane.client.base import ApiError, Obj, Resource
from controlplane.client.workqueue import BASE_DELAY, MAX_DELAY
from controlplane.controllers.base import Controller
from controlplane.controllers.discovery import IGNORED, name_of, resources
from controlplane.controllers.garbage_graph import FOREGROUND, ORPHAN, Graph, Identity, Node, Ref

SYNC_PERIOD = 30.0  # seconds between looks for new kinds
ABSENT = 500  # owners that are remembered to be gone


class GarbageCollector(Controller):
    """Reconciles nodes of the graph: a key is the uid of an object, with "orphan/" before it to free its dependents."""

    name = "garbage-collector-controller"
    watches: ClassVar = {}

    def prepare(self) -> None:
        self.graph = Graph(
            lambda node: self.queue.add(node.uid), lambda node: self.queue.add(f"orphan/{node.uid}"), self._refuse
        )
        self._monitored: dict[tuple[str, str], Resource] = {}  # (group, plural)
        self._absent: dict[tuple[Identity, str], None] = {}
        self._unseen: dict[str, int] = {}  # uid of an owner that no informer shows -> how often we looked for it
        self._discover()

    def started(self) -> None:
        self.every(SYNC_PERIOD, self._sync_monitors)

    def _sync_monitors(self) -> None:
        self._discover()

    def _discover(self) -> None:
        """Watch every kind that can be listed, watched and deleted."""
        try:
            found = resources(self.client, "list", "watch", "delete")
        except ApiError:
            return  # asked again in 30 s
        for resource in found:
            row = (resource.group, resource.plural)
            if row in IGNORED or row in self._monitored:
                continue
            self._monitored[row] = resource
            informer = self.informer(name_of(resource))
            informer.add_handler(self._handler(resource.api_version, resource.kind))
            informer.start()

    def _handler(self, api_version: str, kind: str) -> Callable[[str, Obj | None, Obj | None], None]:
        def handle(type: str, old: Obj | None, new: Obj | None) -> None:
            if not self.running:
                return
            if new is None:
                self.graph.remove((old or {})["metadata"]["uid"])
                return
            if old is not None:
                was, now = old["metadata"], new["metadata"]
                if was["uid"] != now["uid"]:
                    self.graph.remove(was["uid"])
                elif (
                    was.get("ownerReferences") == now.get("ownerReferences")
                    and was.get("finalizers") == now.get("finalizers")
                    and ("deletionTimestamp" in was) == ("deletionTimestamp" in now)
                ):
                    return
            self.graph.observe(api_version, kind, old, new)

        return handle

    def _refuse(self, node: Node, ref: Ref) -> None:
        """Say that an owner must be in the same namespace, or in none."""
        where = node.identity
        wrong = Identity(ref["apiVersion"], ref["kind"], where.namespace, ref["name"]).describe(ref["uid"])
        meta = {"name": where.name, "namespace": where.namespace, "uid": node.uid}
        self.event(
            {"apiVersion": where.api_version, "kind": where.kind, "metadata": meta},
            "Warning",
            "OwnerRefInvalidNamespace",
            f'ownerRef {wrong} does not exist in namespace "{where.namespace}"',
        )

    # Reconciling ------------------------------------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        orphan, _, uid = key.rpartition("/")
        node = self.graph.nodes.get(uid)
        if node is None:
            self._unseen.pop(uid, None)
            return None
        if orphan:
            self._orphan(node)
        elif self._attempt(node) and node.virtual:
            tries = self._unseen[uid] = self._unseen.get(uid, -1) + 1
            return min(BASE_DELAY * 2.0 ** min(tries, 60), MAX_DELAY)  # until an informer shows it, or it is gone
        self._unseen.pop(uid, None)
        return None

    def _attempt(self, node: Node) -> bool:
        """Delete the object if nothing owns it any more.  Returns whether it is (still) there."""
        if node.deleting and not node.deleting_dependents:
            return True
        latest = self._live(node.identity)
        if latest is None or latest["metadata"]["uid"] != node.uid:
            self._remember_absent(node.identity, node.uid)
            self.graph.absent(node, node.identity)
            return False
        if node.deleting_dependents:
            self._finish_foreground(node, latest)
            return True
        refs: list[Ref] = latest["metadata"].get("ownerReferences") or []
        if not refs:
            return True
        solid, dangling, waiting = self._classify(node, refs)
        if solid:
            if dangling or waiting:
                self._drop_refs(node, latest, [ref["uid"] for ref in dangling + waiting])
        elif waiting and node.dependents:
            if any(dep.deleting_dependents for dep in node.dependents.values()):
                self._unblock(node, latest)  # a circle: do not wait for each other
            self._delete(node, latest, "Foreground")
        else:
            finalizers = latest["metadata"].get("finalizers") or ()
            policy = "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"
            self._delete(node, latest, policy)
        return True

    def _classify(self, node: Node, refs: list[Ref]) -> tuple[list[Ref], list[Ref], list[Ref]]:
        """(owners that are there, that are gone, that wait for their dependents to go)."""
        solid: list[Ref] = []
        dangling: list[Ref] = []
        waiting: list[Ref] = []
        for ref in refs:
            owner = self._owner(node, ref)
            if owner is None:
                dangling.append(ref)
            elif "deletionTimestamp" in owner["metadata"] and FOREGROUND in (owner["metadata"].get("finalizers") or ()):
                waiting.append(ref)
            else:
                solid.append(ref)
        return solid, dangling, waiting

    def _owner(self, node: Node, ref: Ref) -> Obj | None:
        resource = self.client.resource_for(ref["apiVersion"], ref["kind"])
        if resource.namespaced and not node.identity.namespace:
            return {"metadata": {}}  # cannot be; it is left alone
        namespace = node.identity.namespace if resource.namespaced else ""
        identity = Identity(ref["apiVersion"], ref["kind"], namespace, ref["name"])
        if (identity, ref["uid"]) in self._absent:
            return None
        owner = self._live(identity)
        if owner is None or owner["metadata"]["uid"] != ref["uid"]:
            self._remember_absent(identity, ref["uid"])
            return None
        return owner

    def _remember_absent(self, identity: Identity, uid: str) -> None:
        self._absent[(identity, uid)] = None
        if len(self._absent) > ABSENT:
            del self._absent[next(iter(self._absent))]

    def _live(self, identity: Identity) -> Obj | None:
        resource = self.client.resource_for(identity.api_version, identity.kind)
        namespace = identity.namespace if resource.namespaced else None
        if resource.namespaced and not namespace:
            return None
        try:
            return self.client.get(name_of(resource), identity.name, namespace)
        except ApiError as error:
            if error.not_found:
                return None
            raise

    # Writing ----------------------------------------------------------------------------------------------------------

    def _finish_foreground(self, node: Node, latest: Obj) -> None:
        blocking = node.blocking()
        if not blocking:
            self._remove_finalizer(node, latest, FOREGROUND)
        for dependent in blocking:
            if not dependent.deleting_dependents:
                self.queue.add(dependent.uid)

    def _orphan(self, node: Node) -> None:
        for dependent in list(node.dependents.values()):
            latest = self._live(dependent.identity)
            if latest is not None and latest["metadata"]["uid"] == dependent.uid:
                self._drop_refs(dependent, latest, [node.uid])
        owner = self._live(node.identity)
        if owner is not None and owner["metadata"]["uid"] == node.uid:
            self._remove_finalizer(node, owner, ORPHAN)

    def _drop_refs(self, node: Node, latest: Obj, uids: list[str]) -> None:
        refs = [ref for ref in latest["metadata"].get("ownerReferences") or () if ref["uid"] not in uids]
        self._patch(node, {"ownerReferences": refs, "resourceVersion": latest["metadata"]["resourceVersion"]})

    def _unblock(self, node: Node, latest: Obj) -> None:
        refs = [{**ref, "blockOwnerDeletion": False} for ref in latest["metadata"].get("ownerReferences") or ()]
        fresh = self._patch(node, {"ownerReferences": refs, "resourceVersion": latest["metadata"]["resourceVersion"]})
        if fresh is not None:
            latest["metadata"] = fresh["metadata"]

    def _remove_finalizer(self, node: Node, latest: Obj, finalizer: str) -> None:
        meta = latest["metadata"]
        left = [f for f in meta.get("finalizers") or () if f != finalizer]
        if len(left) != len(meta.get("finalizers") or ()):
            self._patch(node, {"finalizers": left, "resourceVersion": meta["resourceVersion"]})

    def _patch(self, node: Node, meta: dict[str, Any]) -> Obj | None:
        resource = self.client.resource_for(node.identity.api_version, node.identity.kind)
        body = {"metadata": {"uid": node.uid, **meta}}
        try:
            return self.client.patch(name_of(resource), node.identity.name, body, node.identity.namespace or None)
        except ApiError as error:
            if error.not_found:
                return None
            raise

    def _delete(self, node: Node, latest: Obj, policy: str) -> None:
        resource = self.client.resource_for(node.identity.api_version, node.identity.kind)
        try:
            self.client.delete(
                name_of(resource),
                node.identity.name,
                node.identity.namespace or None,
                propagation_policy=policy,
                uid=node.uid,
                resource_version=latest["metadata"]["resourceVersion"],
            )
        except ApiError as error:
            if not error.not_found:
                raise
            self.graph.absent(node, node.identity)
