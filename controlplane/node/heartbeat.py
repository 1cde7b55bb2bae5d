"""The heartbeat of a node: a Lease in kube-node-lease, renewed every 10 s (component-helpers/apimachinery/lease).

It is the cheapest sign of life there is: one write of a small object, however many Pods the node has.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from controlplane.client.base import ApiError
from controlplane.clock import rfc3339_micro
from controlplane.node.runtime import Obj

if TYPE_CHECKING:
    from controlplane.node.node_status import NodeStatus

NAMESPACE = "kube-node-lease"
DURATION = 40  # seconds that the Lease claims to last
RENEW = 10.0  # seconds between heartbeats: a quarter of that
JITTER = 0.04  # by which they vary


class Heartbeat:
    """Renews the Lease of one node.  `failing`: the API server has not taken something, and will be told again."""

    def __init__(self, node: NodeStatus, rng: random.Random) -> None:
        self.node = node
        self.failing = False
        self._rng = rng
        self._lease: Obj | None = None  # as it was written last

    def start(self) -> None:
        self._lease, self.failing = None, False
        self._beat()

    def _beat(self) -> None:
        kubelet = self.node.kubelet
        kubelet.later(RENEW * (1 + JITTER * self._rng.random()), self._beat)
        now = rfc3339_micro(kubelet.loop.now() + kubelet.clock_skew)
        try:
            if self._lease is None:
                self._lease = self._take(now)
            else:
                self._lease = kubelet.client.update({**self._lease, "spec": {**self._lease["spec"], "renewTime": now}})
        except ApiError as error:
            if error.conflict or error.not_found:
                self._lease = None  # somebody else wrote it: read it again
            self.failing = True
            return
        if self.failing:
            self.failing = False
            self.node.reconnected()

    def _take(self, now: str) -> Obj:
        """The node's Lease, made if there is none."""
        client, name = self.node.kubelet.client, self.node.kubelet.name
        spec = {"holderIdentity": name, "leaseDurationSeconds": DURATION, "renewTime": now}
        try:
            lease = client.get("leases", name, NAMESPACE)
        except ApiError as error:
            if not error.not_found:
                raise
            owner = {
                "apiVersion": "v1",
                "kind": "Node",
                "name": name,
                "uid": client.get("nodes", name)["metadata"]["uid"],
            }
            meta = {"name": name, "namespace": NAMESPACE, "ownerReferences": [owner]}
            return client.create(
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
            )
        return client.update({**lease, "spec": {**lease["spec"], **spec}})
