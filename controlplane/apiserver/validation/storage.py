"""Claims, volumes and classes of storage (kubernetes: pkg/apis/core/validation, pkg/apis/storage/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.quantities import positive, quantity_value, value_of

Obj = dict[str, Any]
Errors = list[FieldError]

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
_CLASS = "volume.beta.kubernetes.io/storage-class"


def access_modes(modes: list[str], path: str) -> Errors:
    errors = [fields.not_supported(path, m, ACCESS_MODES) for m in modes if m not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and any(m in ACCESS_MODES and m != "ReadWriteOncePod" for m in modes):
        errors.append(fields.forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def class_name(name: str | None, path: str) -> Errors:
    return [fields.invalid(path, name, m) for m in text.dns1123_subdomain(name)] if name else []


def claim_spec(spec: Obj, path: str) -> Errors:
    errors: Errors = []
    modes = spec.get("accessModes") or []
    if not modes:
        errors.append(fields.required(f"{path}.accessModes", "at least 1 access mode is required"))
    errors += meta.label_selector(spec.get("selector"), f"{path}.selector")
    errors += access_modes(modes, f"{path}.accessModes")
    storage, at = ((spec.get("resources") or {}).get("requests") or {}).get("storage"), f"{path}.resources[storage]"
    if storage is None:
        errors.append(fields.required(at))
    else:
        errors += positive(storage, at) or quantity_value("storage", storage, at)
    errors += class_name(spec.get("storageClassName"), f"{path}.storageClassName")
    if spec.get("volumeMode", "Filesystem") not in VOLUME_MODES:
        errors.append(fields.not_supported(f"{path}.volumeMode", spec["volumeMode"], VOLUME_MODES))
    for key in ("dataSource", "dataSourceRef"):
        if (source := spec.get(key)) is not None:
            errors += _data_source(source, f"{path}.{key}")
    source, ref = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and ref is not None:
        if ref.get("namespace"):
            errors.append(fields.invalid(path, {}, "may not be specified when dataSourceRef.namespace is specified"))
        elif any(source.get(k) != ref.get(k) for k in ("apiGroup", "kind", "name")):
            errors.append(fields.invalid(path, {}, "must match dataSourceRef"))
    return errors + class_name(spec.get("volumeAttributesClassName"), f"{path}.volumeAttributesClassName")


def _data_source(source: Obj, path: str) -> Errors:
    errors = [fields.required(f"{path}.{k}") for k in ("name", "kind") if not source.get(k)]
    group = source.get("apiGroup") or ""
    if not group and source.get("kind") != "PersistentVolumeClaim":
        errors.append(
            fields.invalid(
                path, source.get("kind", ""), "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
            )
        )
    if group:
        errors += [fields.invalid(f"{path}.apiGroup", group, m) for m in text.dns1123_subdomain(group)]
    if namespace := source.get("namespace"):
        errors += [fields.invalid(f"{path}.namespace", namespace, m) for m in text.dns1123_label(namespace)]
    return errors


def claim(obj: Obj) -> Errors:
    return claim_spec(obj.get("spec") or {}, "spec")


def claim_status_update(new: Obj, old: Obj) -> Errors:
    capacity = (new.get("status") or {}).get("capacity") or {}
    return [
        fields.invalid(f"status.capacity[{k}]", value_of(capacity[k]) // 10**9, "must be a valid resource quantity")
        for k in sorted(capacity)
        if value_of(capacity[k]) < 0
    ]


def storage_class(obj: Obj) -> Errors:
    errors: Errors = []
    provisioner = obj.get("provisioner", "")
    if not provisioner:
        errors.append(fields.required("provisioner"))
    else:
        errors += [fields.invalid("provisioner", provisioner, m) for m in text.qualified_name(provisioner.lower())]
    parameters = obj.get("parameters") or {}
    if len(parameters) > 512:
        errors.append(fields.too_long("parameters", 512))
    for key in sorted(parameters):
        if not key:
            errors.append(fields.invalid("parameters", key, "field can not be empty"))
    if sum(len(k) + len(v) for k, v in parameters.items()) > 256 * 1024:
        errors.append(fields.too_long("parameters", 256 * 1024))
    policy, policies = obj.get("reclaimPolicy"), ("Delete", "Retain")
    if policy and policy not in policies:
        errors.append(fields.not_supported("reclaimPolicy", policy, policies))
    mode, modes = obj.get("volumeBindingMode"), ("Immediate", "WaitForFirstConsumer")
    if mode is None:
        errors.append(fields.required("volumeBindingMode"))
    elif mode not in modes:
        errors.append(fields.not_supported("volumeBindingMode", mode, modes))
    return errors + _topologies(obj.get("allowedTopologies") or [], "allowedTopologies")


def _topologies(terms: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, term in enumerate(terms):
        keys: set[str] = set()
        for j, requirement in enumerate(term.get("matchLabelExpressions") or ()):
            at = f"{path}[{i}].matchLabelExpressions[{j}]"
            values, key = requirement.get("values") or [], requirement.get("key", "")
            if not values:
                errors.append(fields.required(f"{at}.values"))
            errors += [fields.duplicate(f"{at}.values[{k}]", v) for k, v in enumerate(values) if v in values[:k]]
            errors += meta.label_name(key, f"{at}.key")
            if key in keys:
                errors.append(fields.duplicate(f"{at}.key", key))
            keys.add(key)
    return errors


def storage_class_update(new: Obj, old: Obj) -> Errors:
    errors: Errors = []
    if (new.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(fields.forbidden("parameters", "updates to parameters are forbidden."))
    if new.get("provisioner") != old.get("provisioner"):
        errors.append(fields.forbidden("provisioner", "updates to provisioner are forbidden."))
    if new.get("reclaimPolicy") != old.get("reclaimPolicy"):
        errors.append(fields.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."))
    return errors + meta.immutable(new.get("volumeBindingMode"), old.get("volumeBindingMode"), "volumeBindingMode")


def annotated_class(obj: Obj) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(_CLASS, ""))
