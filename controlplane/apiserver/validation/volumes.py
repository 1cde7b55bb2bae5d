"""Volumes of a Pod (kubernetes: pkg/apis/core/validation).

*Note*: of the volume types that name one product, only what is required is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.containers import pull_policy
from controlplane.apiserver.validation.env import VOLUME_FIELDS, field_ref, resource_ref
from controlplane.apiserver.validation.meta import annotation_map, labels
from controlplane.apiserver.validation.paths import local_path, mode, no_backsteps
from controlplane.apiserver.validation.quantities import value_of
from controlplane.apiserver.validation.storage import claim_spec

Obj = dict[str, Any]
Errors = list[FieldError]

_HOST_PATHS = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_MANY = "may not specify more than 1 volume type"
_DUPLICATE_PATHS = "conflicting duplicate paths"


def _required(*keys: str) -> Callable[[Obj, str], Errors]:
    def check(source: Obj, path: str) -> Errors:
        return [fields.required(f"{path}.{k}") for k in keys if not source.get(k)]

    return check


def _empty_dir(source: Obj, path: str) -> Errors:
    size = source.get("sizeLimit")
    if size is None or value_of(size) >= 0:
        return []
    return [fields.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]


def host_path(source: Obj, path: str) -> Errors:
    where, kind = source.get("path", ""), source.get("type")
    if not where:
        return [fields.required(f"{path}.path")]
    errors = no_backsteps(where, f"{path}.path")
    if kind is not None and kind not in _HOST_PATHS:
        errors.append(fields.not_supported(f"{path}.type", kind, _HOST_PATHS))
    return errors


def _git_repo(source: Obj, path: str) -> Errors:
    return _required("repository")(source, path) + local_path(source.get("directory", ""), f"{path}.directory")


def _items(source: Obj, path: str) -> Errors:
    errors: Errors = []
    for i, item in enumerate(source.get("items") or ()):
        at = f"{path}.items[{i}]"
        errors += _required("key", "path")(item, at)
        errors += local_path(item.get("path", ""), f"{at}.path", reserved=True) + mode(item.get("mode"), f"{at}.mode")
    return errors


def _keyed(name: str) -> Callable[[Obj, str], Errors]:
    def check(source: Obj, path: str) -> Errors:
        errors = [] if source.get(name) else [fields.required(f"{path}.{name}")]
        return errors + mode(source.get("defaultMode"), f"{path}.defaultMode") + _items(source, path)

    return check


def nfs(source: Obj, path: str) -> Errors:
    errors = _required("server", "path")(source, path)
    if not source.get("path", "").startswith("/"):
        errors.append(fields.invalid(f"{path}.path", source.get("path", ""), "must be an absolute path"))
    return errors


def _downward_file(file: Obj, path: str) -> Errors:
    errors = _required("path")(file, path) + local_path(file.get("path", ""), f"{path}.path", reserved=True)
    ref, amount = file.get("fieldRef"), file.get("resourceFieldRef")
    if ref is not None:
        errors += field_ref(ref, VOLUME_FIELDS, f"{path}.fieldRef")
        if amount is not None:
            errors.append(
                fields.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
            )
    elif amount is not None:
        errors += resource_ref(amount, f"{path}.resourceFieldRef", volume=True)
    else:
        errors.append(fields.required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors + mode(file.get("mode"), f"{path}.mode")


def _downward(source: Obj, path: str) -> Errors:
    errors = mode(source.get("defaultMode"), f"{path}.defaultMode")
    for file in source.get("items") or ():
        errors += _downward_file(file, path)
    return errors


def _projected(source: Obj, path: str) -> Errors:
    errors = mode(source.get("defaultMode"), f"{path}.defaultMode")
    seen: set[str] = set()

    def claim(where: str, shown: str) -> None:
        if where and where in seen:
            errors.append(fields.invalid(path, shown, _DUPLICATE_PATHS))
        seen.add(where)

    for i, projection in enumerate(source.get("sources") or ()):
        at = f"{path}.sources[{i}]"
        count = 0
        for key in ("secret", "configMap"):
            if (keyed := projection.get(key)) is not None:
                count += 1
                errors += _keyed("name")(keyed, f"{at}.{key}")
                for item in keyed.get("items") or ():
                    claim(item.get("path", ""), keyed.get("name", ""))
        if (downward := projection.get("downwardAPI")) is not None:
            count += 1
            for file in downward.get("items") or ():
                errors += _downward_file(file, f"{at}.downwardAPI")
                claim(file.get("path", ""), file.get("path", ""))
        if (token := projection.get("serviceAccountToken")) is not None:
            count += 1
            errors += _token(token, f"{at}.serviceAccountToken", path)
        count += sum(1 for key in ("clusterTrustBundle", "podCertificate") if projection.get(key) is not None)
        if count > 1:
            errors.append(fields.forbidden(at, "may not specify more than 1 volume type per source"))
    return errors


def _token(token: Obj, path: str, projected: str) -> Errors:
    errors: Errors = []
    seconds = token.get("expirationSeconds", 0)
    if seconds < 600:
        errors.append(
            fields.invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
        )
    if seconds > 2**32:
        errors.append(
            fields.invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
        )
    if not token.get("path"):
        return [*errors, fields.required(f"{projected}.path")]
    return errors + local_path(token["path"], f"{projected}.path", reserved=True)


def _csi(source: Obj, path: str) -> Errors:
    errors = csi_driver_name(source.get("driver", ""), f"{path}.driver")
    if (ref := source.get("nodePublishSecretRef")) is not None:
        name = ref.get("name", "")
        errors += (
            [fields.invalid(f"{path}.name", name, m) for m in text.dns1123_subdomain(name)]
            if name
            else [fields.required(f"{path}.nodePublishSecretRef.name")]
        )
    return errors


def csi_driver_name(name: str, path: str) -> Errors:
    errors: Errors = [] if name else [fields.required(path)]
    if len(name) > 63:
        errors.append(fields.too_long(path, 63))
    return errors + [fields.invalid(path, name, m) for m in text.dns1123_subdomain(name.lower())]


_TEMPLATE_META = ("annotations", "labels", "creationTimestamp")


def _ephemeral(source: Obj, path: str) -> Errors:
    template = source.get("volumeClaimTemplate")
    if template is None:
        return [fields.required(f"{path}.volumeClaimTemplate")]
    at = f"{path}.volumeClaimTemplate"
    metadata = template.get("metadata") or {}
    errors = annotation_map(metadata.get("annotations"), f"{at}.metadata.annotations")
    errors += labels(metadata.get("labels"), f"{at}.metadata.labels")
    errors += [
        fields.forbidden(f"{at}.metadata.{k}", "cannot be set")
        for k in sorted(metadata)
        if k not in _TEMPLATE_META and metadata[k]
    ]
    return errors + claim_spec(template.get("spec") or {}, f"{at}.spec")


# In the order in which upstream looks at them; what is not here has no rules of its own.
SOURCES: dict[str, Callable[[Obj, str], Errors]] = {
    "emptyDir": _empty_dir,
    "hostPath": host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": _required("pdName"),
    "awsElasticBlockStore": _required("volumeID"),
    "secret": _keyed("secretName"),
    "nfs": nfs,
    "iscsi": _required("targetPortal", "iqn"),
    "glusterfs": _required("endpoints", "path"),
    "flocker": lambda source, path: [],
    "persistentVolumeClaim": _required("claimName"),
    "rbd": _required("monitors", "image"),
    "cinder": _required("volumeID"),
    "cephfs": _required("monitors"),
    "quobyte": _required("registry", "volume"),
    "downwardAPI": _downward,
    "fc": lambda source, path: [],
    "flexVolume": _required("driver"),
    "configMap": _keyed("name"),
    "azureFile": _required("secretName", "shareName"),
    "vsphereVolume": _required("volumePath"),
    "photonPersistentDisk": _required("pdID"),
    "portworxVolume": _required("volumeID"),
    "azureDisk": _required("diskName", "diskURI"),
    "storageos": _required("volumeName"),
    "projected": _projected,
    "scaleIO": _required("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": lambda source, path: pull_policy(source.get("pullPolicy", ""), f"{path}.pullPolicy"),
}


def _source(volume: Obj, pod_name: str, path: str) -> Errors:
    errors: Errors = []
    kinds = [k for k in SOURCES if k in volume] if len(volume) > 2 else [k for k in volume if k in SOURCES]
    if not kinds:
        return [fields.required(path, "must specify a volume type")]
    first = kinds[0]
    errors += SOURCES[first](volume[first], f"{path}.{first}")
    name = volume.get("name", "")
    if first == "ephemeral" and pod_name and name:
        claim = f"{pod_name}-{name}"
        errors += [
            fields.invalid(f"{path}.name", name, f"PVC name {fields.go_quote(claim)}: {m}")
            for m in text.dns1123_subdomain(claim)
        ]
    return errors + [fields.forbidden(f"{path}.{k}", _MANY) for k in kinds[1:]]


def pod_volumes(volumes: list[Obj], pod_name: str, path: str) -> tuple[dict[str, Obj], Errors]:
    """The volumes by name, but for those that are wrong, and what is wrong with these."""
    errors: Errors = []
    good: dict[str, Obj] = {}
    claims = {f"{pod_name}-{v.get('name', '')}" for v in volumes if pod_name and "ephemeral" in v}
    for i, volume in enumerate(volumes):
        at, name = f"{path}[{i}]", volume.get("name", "")
        wrong = _source(volume, pod_name, at)
        if not name:
            wrong.append(fields.required(f"{at}.name"))
        else:
            wrong += [fields.invalid(f"{at}.name", name, m) for m in text.dns1123_label(name)]
        if name in good:
            wrong.append(fields.duplicate(f"{at}.name", name))
        if wrong:
            errors += wrong
        else:
            good[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim in claims:
            errors.append(
                fields.invalid(
                    f"{at}.persistentVolumeClaim.claimName",
                    claim,
                    "must not reference a PVC that gets created for an ephemeral volume",
                )
            )
    return good, errors
