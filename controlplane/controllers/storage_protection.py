"""Volume protection: claims in use by Pods, and volumes bound to claims, are not deleted under them.

Upstream: pkg/controller/volume/{pvcprotection,pvprotection}.  The admission plugin StorageObjectInUseProtection gives
each its finalizer; these controllers take it away when it is time.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj
from controlplane.controllers.base import Controller
from controlplane.controllers.pods import is_finished

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"


def used_claims(pod: Obj) -> list[str]:
    """Index of Pods by the claims they mount."""
    namespace, found = pod["metadata"]["namespace"], []
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            found.append(f"{namespace}/{volume['persistentVolumeClaim']['claimName']}")
        elif volume.get("ephemeral"):
            found.append(f"{namespace}/{pod['metadata']['name']}-{volume['name']}")
    return found


class PVCProtectionController(Controller):
    """Lets a claim go when no Pod that may still run uses it."""

    name = "pvc-protection-controller"
    watches: ClassVar = {"persistentvolumeclaims": "self", "pods": "on_pod"}

    def prepare(self) -> None:
        self.claims = self.informer("persistentvolumeclaims")
        self.pods = self.informer("pods")
        self.pods.add_index("claims", used_claims)

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        if not len(self.claims) or (new is not None and not is_finished(new)):
            return []
        return used_claims(new if new is not None else old or {})

    def reconcile(self, key: str) -> float | None:
        claim = self.claims.get(key)
        if claim is None or "deletionTimestamp" not in claim["metadata"]:
            return None
        if any(pod["spec"].get("nodeName") and not is_finished(pod) for pod in self.pods.by_index("claims", key)):
            return None
        drop_finalizer(self, "persistentvolumeclaims", claim, CLAIM_FINALIZER)
        return None


class PVProtectionController(Controller):
    """Lets a volume go when it is not bound."""

    name = "pv-protection-controller"
    watches: ClassVar = {"persistentvolumes": "self"}

    def reconcile(self, key: str) -> float | None:
        volume = self.informer("persistentvolumes").get(key)
        if volume is None or "deletionTimestamp" not in volume["metadata"]:
            return None
        if volume.get("status", {}).get("phase") != "Bound":
            drop_finalizer(self, "persistentvolumes", volume, VOLUME_FINALIZER)
        return None


def drop_finalizer(controller: Controller, resource: str, obj: Obj, finalizer: str) -> None:
    meta = obj["metadata"]
    left = [f for f in meta.get("finalizers") or () if f != finalizer]
    if len(left) == len(meta.get("finalizers") or ()):
        return
    try:
        controller.client.update({**obj, "metadata": {**meta, "finalizers": left}})
    except ApiError as error:
        if not error.not_found:
            raise
