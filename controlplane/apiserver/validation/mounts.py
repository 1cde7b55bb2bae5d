"""What containers mount (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation.paths import local_path, no_backsteps

Obj = dict[str, Any]
Errors = list[FieldError]

_PROPAGATION = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def volume_mounts(container: Obj, volumes: dict[str, Obj], path: str) -> Errors:
    errors: Errors = []
    devices = {d.get("name", ""): d.get("devicePath", "") for d in container.get("volumeDevices") or ()}
    points: set[str] = set()
    for i, mount in enumerate(container.get("volumeMounts") or ()):
        at, name, point = f"{path}[{i}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            errors.append(fields.required(f"{at}.name"))
        if name not in volumes:
            errors.append(fields.not_found(f"{at}.name", name))
        if not point:
            errors.append(fields.required(f"{at}.mountPath"))
        if point in points:
            errors.append(fields.invalid(f"{at}.mountPath", point, "must be unique"))
        points.add(point)
        if name in devices:
            errors.append(fields.invalid(f"{at}.name", name, "must not already exist in volumeDevices"))
        if point in devices.values():
            errors.append(fields.invalid(f"{at}.mountPath", point, "must not already exist as a path in volumeDevices"))
        sub, expression = mount.get("subPath", ""), mount.get("subPathExpr", "")
        if sub:  # upstream leaves the index of the mount out of these paths
            errors += local_path(sub, f"{path}.subPath")
        if expression:
            if sub:
                errors.append(
                    fields.invalid(f"{at}.subPathExpr", expression, "subPathExpr and subPath are mutually exclusive")
                )
            errors += local_path(expression, f"{path}.subPathExpr")
        if (mode := mount.get("mountPropagation")) is not None:
            errors += _propagation(mode, container, f"{path}.mountPropagation")
        if (recursive := mount.get("recursiveReadOnly")) is not None:
            errors += _recursive(recursive, mount, f"{path}.recursiveReadOnly")
    return errors


def _propagation(mode: str, container: Obj, path: str) -> Errors:
    errors: Errors = []
    if mode not in _PROPAGATION:
        errors.append(fields.not_supported(path, mode, _PROPAGATION))
    if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        errors.append(
            fields.forbidden(path, "Bidirectional mount propagation is available only to privileged containers")
        )
    return errors


def _recursive(value: str, mount: Obj, path: str) -> Errors:
    if value == "Disabled":
        return []
    if value not in _RECURSIVE:
        return [fields.not_supported(path, value, _RECURSIVE)]
    errors: Errors = []
    if not mount.get("readOnly"):
        errors.append(fields.forbidden(path, "may only be specified when readOnly is true"))
    if mount.get("mountPropagation") not in (None, "None"):
        errors.append(fields.forbidden(path, "may only be specified when mountPropagation is None or not specified"))
    return errors


def volume_devices(container: Obj, volumes: dict[str, Obj], path: str) -> Errors:
    errors: Errors = []
    mounts = {m.get("name", ""): m.get("mountPath", "") for m in container.get("volumeMounts") or ()}
    names: set[str] = set()
    points: set[str] = set()
    for i, device in enumerate(container.get("volumeDevices") or ()):
        at, name, point = f"{path}[{i}]", device.get("name", ""), device.get("devicePath", "")
        volume = volumes.get(name)
        if not name:
            errors.append(fields.required(f"{at}.name"))
        if name in names:
            errors.append(fields.invalid(f"{at}.name", name, "must be unique"))
        if volume is not None and not ("persistentVolumeClaim" in volume or "ephemeral" in volume):
            errors.append(
                fields.invalid(
                    f"{at}.name",
                    name,
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                )
            )
        if volume is None:
            errors.append(fields.not_found(f"{at}.name", name))
        if not point:
            errors.append(fields.required(f"{at}.devicePath"))
        if point in points:
            errors.append(fields.invalid(f"{at}.devicePath", point, "must be unique"))
        if point and no_backsteps(point, ""):
            errors.append(fields.invalid(f"{at}.devicePath", point, "can not contain backsteps ('..')"))
        else:
            points.add(point)
        if name in mounts:
            errors.append(fields.invalid(f"{at}.name", name, "must not already exist in volumeMounts"))
        if point in mounts.values():
            errors.append(fields.invalid(f"{at}.devicePath", point, "must not already exist as a path in volumeMounts"))
        if name:
            names.add(name)
    return errors
