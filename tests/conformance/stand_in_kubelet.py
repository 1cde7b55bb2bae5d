"""The kubelets with which the recordings were made, on the virtual clock: Pods become Ready as soon as they are bound.

An image whose name holds "broken" never becomes ready; a Pod with restartPolicy Never ends at once.
"""

from __future__ import annotations

from controlplane.client.base import ApiError, Client, Obj, PatchType
from controlplane.client.informer import Informer
from controlplane.clock import Loop, rfc3339, rfc3339_micro

LATENCY = 0.01  # seconds that one Pod takes; they take their turn
HEARTBEAT = 5.0
CAPACITY = {"cpu": "4", "memory": "8Gi", "pods": "110"}
PATCH: PatchType = "strategic"


class StandInKubelets:
    """Kubelets of several nodes in one; `stop(node)` is pulling its plug."""

    def __init__(self, loop: Loop, client: Client, *names: str) -> None:
        self.loop = loop
        self.client = client
        self.names = list(names)
        self.stopped: set[str] = set()
        self.ips: dict[str, str] = {}
        self._busy_until = 0.0

    def start(self) -> None:
        for name in self.names:
            self._register(name)
        self.loop.call_later(HEARTBEAT, self._heartbeat)
        self.pods = Informer(self.loop, self.client, "pods")
        self.pods.add_handler(lambda type, old, new: self._queue(new))
        self.pods.start()

    def stop(self, name: str) -> None:
        self.stopped.add(name)

    def resume(self, name: str) -> None:
        self.stopped.discard(name)
        for pod in self.pods.list():
            self._queue(pod)

    def _queue(self, pod: Obj | None) -> None:
        if pod is not None and pod["spec"].get("nodeName"):
            self._busy_until = max(self._busy_until, self.loop.now()) + LATENCY
            self.loop.call_at(self._busy_until, self._handle, pod)

    def _register(self, name: str) -> None:
        stamp = rfc3339(self.loop.now())
        self.client.create(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}
        )
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "ok",
            "lastHeartbeatTime": stamp,
            "lastTransitionTime": stamp,
        }
        self.client.patch(
            "nodes",
            name,
            {"status": {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": [ready]}},
            subresource="status",
        )
        self.client.create(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": name, "namespace": "kube-node-lease"},
                "spec": {
                    "holderIdentity": name,
                    "leaseDurationSeconds": 40,
                    "renewTime": rfc3339_micro(self.loop.now()),
                },
            }
        )

    def _heartbeat(self) -> None:
        now = self.loop.now()
        for name in self.names:
            if name in self.stopped:
                continue
            try:
                self.client.patch("leases", name, {"spec": {"renewTime": rfc3339_micro(now)}}, "kube-node-lease")
                self.client.patch(
                    "nodes",
                    name,
                    {
                        "status": {
                            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": rfc3339(now)}]
                        }
                    },
                    type=PATCH,
                    subresource="status",
                )
            except ApiError:
                pass
        self.loop.call_later(HEARTBEAT, self._heartbeat)

    def _handle(self, pod: Obj) -> None:
        meta, node = pod["metadata"], pod["spec"].get("nodeName")
        if node not in self.names or node in self.stopped:
            return
        try:
            if "deletionTimestamp" in meta:
                self.client.delete("pods", meta["name"], meta["namespace"], grace_period_seconds=0, uid=meta["uid"])
            elif pod.get("status", {}).get("phase") == "Pending":
                self.client.patch(
                    "pods",
                    meta["name"],
                    {"status": self._status(pod)},
                    meta["namespace"],
                    type=PATCH,
                    subresource="status",
                )
        except ApiError:
            pass

    def _status(self, pod: Obj) -> Obj:
        stamp, count = rfc3339(self.loop.now()), len(self.ips)
        ip = self.ips.setdefault(pod["metadata"]["uid"], f"10.244.{count // 250}.{count % 250 + 2}")
        broken = any("broken" in c["image"] for c in pod["spec"]["containers"])
        done = pod["spec"].get("restartPolicy") == "Never"
        state = {"terminated": {"exitCode": 0}} if done else {"running": {"startedAt": stamp}}
        ready = "False" if broken or done else "True"
        conditions = [("Initialized", "True"), ("PodScheduled", "True"), ("Ready", ready), ("ContainersReady", ready)]
        return {
            "phase": "Succeeded" if done else "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "hostIP": "127.0.0.1",
            "startTime": stamp,
            "conditions": [{"type": t, "status": s, "lastTransitionTime": stamp} for t, s in conditions],
            "containerStatuses": [
                {
                    "name": c["name"],
                    "ready": ready == "True",
                    "restartCount": 0,
                    "image": c["image"],
                    "imageID": "",
                    "state": state,
                }
                for c in pod["spec"]["containers"]
            ],
        }
