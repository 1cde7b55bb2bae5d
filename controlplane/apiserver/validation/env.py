"""Environment variables of containers and the downward API (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

import re
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.paths import local_path
from controlplane.apiserver.validation.quantities import value_of

Obj = dict[str, Any]
Errors = list[FieldError]

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_KNOWN_FIELDS = frozenset(
    (
        *ENV_FIELDS,
        *VOLUME_FIELDS,
        "spec.restartPolicy",
        "spec.schedulerName",
        "status.phase",
        "spec.host",
        "status.nominatedNodeName",
    )
)
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES = ("requests.hugepages-", "limits.hugepages-")
_SIZES = frozenset(("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"))
_SIZE_TEXT = (
    "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the {} resource"
)
_subscript = re.compile(r"([^\[]*)\['(.*)'\]").fullmatch


def env(variables: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, variable in enumerate(variables):
        name = variable.get("name", "")
        if not name:
            errors.append(fields.required(f"{path}[{i}].name"))
        elif wrong := text.env_var_name(name):
            errors += [fields.invalid(f"{path}[{i}].name", name, m) for m in wrong]
        if (source := variable.get("valueFrom")) is not None:
            errors += _value_from(variable, source, f"{path}[{i}].valueFrom")
    return errors


def _value_from(variable: Obj, source: Obj, path: str) -> Errors:
    errors: Errors = []
    count = 0
    if (ref := source.get("fieldRef")) is not None:
        count += 1
        errors += field_ref(ref, ENV_FIELDS, f"{path}.fieldRef")
    if (ref := source.get("resourceFieldRef")) is not None:
        count += 1
        errors += resource_ref(ref, f"{path}.resourceFieldRef", volume=False)
    for key in ("configMapKeyRef", "secretKeyRef"):
        if (ref := source.get(key)) is not None:
            count += 1
            errors += _key_ref(ref, f"{path}.{key}")
    if (ref := source.get("fileKeyRef")) is not None:
        count += 1
        errors += _file_key_ref(ref, f"{path}.fileKeyRef")
    if count == 0:
        errors.append(
            fields.invalid(
                path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
            )
        )
    elif variable.get("value"):
        errors.append(fields.invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        errors.append(fields.invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def field_ref(ref: Obj, allowed: tuple[str, ...], path: str) -> Errors:
    version, field = ref.get("apiVersion", ""), ref.get("fieldPath", "")
    if not version:
        return [fields.required(f"{path}.apiVersion")]
    if not field:
        return [fields.required(f"{path}.fieldPath")]
    if version != "v1":
        return [
            fields.invalid(
                f"{path}.fieldPath", field, f"error converting fieldPath: unsupported pod version: {version}"
            )
        ]
    match = _subscript(field)
    if match:
        base, key = match[1], match[2]
        if base not in ("metadata.annotations", "metadata.labels"):
            return [
                fields.invalid(
                    f"{path}.fieldPath",
                    field,
                    f"error converting fieldPath: field label does not support subscript: {field}",
                )
            ]
        name = key.lower() if base == "metadata.annotations" else key
        return [fields.invalid(path, name, m) for m in text.qualified_name(name)]
    if field not in _KNOWN_FIELDS:
        return [
            fields.invalid(
                f"{path}.fieldPath", field, f"error converting fieldPath: field label not supported: {field}"
            )
        ]
    field = "spec.nodeName" if field == "spec.host" else field
    return [] if field in allowed else [fields.not_supported(f"{path}.fieldPath", field, allowed)]


def resource_ref(ref: Obj, path: str, *, volume: bool) -> Errors:
    name = ref.get("resource", "")
    errors: Errors = []
    if volume and not ref.get("containerName"):
        errors.append(fields.required(f"{path}.containerName"))
    elif not name:
        errors.append(fields.required(f"{path}.resource"))
    elif name not in _RESOURCES and not name.startswith(_HUGE_PAGES):
        errors.append(fields.not_supported(f"{path}.resource", name, _RESOURCES))
    divisor = str(ref.get("divisor", "0"))
    if value_of(divisor) == 0:
        return errors
    if name in ("limits.cpu", "requests.cpu"):
        if divisor not in ("1m", "1"):
            errors.append(
                fields.invalid(
                    f"{path}.divisor", name, "only divisor's values 1m and 1 are supported with the cpu resource"
                )
            )
    elif divisor not in _SIZES:
        if name.endswith(".memory"):
            errors.append(fields.invalid(f"{path}.divisor", name, _SIZE_TEXT.format("memory")))
        elif name.endswith(".ephemeral-storage"):
            errors.append(fields.invalid(f"{path}.divisor", name, _SIZE_TEXT.format("local ephemeral storage")))
        elif name.startswith(_HUGE_PAGES):
            errors.append(fields.invalid(f"{path}.divisor", name, _SIZE_TEXT.format("hugepages")))
    return errors


def _key_ref(ref: Obj, path: str) -> Errors:
    name, key = ref.get("name", ""), ref.get("key", "")
    errors = [fields.invalid(f"{path}.name", name, m) for m in text.dns1123_subdomain(name)]
    if not key:
        return [*errors, fields.required(f"{path}.key")]
    return errors + [fields.invalid(f"{path}.key", key, m) for m in text.config_map_key(key)]


def _file_key_ref(ref: Obj, path: str) -> Errors:
    errors: Errors = []
    if not ref.get("key"):
        errors.append(fields.required(f"{path}.key"))
    else:
        errors += [fields.invalid(f"{path}.key", ref["key"], m) for m in text.env_var_name(ref["key"])]
    if not ref.get("volumeName"):
        errors.append(fields.required(f"{path}.volumeName"))
    else:
        errors += [
            fields.invalid(f"{path}.volumeName", ref["volumeName"], m) for m in text.dns1123_label(ref["volumeName"])
        ]
    if not ref.get("path"):
        errors.append(fields.required(f"{path}.path"))
    else:
        errors += local_path(ref["path"], f"{path}.path", reserved=True)
    return errors


def env_from(sources: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, source in enumerate(sources):
        at = f"{path}[{i}]"
        if prefix := source.get("prefix"):
            errors += [fields.invalid(f"{at}.prefix", prefix, m) for m in text.env_var_name(prefix)]
        count = 0
        for key in ("configMapRef", "secretRef"):
            if (ref := source.get(key)) is not None:
                count += 1
                name = ref.get("name", "")
                if not name:
                    errors.append(fields.required(f"{at}.{key}.name"))
                else:
                    errors += [fields.invalid(f"{at}.{key}.name", name, m) for m in text.name_is_subdomain(name, True)]
        if count == 0:
            errors.append(fields.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif count > 1:
            errors.append(fields.invalid(path, "", "may not have more than one field specified at a time"))
    return errors
