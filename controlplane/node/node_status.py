"""The kubelet's own object: registering the Node, reporting its conditions, and the heartbeat.

The heartbeat is a Lease in kube-node-lease, renewed every 10 s; the Node's status follows every 5 minutes or when it
changes.  Upstream: pkg/kubelet/kubelet_node_status.go, pkg/kubelet/nodestatus and component-helpers/apimachinery/lease.

*Note*: upstream also watches its own Node and puts an edited status right within 10 s; here that takes up to 5
minutes, or until the first heartbeat after one that failed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from controlplane.client.base import ApiError
from controlplane.clock import rfc3339
from controlplane.node.heartbeat import Heartbeat
from controlplane.node.pod_resources import amount
from controlplane.node.runtime import Obj

if TYPE_CHECKING:
    from controlplane.node.kubelet import Kubelet

VERSION = "v1.36.0"
JITTER = 0.04  # by which periods vary
REPORT = 300.0  # seconds between reports of an unchanged status
NETWORK_READY = 0.5  # seconds that the network plugin takes to come up
RETRY = 0.1  # seconds, doubling to 7: until a registration that failed is tried again
RETRY_MOST = 7.0
CHANGE = 10.0  # seconds within which a change is reported
RESERVED_MEMORY = 100 * 1024 * 1024  # the hard eviction threshold, which no Pod may count on
DEFAULT_CAPACITY = {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"}
NOT_READY = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin "
    "returns error: cni plugin not initialized"
)
PRESSURES = {  # condition: (reason, message) while there is pressure, and without
    "MemoryPressure": (
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ),
    "DiskPressure": (
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ),
    "PIDPressure": (
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ),
}
PRESSURE_EVENTS = {
    "MemoryPressure": ("NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
    "DiskPressure": ("NodeHasDiskPressure", "NodeHasNoDiskPressure"),
    "PIDPressure": ("NodeHasInsufficientPID", "NodeHasSufficientPID"),
}


class NodeStatus:
    """What one kubelet says about its machine."""

    def __init__(self, kubelet: Kubelet, capacity: dict[str, str] | None, labels: dict[str, str] | None) -> None:
        self.kubelet = kubelet
        self.capacity = {**DEFAULT_CAPACITY, **(capacity or {})}
        self.allocatable = allocatable(self.capacity)
        self.labels = {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": kubelet.name,
            "kubernetes.io/os": "linux",
            **(labels or {}),
        }
        self.ready = False
        self.pressure = dict.fromkeys(PRESSURES, False)
        self.boots = 0  # how often the machine was switched on
        self._rng = kubelet.loop.rng(f"kubelet/{kubelet.name}")
        self.heartbeat = Heartbeat(self, self._rng)
        self._conditions: dict[str, Obj] = {}
        self._delay = RETRY
        self._changed = False

    # Coming up ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Register, then keep beating."""
        kubelet = self.kubelet
        self.ready, self._delay = False, RETRY
        self._conditions = {}
        self._changed = False
        kubelet.recorder.event(self.reference(), "Normal", "Starting", "Starting kubelet.")
        self._register()
        kubelet.later(NETWORK_READY, self._network_ready)

    def reference(self) -> Obj:
        """The Node as events name it; its uid is the name, as upstream's events have it."""
        return {"kind": "Node", "metadata": {"name": self.kubelet.name, "uid": self.kubelet.name}}

    def _register(self) -> None:
        kubelet = self.kubelet
        node: Obj = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": kubelet.name,
                "labels": self.labels,
                "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
            },
            "spec": {"podCIDR": kubelet.pod_cidr, "podCIDRs": [kubelet.pod_cidr]} if kubelet.pod_cidr else {},
            "status": self._status(),
        }
        try:
            try:
                kubelet.client.create(node)
            except ApiError as error:
                if not error.already_exists:
                    raise
                self._reconcile(kubelet.client.get("nodes", kubelet.name))
        except ApiError:
            kubelet.later(self._delay, self._register)
            self._delay = min(self._delay * 2, RETRY_MOST)
            return
        for type, names in PRESSURE_EVENTS.items():
            self._event(names[not self.pressure[type]])
        kubelet.recorder.event(
            self.reference(), "Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods"
        )
        kubelet.registered()
        self.heartbeat.start()
        kubelet.later(REPORT * (1 + JITTER * self._rng.random()), self._periodic_report)

    def _reconcile(self, node: Obj) -> None:
        """The Node was there before: it gets our labels and status, and keeps what others put on it."""
        client, name = self.kubelet.client, self.kubelet.name
        self._conditions = {
            c["type"]: c
            for c in (node.get("status") or {}).get("conditions") or ()
            if c["type"] in PRESSURES or c["type"] == "Ready"
        }
        labels = node["metadata"].get("labels") or {}
        if any(labels.get(key) != value for key, value in self.labels.items()):
            client.patch("nodes", name, {"metadata": {"labels": self.labels}})
        status = self._status()
        client.patch("nodes", name, {"status": status}, type="strategic", subresource="status")
        old = ((node.get("status") or {}).get("nodeInfo") or {}).get("bootID")
        if old and old != status["nodeInfo"]["bootID"]:
            self.kubelet.recorder.event(
                self.reference(),
                "Warning",
                "Rebooted",
                f"Node {name} has been rebooted, boot id: {status['nodeInfo']['bootID']}",
            )

    def _network_ready(self) -> None:
        """The network plugin is up.  The range of the Pods' addresses is the one that the Node has by now."""
        kubelet = self.kubelet
        if not kubelet.pod_cidr:
            try:
                node = kubelet.client.get("nodes", kubelet.name)
            except ApiError:  # not registered yet
                kubelet.later(NETWORK_READY, self._network_ready)
                return
            kubelet.pod_cidr = (node.get("spec") or {}).get("podCIDR") or ""
        self.ready = True
        kubelet.network_ready()
        self.report()
        self._event("NodeReady")

    # Reporting ------------------------------------------------------------------------------------------------------

    def set_pressure(self, type: str, under: bool) -> None:
        """The eviction manager has noticed a change."""
        if self.pressure[type] != under:
            self.pressure[type] = under
            self._event(PRESSURE_EVENTS[type][not under])
            self.report()

    def changed(self) -> None:
        """Something small changed, such as the list of images: report it with the next look, within 10 s."""
        if not self._changed:
            self._changed = True
            self.kubelet.later(CHANGE, self._report_change)

    def _report_change(self) -> None:
        if self._changed:
            self.report()

    def _periodic_report(self) -> None:
        self.report()
        self.kubelet.later(REPORT, self._periodic_report)

    def report(self) -> None:
        """Write the whole status; a failure is made good after the next heartbeat that gets through."""
        self._changed = False
        try:
            self.kubelet.client.patch(
                "nodes", self.kubelet.name, {"status": self._status()}, type="strategic", subresource="status"
            )
        except ApiError:
            self.heartbeat.failing = True

    def _status(self) -> Obj:
        kubelet, runtime = self.kubelet, self.kubelet.runtime
        identity = hashlib.sha256(kubelet.name.encode()).hexdigest()
        boot = hashlib.sha256(f"{kubelet.name}/{self.boots}".encode()).hexdigest()
        images = runtime.images()
        return {
            "capacity": self.capacity,
            "allocatable": self.allocatable,
            "conditions": self._current_conditions(),
            "addresses": [
                {"type": "InternalIP", "address": kubelet.address},
                {"type": "Hostname", "address": kubelet.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": identity[:32],
                "systemUUID": _uuid(identity),
                "bootID": _uuid(boot),
                "kernelVersion": "6.12.0",
                "osImage": "Debian GNU/Linux 13 (trixie)",
                "containerRuntimeVersion": f"{runtime.name}://{runtime.version}",
                "kubeletVersion": VERSION,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
            "images": [{"names": [image.name], "sizeBytes": image.size} for image in images[-50:]],
        }

    def _current_conditions(self) -> list[Obj]:
        ready = ("KubeletReady", "kubelet is posting ready status") if self.ready else ("KubeletNotReady", NOT_READY)
        wanted = [(type, self.pressure[type], *texts[not self.pressure[type]]) for type, texts in PRESSURES.items()]
        wanted.append(("Ready", self.ready, *ready))
        now = rfc3339(self.kubelet.loop.now() + self.kubelet.clock_skew)
        for type, holds, reason, message in wanted:
            status, old = str(holds), self._conditions.get(type)
            self._conditions[type] = {
                "type": type,
                "status": status,
                "lastHeartbeatTime": now,
                "lastTransitionTime": old["lastTransitionTime"] if old and old["status"] == status else now,
                "reason": reason,
                "message": message,
            }
        return list(self._conditions.values())

    def _event(self, reason: str) -> None:
        self.kubelet.recorder.event(
            self.reference(), "Normal", reason, f"Node {self.kubelet.name} status is now: {reason}"
        )

    def reconnected(self) -> None:
        """The server answers again, and may have taken us for dead in the meantime."""
        kubelet = self.kubelet
        try:
            node = kubelet.client.get("nodes", kubelet.name)
        except ApiError:
            return
        for condition in (node.get("status") or {}).get("conditions") or ():
            if condition["type"] in self._conditions:
                self._conditions[condition["type"]] = condition
        self.report()
        kubelet.statuses.retry()


def allocatable(capacity: dict[str, str]) -> dict[str, str]:
    """What is left for Pods: the capacity less what triggers eviction (100Mi of memory, 10% of the disk).

    >>> allocatable({"cpu": "4", "memory": "1Gi", "ephemeral-storage": "100"})
    {'cpu': '4', 'memory': '946176Ki', 'ephemeral-storage': '90'}
    """
    rest = dict(capacity)
    if "memory" in rest:
        rest["memory"] = f"{max(int(amount(rest['memory'])) - RESERVED_MEMORY, 0) // 1024}Ki"
    if "ephemeral-storage" in rest:
        rest["ephemeral-storage"] = str(int(amount(rest["ephemeral-storage"]) * 0.9))
    return rest


def _uuid(digest: str) -> str:
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
