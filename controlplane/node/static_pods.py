"""Static Pods: Pods that a kubelet runs from manifests on its own machine, API server or not.

For each, the kubelet puts a mirror Pod into the API, so that it can be seen there.  Deleting the mirror does not end
the Pod: it is only made anew.  This is how kubeadm runs the control plane itself.  Upstream:
pkg/kubelet/pod/mirror_client.go.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from controlplane.client.base import ApiError
from controlplane.clock import rfc3339
from controlplane.node.pod_worker import PodWorker
from controlplane.node.runtime import Obj

if TYPE_CHECKING:
    from controlplane.node.kubelet import Kubelet

MIRROR = "kubernetes.io/config.mirror"
HASH, SEEN, SOURCE = "kubernetes.io/config.hash", "kubernetes.io/config.seen", "kubernetes.io/config.source"
RETRY = 10.0  # seconds until a mirror that could not be written is tried again


class StaticPods:
    """The manifests of one machine.  They are on its disk: a power cut does not lose them."""

    def __init__(self, kubelet: Kubelet) -> None:
        self.kubelet = kubelet
        self._pods: dict[str, Obj] = {}  # namespace/name (in the API) -> the Pod

    def add(self, manifest: Obj) -> str:
        """Put a Pod manifest into the machine's folder; returns `namespace/name` of its mirror."""
        kubelet = self.kubelet
        meta = manifest["metadata"]
        digest = hashlib.md5(f"{kubelet.name}/{json.dumps(manifest, sort_keys=True)}".encode()).hexdigest()
        namespace, name = meta.get("namespace") or "default", f"{meta['name']}-{kubelet.name}"
        notes = {HASH: digest, SEEN: rfc3339(kubelet.loop.now()), SOURCE: "file"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **meta,
                "name": name,
                "namespace": namespace,
                "uid": digest,
                "annotations": {**(meta.get("annotations") or {}), **notes},
            },
            "spec": {
                "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30,
                **manifest["spec"],
                "nodeName": kubelet.name,
            },
        }
        key = f"{namespace}/{name}"
        if key in self._pods:
            self.remove(key)
        self._pods[key] = pod
        if kubelet.running:
            self._run(pod)
        return key

    def remove(self, key: str) -> None:
        """Take the manifest away: the Pod ends, and its mirror goes."""
        pod = self._pods.pop(key)
        worker = self.kubelet.workers.get(pod["metadata"]["uid"])
        if worker is not None:
            self.kubelet.lost(worker)
        self._delete_mirror(pod)

    def start(self) -> None:
        """The kubelet starts."""
        for pod in self._pods.values():
            self._run(pod)

    def _run(self, pod: Obj) -> None:
        worker = PodWorker(self.kubelet, pod)
        worker.static = True
        self.kubelet.workers[worker.uid] = worker
        self.kubelet.reserve(worker, worker.requests)
        worker.start()
        self._mirror(worker)

    # Mirrors --------------------------------------------------------------------------------------------------------

    def is_mirror(self, pod: Obj) -> bool:
        return MIRROR in (pod["metadata"].get("annotations") or {})

    def mirror_changed(self, type: str, mirror: Obj) -> None:
        """The API has news of a mirror Pod: it is put back as it should be."""
        meta = mirror["metadata"]
        pod = self._pods.get(f"{meta['namespace']}/{meta['name']}")
        worker = self.kubelet.workers.get(pod["metadata"]["uid"]) if pod is not None else None
        if type == "DELETED":
            if worker is not None and (worker.mirror is None or worker.mirror["metadata"]["uid"] == meta["uid"]):
                worker.mirror = None
                self._mirror(worker)
        elif worker is None or meta["annotations"][MIRROR] != worker.uid or meta.get("deletionTimestamp"):
            self._delete_mirror(mirror, meta["uid"])
        else:
            worker.mirror = mirror
            worker.publish()

    def _mirror(self, worker: PodWorker) -> None:
        """Make the mirror Pod, unless it is there."""
        if worker.closed or worker.removed or worker.mirror is not None:
            return
        kubelet, pod = self.kubelet, worker.pod
        meta = {k: v for k, v in pod["metadata"].items() if k != "uid"}
        meta["annotations"] = {**meta["annotations"], MIRROR: worker.uid}
        try:
            owner = kubelet.client.get("nodes", kubelet.name)["metadata"]["uid"]
            meta["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "Node", "name": kubelet.name, "uid": owner, "controller": True}
            ]
            worker.mirror = kubelet.client.create({**pod, "metadata": meta})
        except ApiError as error:
            if not error.already_exists:  # else the watch brings it
                kubelet.later(RETRY, self._mirror, worker)
            return
        worker.publish()

    def _delete_mirror(self, pod: Obj, uid: str = "") -> None:
        meta = pod["metadata"]
        try:
            self.kubelet.client.delete("pods", meta["name"], meta["namespace"], grace_period_seconds=0, uid=uid)
        except ApiError as error:
            if not error.not_found and not error.conflict:
                self.kubelet.later(RETRY, self._delete_mirror, pod, uid)
