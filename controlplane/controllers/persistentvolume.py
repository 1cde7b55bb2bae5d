"""The persistent volume binder: marries claims to volumes (upstream: pkg/controller/volume/persistentvolume).

*Note*: nothing here makes volumes: a claim of a class with a provisioner waits for that provisioner, as upstream's does
for an external one.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj
from controlplane.client.informer import key_of
from controlplane.controllers.base import Controller
from controlplane.labels import from_label_selector
from controlplane.quantity import Quantity

SELECTED_NODE = "volume.kubernetes.io/selected-node"
BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
RETRY = 15.0  # seconds; --pvclaimbinder-sync-period


class PersistentVolumeController(Controller):
    """Binds each claim to the smallest volume that fits; releases volumes whose claim is gone."""

    name = "persistentvolume-controller"
    watches: ClassVar = {"persistentvolumeclaims": "self", "persistentvolumes": "on_volume"}

    def prepare(self) -> None:
        self.claims = self.informer("persistentvolumeclaims")
        self.volumes = self.informer("persistentvolumes")
        self.classes = self.informer("storageclasses")

    def on_volume(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        volume = new if new is not None else old or {}
        ref = volume["spec"].get("claimRef")
        if ref is not None:
            return [f"{ref['namespace']}/{ref['name']}"]
        if new is None:
            return []
        waiting = [key_of(c) for c in self.claims.list() if not c["spec"].get("volumeName")]
        if new.get("status", {}).get("phase") != "Available":
            self._set_phase("persistentvolumes", new, "Available")
        return waiting

    def reconcile(self, key: str) -> float | None:
        claim = self.claims.get(key)
        if claim is None:
            self._release(key)
            return None
        volume = self.volumes.get(claim["spec"].get("volumeName", ""))
        if claim["spec"].get("volumeName"):
            if volume is None:
                self._set_phase("persistentvolumeclaims", claim, "Lost" if _was_bound(claim) else "Pending")
                return RETRY
            if _other_claim(volume, claim):
                return RETRY
        else:
            volume = self._find(claim)
        if volume is None:
            return self._wait(claim)
        self._bind(volume, claim)
        return None

    def _find(self, claim: Obj) -> Obj | None:
        """The volume that was reserved for the claim, or the smallest one that fits."""
        fitting = [volume for volume in self.volumes.list() if self._fits(volume, claim)]
        return min(
            fitting,
            default=None,
            key=lambda v: (v["spec"].get("claimRef") is None, _size(v["spec"]["capacity"]), v["metadata"]["name"]),
        )

    def _fits(self, volume: Obj, claim: Obj) -> bool:
        have, want = volume["spec"], claim["spec"]
        if "deletionTimestamp" in volume["metadata"]:
            return False
        if have.get("claimRef") is not None:
            return not _other_claim(volume, claim)
        return (
            (have.get("storageClassName") or "") == (want.get("storageClassName") or "")
            and have.get("volumeMode", "Filesystem") == want.get("volumeMode", "Filesystem")
            and set(want["accessModes"]) <= set(have["accessModes"])
            and _size(have["capacity"]) >= _size((want.get("resources") or {}).get("requests") or {})
            and (
                want.get("selector") is None
                or from_label_selector(want["selector"]).matches(volume["metadata"].get("labels"))
            )
        )

    def _wait(self, claim: Obj) -> float:
        """Say what the claim waits for."""
        name = claim["spec"].get("storageClassName")
        storage = self.classes.get(name) if name else None
        if claim.get("status", {}).get("phase") != "Pending":
            self._set_phase("persistentvolumeclaims", claim, "Pending")
        if not name:
            self.event(
                claim,
                "Normal",
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
            )
        elif storage is None:
            self.event(claim, "Warning", "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found')
        elif storage.get("volumeBindingMode") == "WaitForFirstConsumer" and SELECTED_NODE not in (
            claim["metadata"].get("annotations") or {}
        ):
            self.event(
                claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
            )
        elif storage["provisioner"] != "kubernetes.io/no-provisioner":
            provisioner = storage["provisioner"]
            self.event(
                claim,
                "Normal",
                "ExternalProvisioning",
                (
                    "Waiting for a volume to be created either by the external provisioner "
                    f"'{provisioner}' or manually by the system administrator. If volume creation is delayed, please "
                    "verify that the provisioner is running and correctly registered."
                ),
            )
        return RETRY

    def _bind(self, volume: Obj, claim: Obj) -> None:
        """Write both ends, first the volume's; each step that is done already is skipped."""
        meta = claim["metadata"]
        ref = volume["spec"].get("claimRef") or {}
        if ref.get("uid") != meta["uid"]:
            whole = {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            }
            v_meta = volume["metadata"]
            if not ref:
                v_meta = {**v_meta, "annotations": {**(v_meta.get("annotations") or {}), BY_CONTROLLER: "yes"}}
            volume = self.client.update({**volume, "metadata": v_meta, "spec": {**volume["spec"], "claimRef": whole}})
        self._set_phase("persistentvolumes", volume, "Bound")
        notes = meta.get("annotations") or {}
        if claim["spec"].get("volumeName") != volume["metadata"]["name"] or BIND_COMPLETED not in notes:
            fresh = {**notes, BIND_COMPLETED: "yes"}
            if not claim["spec"].get("volumeName"):
                fresh[BY_CONTROLLER] = "yes"
            spec = {**claim["spec"], "volumeName": volume["metadata"]["name"]}
            claim = self.client.update({**claim, "metadata": {**meta, "annotations": fresh}, "spec": spec})
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }
        if status != claim.get("status"):
            self.client.update_status({**claim, "status": status})

    def _release(self, key: str) -> None:
        """The claim is gone: its volume is kept, or deleted, as its reclaim policy says."""
        for volume in self.volumes.list():
            ref = volume["spec"].get("claimRef")
            if ref is None or not ref.get("uid") or f"{ref['namespace']}/{ref['name']}" != key:
                continue
            self._set_phase("persistentvolumes", volume, "Released")
            if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
                try:
                    self.client.delete("persistentvolumes", volume["metadata"]["name"])
                except ApiError as error:
                    if not error.not_found:
                        raise

    def _set_phase(self, resource: str, obj: Obj, phase: str) -> None:
        status = obj.get("status", {})
        if status.get("phase") != phase:
            self.client.update_status({**obj, "status": {**status, "phase": phase}})


def _size(amounts: dict[str, str]) -> int:
    return Quantity.parse(str(amounts.get("storage", "0"))).nanos


def _was_bound(claim: Obj) -> bool:
    return BIND_COMPLETED in (claim["metadata"].get("annotations") or {})


def _other_claim(volume: Obj, claim: Obj) -> bool:
    """Is the volume reserved for another claim than this?"""
    ref, meta = volume["spec"].get("claimRef"), claim["metadata"]
    if ref is None:
        return False
    same = (ref["namespace"], ref["name"]) == (meta["namespace"], meta["name"])
    return not same or ref.get("uid") not in (None, "", meta["uid"])
