"""The claims of a StatefulSet's Pods, which outlive them.

Upstream: pkg/controller/statefulset/stateful_pod_control.go.

*Note*: persistentVolumeClaimRetentionPolicy "Delete" is left out here; claims are always retained.
"""

from __future__ import annotations

from collections.abc import Callable

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.informer import Informer
from controlplane.controllers.statefulset_pods import claim_names

Say = Callable[[Obj, str, str, str], None]


class Claims:
    """Makes the claims that a Pod needs before the Pod."""

    def __init__(self, client: Client, informer: Informer, say: Say) -> None:
        self.client = client
        self.informer = informer
        self.say = say

    def ensure(self, owner: Obj, pod: Obj, number: int) -> None:
        meta, names = owner["metadata"], claim_names(owner, number)
        for template in owner["spec"].get("volumeClaimTemplates") or ():
            name = names[template["metadata"]["name"]]
            there = self.informer.get(f"{meta['namespace']}/{name}")
            if there is None:
                self._create(owner, pod, template, name)
            elif "deletionTimestamp" in there["metadata"]:
                self.say(
                    owner,
                    "Warning",
                    "FailedCreate",
                    f"create Pod {pod['metadata']['name']} in StatefulSet "
                    f"{meta['name']} failed error: pvc {name} is being deleted",
                )
                raise ApiError({"code": 409, "reason": "Conflict", "message": f"pvc {name} is being deleted"})

    def _create(self, owner: Obj, pod: Obj, template: Obj, name: str) -> None:
        meta = owner["metadata"]
        exact = (owner["spec"].get("selector") or {}).get("matchLabels") or {}
        labels = {**(template["metadata"].get("labels") or {}), **exact}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "spec": template["spec"],
            "metadata": {"name": name, "namespace": meta["namespace"], "labels": labels},
        }
        where = f"create Claim {name} Pod {pod['metadata']['name']} in StatefulSet {meta['name']}"
        try:
            self.client.create(claim)
        except ApiError as error:
            if error.already_exists:
                return
            self.say(owner, "Warning", "FailedCreate", f"{where} failed error: {error.message}")
            raise
        self.say(owner, "Normal", "SuccessfulCreate", f"{where} success")
