"""Who depends on whom (upstream: pkg/controller/garbagecollector/graph_builder.go).

Every object is a node; an ownerReference is an edge.  An owner that nobody has seen yet gets a virtual node, which the
collector verifies with the API server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from controlplane.client.base import Obj

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
Ref = dict[str, Any]


class Identity(NamedTuple):
    """Where an object is; its uid says which of the objects that were ever there."""

    api_version: str
    kind: str
    namespace: str  # "" for cluster-scoped ones
    name: str

    def describe(self, uid: str) -> str:
        return f"[{self.api_version}/{self.kind}, namespace: {self.namespace}, name: {self.name}, uid: {uid}]"


class Node:
    """One object in the graph.  `virtual` until an informer has shown it."""

    __slots__ = ("uid", "identity", "owners", "dependents", "deleting", "deleting_dependents", "virtual")

    def __init__(self, uid: str, identity: Identity, owners: list[Ref], virtual: bool = False) -> None:
        self.uid = uid
        self.identity = identity
        self.owners = owners
        self.dependents: dict[str, Node] = {}
        self.deleting = False
        self.deleting_dependents = False
        self.virtual = virtual

    def blocking(self) -> list[Node]:
        """The dependents that must be gone before a foreground deletion ends."""
        return [
            dep
            for dep in self.dependents.values()
            if any(ref["uid"] == self.uid and ref.get("blockOwnerDeletion") for ref in dep.owners)
        ]


def ref_of(node: Node, uid: str) -> Ref | None:
    return next((ref for ref in node.owners if ref["uid"] == uid), None)


def matches(ref: Ref, identity: Identity) -> bool:
    return (ref.get("apiVersion"), ref.get("kind"), ref.get("name")) == (
        identity.api_version,
        identity.kind,
        identity.name,
    )


class Graph:
    """Fed with what informers tell; `look` is called with a node to examine for deletion, `free` with one whose
    dependents are to be orphaned, and `refuse(node, ref, namespace)` with a reference across namespaces."""

    def __init__(
        self, look: Callable[[Node], None], free: Callable[[Node], None], refuse: Callable[[Node, Ref], None]
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self._look = look
        self._free = free
        self._refuse = refuse

    def observe(self, api_version: str, kind: str, old: Obj | None, new: Obj) -> None:
        """An informer shows `new`."""
        meta = new["metadata"]
        uid, owners = meta["uid"], meta.get("ownerReferences") or []
        deleting, finalizers = "deletionTimestamp" in meta, meta.get("finalizers") or ()
        identity = Identity(api_version, kind, meta.get("namespace") or "", meta["name"])
        node = self.nodes.get(uid)
        if node is None:
            node = self.nodes[uid] = Node(uid, identity, owners)
            node.deleting = deleting
            node.deleting_dependents = deleting and FOREGROUND in finalizers
            self._link(node, owners)
        else:
            if node.virtual:
                self._verify(node, identity)
            if owners != node.owners:
                self._relink(node, owners)
            node.deleting = node.deleting or deleting
        if not deleting or not (ORPHAN in finalizers or FOREGROUND in finalizers):
            return
        before = old["metadata"] if old is not None else {}
        past = (before.get("finalizers") or ()) if "deletionTimestamp" in before else ()
        if ORPHAN in finalizers and ORPHAN not in past:
            self._free(node)
        elif FOREGROUND in finalizers and FOREGROUND not in past:
            node.deleting_dependents = True
            for dependent in list(node.dependents.values()):
                self._look(dependent)
            self._look(node)

    def _verify(self, node: Node, identity: Identity) -> None:
        """A node that was only heard of is there: those that know it under another name or namespace are wrong."""
        if identity != node.identity:
            for dependent in list(node.dependents.values()):
                ref = ref_of(dependent, node.uid)
                elsewhere = bool(identity.namespace) and dependent.identity.namespace != identity.namespace
                if ref is not None and (elsewhere or not matches(ref, identity)):
                    if elsewhere:
                        self._refuse(dependent, ref)
                    self._look(dependent)
            node.identity = identity
        node.virtual = False

    def _relink(self, node: Node, owners: list[Ref]) -> None:
        before, after = {r["uid"]: r for r in node.owners}, {r["uid"]: r for r in owners}
        node.owners = owners
        for uid, ref in before.items():
            owner = self.nodes.get(uid)
            unblocked = ref.get("blockOwnerDeletion") and not after.get(uid, {}).get("blockOwnerDeletion")
            if owner is not None and uid not in after:
                owner.dependents.pop(node.uid, None)
            if owner is not None and unblocked:
                self._look(owner)
        self._link(node, [ref for ref in owners if ref["uid"] not in before])

    def _link(self, node: Node, refs: list[Ref]) -> None:
        suspect = False
        for ref in refs:
            owner = self.nodes.get(ref["uid"])
            if owner is None:
                guess = Identity(ref["apiVersion"], ref["kind"], node.identity.namespace, ref["name"])
                owner = self.nodes[ref["uid"]] = Node(ref["uid"], guess, [], virtual=True)
                owner.dependents[node.uid] = node
                self._look(owner)
                continue
            owner.dependents[node.uid] = node
            there, here = owner.identity.namespace, node.identity.namespace
            if there and there != here:
                if not owner.virtual:
                    self._refuse(node, ref)
                suspect = True
            elif not matches(ref, owner.identity) or (not there and there != here and owner.virtual):
                suspect = True
        if suspect:
            self._look(node)

    def remove(self, uid: str) -> list[Node]:
        """The object is gone for certain: forget it, and examine its dependents and what waited for it."""
        node = self.nodes.pop(uid, None)
        if node is None:
            return []
        for ref in node.owners:
            owner = self.nodes.get(ref["uid"])
            if owner is not None:
                owner.dependents.pop(uid, None)
                if owner.deleting_dependents:
                    self._look(owner)
        dependents = list(node.dependents.values())
        for dependent in dependents:
            self._look(dependent)
        return dependents

    def absent(self, node: Node, identity: Identity) -> bool:
        """The API server has no `node` at `identity`.  Returns whether the node was forgotten.

        An owner that dependents describe in different ways is looked for at each of the places in turn.
        """
        if not node.virtual:
            if node.identity != identity:
                return False
            self.remove(node.uid)
            return True
        others = [
            (dep, ref)
            for dep in node.dependents.values()
            if (ref := ref_of(dep, node.uid)) is not None
            and not (matches(ref, identity) and dep.identity.namespace in (identity.namespace, ""))
            and identity.namespace
        ]
        if not others:
            self.remove(node.uid)
            return True
        strange = {dep.uid for dep, _ in others}
        for dependent in list(node.dependents.values()):
            if dependent.uid not in strange:
                self._look(dependent)
        if node.identity == identity:
            dep, ref = min(
                others,
                key=lambda pair: (pair[1]["apiVersion"], pair[1]["kind"], pair[1]["name"], pair[0].identity.namespace),
            )
            node.identity = Identity(ref["apiVersion"], ref["kind"], dep.identity.namespace, ref["name"])
            self._look(node)
        return False
