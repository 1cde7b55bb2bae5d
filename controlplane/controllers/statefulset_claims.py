"""The claims of a StatefulSet's Pods, which outlive them unless the set says otherwise.

Upstream: pkg/controller/statefulset/stateful_pod_control.go, and stateful_set_utils.go for the retention policy.
"""

from __future__ import annotations

from collections.abc import Callable

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.informer import Informer
from controlplane.controllers.base import owner_reference
from controlplane.controllers.statefulset_pods import claim_names

Say = Callable[[Obj, str, str, str], None]


class Claims:
    """Makes the claims that a Pod needs before the Pod, and hands them to who takes them along when it goes."""

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
                error = f"pvc {name} is being deleted"
                where = f"create Pod {pod['metadata']['name']} in StatefulSet {meta['name']}"
                self.say(owner, "Warning", "FailedCreate", f"{where} failed error: {error}")
                raise ApiError({"code": 409, "reason": "Conflict", "message": error})

    def _create(self, owner: Obj, pod: Obj, template: Obj, name: str) -> None:
        meta = owner["metadata"]
        exact = (owner["spec"].get("selector") or {}).get("matchLabels") or {}
        labels = {**(template["metadata"].get("labels") or {}), **exact}
        claim: Obj = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": meta["namespace"], "labels": labels},
            "spec": template["spec"],
        }
        if template["metadata"].get("annotations"):
            claim["metadata"]["annotations"] = template["metadata"]["annotations"]
        where = f"create Claim {name} Pod {pod['metadata']['name']} in StatefulSet {meta['name']}"
        try:
            self.client.create(claim)
        except ApiError as error:
            if error.already_exists:
                return
            self.say(owner, "Warning", "FailedCreate", f"{where} failed error: {error.message}")
            raise
        self.say(owner, "Normal", "SuccessfulCreate", f"{where} success")

    def retain(self, owner: Obj, pod: Obj, number: int, condemned: bool) -> None:
        """Give each claim the owner that `persistentVolumeClaimRetentionPolicy` calls for: the set, the Pod that is
        scaled away, or none."""
        policy = owner["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
        heir = None
        if condemned and policy.get("whenScaled") == "Delete":
            heir = owner_reference({"apiVersion": "v1", "kind": "Pod", **pod})
        elif policy.get("whenDeleted") == "Delete":
            heir = owner_reference(owner)
        ours = {owner["metadata"]["uid"], pod["metadata"]["uid"]}
        for name in claim_names(owner, number).values():
            claim = self.informer.get(f"{owner['metadata']['namespace']}/{name}")
            if claim is None:
                continue
            before = claim["metadata"].get("ownerReferences") or []
            after = [ref for ref in before if ref["uid"] not in ours] + ([heir] if heir is not None else [])
            if after != before:
                self.client.update({**claim, "metadata": {**claim["metadata"], "ownerReferences": after}})
