"""Volumes, claims, classes, and the drivers behind them."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.tables.cells import NONE, UNSET, Cells, Obj, at, created, name

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _modes(modes: list[str]) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in modes)


def _class(obj: Obj) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get("volume.beta.kubernetes.io/storage-class") or at(obj, "spec.storageClassName", ""))


def _phase(obj: Obj) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else at(obj, "status.phase", "")


def print_volume(obj: Obj, now: float) -> Cells:
    claim: Any = at(obj, "spec.claimRef")
    return [
        name(obj),
        str(at(obj, "spec.capacity", {}).get("storage", "0")),
        _modes(at(obj, "spec.accessModes", [])),
        at(obj, "spec.persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        _class(obj),
        at(obj, "spec.volumeAttributesClassName", UNSET),
        at(obj, "status.reason", ""),
        created(obj, now),
        at(obj, "spec.volumeMode", UNSET),
    ]


def print_claim(obj: Obj, now: float) -> Cells:
    volume = at(obj, "spec.volumeName", "")
    return [
        name(obj),
        _phase(obj),
        volume,
        str(at(obj, "status.capacity", {}).get("storage", "0")) if volume else "",
        _modes(at(obj, "status.accessModes", [])) if volume else "",
        _class(obj),
        at(obj, "spec.volumeAttributesClassName", UNSET),
        created(obj, now),
        at(obj, "spec.volumeMode", UNSET),
    ]


def _default_name(obj: Obj, *annotations: str) -> str:
    found = obj["metadata"].get("annotations") or {}
    return f"{name(obj)} (default)" if any(found.get(a) == "true" for a in annotations) else name(obj)


def print_storage_class(obj: Obj, now: float) -> Cells:
    return [
        _default_name(
            obj, "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"
        ),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"),
        obj.get("allowVolumeExpansion", False),
        created(obj, now),
    ]


def print_volume_attributes_class(obj: Obj, now: float) -> Cells:
    return [
        _default_name(obj, "volumeattributesclass.kubernetes.io/is-default-class"),
        obj.get("driverName", ""),
        created(obj, now),
    ]


def print_volume_attachment(obj: Obj, now: float) -> Cells:
    return [
        name(obj),
        at(obj, "spec.attacher", ""),
        at(obj, "spec.source.persistentVolumeName", ""),
        at(obj, "spec.nodeName", ""),
        at(obj, "status.attached", False),
        created(obj, now),
    ]


def print_csi_node(obj: Obj, now: float) -> Cells:
    return [name(obj), len(at(obj, "spec.drivers", [])), created(obj, now)]


def print_csi_driver(obj: Obj, now: float) -> Cells:
    tokens = at(obj, "spec.tokenRequests")
    return [
        name(obj),
        at(obj, "spec.attachRequired", True),
        at(obj, "spec.podInfoOnMount", False),
        at(obj, "spec.storageCapacity", False),
        UNSET if tokens is None else ",".join(token.get("audience", "") for token in tokens),
        at(obj, "spec.requiresRepublish", False),
        ",".join(at(obj, "spec.volumeLifecycleModes", [])) or NONE,
        created(obj, now),
    ]


def print_csi_storage_capacity(obj: Obj, now: float) -> Cells:
    return [name(obj), obj.get("storageClassName", ""), str(obj.get("capacity", UNSET))]


PRINTERS = {
    "/PersistentVolume": print_volume,
    "/PersistentVolumeClaim": print_claim,
    "storage.k8s.io/StorageClass": print_storage_class,
    "storage.k8s.io/VolumeAttributesClass": print_volume_attributes_class,
    "storage.k8s.io/VolumeAttachment": print_volume_attachment,
    "storage.k8s.io/CSINode": print_csi_node,
    "storage.k8s.io/CSIDriver": print_csi_driver,
    "storage.k8s.io/CSIStorageCapacity": print_csi_storage_capacity,
}
