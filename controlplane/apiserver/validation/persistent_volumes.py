"""PersistentVolumes, and what may change of claims (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta, scheduling
from controlplane.apiserver.validation.paths import no_backsteps
from controlplane.apiserver.validation.pod_diff import show_struct, struct_diff
from controlplane.apiserver.validation.quantities import positive, value_of
from controlplane.apiserver.validation.semantics import same
from controlplane.apiserver.validation.storage import VOLUME_MODES, access_modes, annotated_class, class_name
from controlplane.apiserver.validation.volumes import SOURCES, csi_driver_name

Obj = dict[str, Any]
Errors = list[FieldError]

_RECLAIM = ("Delete", "Recycle", "Retain")
_MANY = "may not specify more than 1 volume type"
_KINDS = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
)


def persistent_volume(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors: Errors = []
    modes, capacity = spec.get("accessModes") or [], spec.get("capacity") or {}
    if not modes:
        errors.append(fields.required("spec.accessModes"))
    errors += access_modes(modes, "spec.accessModes")
    if not capacity:
        errors.append(fields.required("spec.capacity"))
    if "storage" not in capacity or len(capacity) > 1:
        errors.append(
            fields.not_supported("spec.capacity", Raw(go_json(capacity) if capacity else "null"), ("storage",))
        )
    for name in sorted(capacity):
        errors += positive(capacity[name], f"spec.capacity[{name}]")
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        errors.append(fields.not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM))
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        required = affinity.get("required")
        errors += (
            scheduling.node_selector(required, "spec.nodeAffinity.required")
            if required is not None
            else [fields.required("spec.nodeAffinity.required", "must specify required node constraints")]
        )
    errors += _source(spec, affinity is not None)
    where = (spec.get("hostPath") or {}).get("path", "")
    if where and not where.strip("/") and policy == "Recycle":
        errors.append(
            fields.forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'")
        )
    errors += class_name(spec.get("storageClassName"), "spec.storageClassName")
    if spec.get("volumeMode", "Filesystem") not in VOLUME_MODES:
        errors.append(fields.not_supported("spec.volumeMode", spec["volumeMode"], VOLUME_MODES))
    return errors


def _source(spec: Obj, placed: bool) -> Errors:
    kinds = [k for k in _KINDS if k in spec]
    if not kinds:
        return [fields.required("spec", "must specify a volume type")]
    first = kinds[0]
    at, source = f"spec.{first}", spec[first]
    if first == "local":
        where = source.get("path", "")
        errors = no_backsteps(where, f"{at}.path") if where else [fields.required(f"{at}.path")]
        if not placed:
            errors.append(fields.required("spec.nodeAffinity", "Local volume requires node affinity"))
    elif first == "csi":
        errors = csi_driver_name(source.get("driver", ""), f"{at}.driver")
        if not source.get("volumeHandle"):
            errors.append(fields.required(f"{at}.volumeHandle"))
    else:
        errors = SOURCES[first](source, at)
    return errors + [fields.forbidden(f"spec.{k}", _MANY) for k in kinds[1:]]


def persistent_volume_update(new: Obj, old: Obj) -> Errors:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if spec is before:
        return []
    errors = persistent_volume(new)
    if not same({k: spec[k] for k in _KINDS if k in spec}, {k: before[k] for k in _KINDS if k in before}):
        errors.append(
            fields.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation\n")
        )
    errors += meta.immutable(spec.get("volumeMode"), before.get("volumeMode"), "volumeMode")
    if before.get("nodeAffinity") is not None and not same(spec.get("nodeAffinity"), before["nodeAffinity"]):
        errors.append(
            fields.invalid(
                "nodeAffinity",
                _show_affinity(spec.get("nodeAffinity")),
                meta.IMMUTABLE + ", except for updating from beta label to GA",
            )
        )
    return errors


def claim_update(new: Obj, old: Obj) -> Errors:
    """Claims do not change but for the size, and the name of the volume once; the whole is looked at besides."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if spec is before:
        return []
    errors: Errors = []
    munged, prior = dict(spec), dict(before)
    if not before.get("volumeName"):
        prior.pop("volumeName", None)
        munged.pop("volumeName", None)
    if annotated_class(new) != annotated_class(old):
        errors.append(
            fields.invalid(
                "metadata.annotations.volume.beta.kubernetes.io/storage-class", annotated_class(new), meta.IMMUTABLE
            )
        )
    if before.get("storageClassName") is None and annotated_class(old) in ("", spec.get("storageClassName")):
        munged.pop("storageClassName", None)
    bound = (new.get("status") or {}).get("phase") == "Bound"
    if bound:
        for s in (munged, prior):
            s["resources"] = {**(s.get("resources") or {}), "requests": {}}
            s.pop("volumeAttributesClassName", None)
    size, was = (((s.get("resources") or {}).get("requests") or {}).get("storage") for s in (spec, before))
    if not same(munged, prior):
        diff = struct_diff("PersistentVolumeClaimSpec", before, spec)
        errors.append(
            fields.forbidden(
                "spec",
                "spec is immutable after creation except resources.requests and "
                f"volumeAttributesClassName for bound claims\n{diff}",
            )
        )
    if size is not None and was is not None and value_of(size) < value_of(was):
        capacity = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
        if value_of(size) <= value_of(capacity):
            errors.append(
                fields.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")
            )
    return errors + meta.immutable(spec.get("volumeMode"), before.get("volumeMode"), "volumeMode")


def _show_affinity(affinity: Obj | None) -> Raw | None:
    if affinity is None:
        return None
    required = affinity.get("required")
    shown = "null" if required is None else show_struct("NodeSelector", required)
    return Raw(f'{{"Required":{shown}}}')
