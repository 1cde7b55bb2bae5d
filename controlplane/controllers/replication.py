"""The ReplicationController: the ReplicaSet's elder sibling (upstream: pkg/controller/replication, which wraps it)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import Obj
from controlplane.controllers.replicaset import ReplicaSetController
from controlplane.labels import NOTHING, Selector, from_set


class ReplicationManager(ReplicaSetController):
    """Keeps `spec.replicas` Pods of each ReplicationController."""

    name = "replication-controller"
    resource: ClassVar = "replicationcontrollers"
    kind: ClassVar = "ReplicationController"
    watches: ClassVar = {"replicationcontrollers": "on_owner", "pods": "on_pod_paced"}

    def selector_of(self, owner: Obj) -> Selector:
        """A plain mapping of labels."""
        selector = owner["spec"].get("selector")
        return from_set(selector) if selector else NOTHING

    def extra_status(self, terminating: int) -> Obj:
        return {}
