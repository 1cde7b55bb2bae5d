"""A Node with the Pods on it and their sums (upstream: framework.NodeInfo)."""

from __future__ import annotations

from typing import Any

from controlplane.client.base import Obj
from controlplane.scheduler.pod_info import HostPort, PodInfo
from controlplane.scheduler.resources import Resources, add, from_list

ANY_IP = "0.0.0.0"
Taint = dict[str, str]


class NodeInfo:
    """What plugins see of a Node.  `info["metadata"]` is the API object's own; the sums are kept here.

    `requested` is what its Pods ask for, `assumed` the same with a little for containers without requests.
    `index` is its place in the order in which nodes are looked at.
    """

    __slots__ = (
        "node",
        "name",
        "index",
        "labels",
        "taints",
        "unschedulable",
        "allocatable",
        "images",
        "pods",
        "with_affinity",
        "with_anti_affinity",
        "requested",
        "assumed",
        "host_ports",
    )

    def __init__(self, name: str, node: Obj | None = None) -> None:
        self.name = name
        self.index = -1
        self.pods: dict[str, PodInfo] = {}
        self.with_affinity: dict[str, PodInfo] = {}  # with any term of Pod affinity or anti-affinity
        self.with_anti_affinity: dict[str, PodInfo] = {}  # with a required term of anti-affinity
        self.requested: Resources = {}
        self.assumed: Resources = {}
        self.host_ports: dict[HostPort, int] = {}
        self.set_node(node or {})

    def set_node(self, node: Obj) -> None:
        """Take over a new version of the API object."""
        spec, status = node.get("spec") or {}, node.get("status") or {}
        self.node = node
        self.labels: dict[str, str] = (node.get("metadata") or {}).get("labels") or {}
        self.taints: list[Taint] = spec.get("taints") or []
        self.unschedulable: bool = bool(spec.get("unschedulable"))
        try:
            self.allocatable: Resources = from_list(status.get("allocatable"))
        except ValueError:
            self.allocatable = {}  # a quantity that cannot be read: nothing fits
        self.images: dict[str, int] = {
            name: image.get("sizeBytes", 0) for image in status.get("images") or () for name in image.get("names") or ()
        }

    def __getitem__(self, field: str) -> Any:
        return self.node[field]

    @property
    def free(self) -> Resources:
        """What is left of each resource, "pods" included."""
        left = {name: value - self.requested.get(name, 0) for name, value in self.allocatable.items()}
        if "pods" in left:
            left["pods"] -= len(self.pods)
        return left

    def add_pod(self, pod: PodInfo) -> None:
        self._count(pod, 1)
        self.pods[pod.key] = pod
        if pod.template.has_affinity:
            self.with_affinity[pod.key] = pod
            if pod.template.required_anti_affinity:
                self.with_anti_affinity[pod.key] = pod

    def remove_pod(self, pod: PodInfo) -> None:
        self._count(self.pods.pop(pod.key), -1)
        self.with_affinity.pop(pod.key, None)
        self.with_anti_affinity.pop(pod.key, None)

    def _count(self, pod: PodInfo, times: int) -> None:
        template = pod.template
        add(self.requested, template.requests, times)
        add(self.assumed, template.assumed, times)
        for port in template.host_ports:
            left = self.host_ports.get(port, 0) + times
            if left:
                self.host_ports[port] = left
            else:
                del self.host_ports[port]

    def port_taken(self, wanted: HostPort) -> bool:
        """Is the host port in use, on the same address or on all of them?"""
        ip, protocol, port = wanted
        if not self.host_ports:
            return False
        return any(
            protocol == used_protocol and port == used_port and (ip == used_ip or ANY_IP in (ip, used_ip))
            for used_ip, used_protocol, used_port in self.host_ports
        )

    def copy(self) -> NodeInfo:
        """A copy to try things on: its Pods can be taken away without touching the original."""
        copy = NodeInfo.__new__(NodeInfo)
        for name in ("node", "name", "index", "labels", "taints", "unschedulable", "allocatable", "images"):
            setattr(copy, name, getattr(self, name))
        for name in ("pods", "with_affinity", "with_anti_affinity", "requested", "assumed", "host_ports"):
            setattr(copy, name, dict(getattr(self, name)))
        return copy

    def __repr__(self) -> str:
        return f"NodeInfo({self.name}, {len(self.pods)} pods)"
