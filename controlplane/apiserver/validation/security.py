"""Security contexts (kubernetes: pkg/apis/core/validation).

*Note*: Windows options and the annotations of old for seccomp and AppArmor are left out here.
"""

from __future__ import annotations

import re
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation.paths import local_path
from controlplane.apiserver.validation.pod_diff import show_struct
from controlplane.apiserver.validation.text import range_error

Obj = dict[str, Any]
Errors = list[FieldError]

_IDS = range_error(0, 2**31 - 1)
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_NAME = rf"({_SYSCTL}[\./])*{_SYSCTL}"
_sysctl = re.compile(_SYSCTL_NAME, re.ASCII).fullmatch


def _id(value: int, path: str) -> Errors:
    return [] if 0 <= value < 2**31 else [fields.invalid(path, value, _IDS)]


def _one_of(value: str | None, allowed: tuple[str, ...], path: str) -> Errors:
    return [] if value is None or value in allowed else [fields.not_supported(path, value, allowed)]


def _seccomp(profile: Obj | None, path: str) -> Errors:
    if profile is None:
        return []
    errors: Errors = []
    kind = profile.get("type", "")
    if not kind:
        errors.append(fields.required(f"{path}.type", "type is required when seccompProfile is set"))
    else:
        errors += _one_of(kind, _PROFILES, f"{path}.type")
    local = profile.get("localhostProfile")
    if kind == "Localhost":
        if local is None:
            errors.append(fields.required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost"))
        else:
            errors += local_path(local, f"{path}.localhostProfile")
    elif local is not None:
        shown = {"Type": kind, "LocalhostProfile": local}
        errors.append(
            fields.invalid(f"{path}.localhostProfile", shown, "can only be set when seccomp type is Localhost")
        )
    return errors


def _app_armor(profile: Obj | None, path: str) -> Errors:
    if profile is None:
        return []
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    at = f"{path}.localhostProfile"
    if kind == "Localhost":
        if not local or not local.strip():
            return [fields.required(at, "must be set when AppArmor type is Localhost")]
        errors = [fields.invalid(at, local, "must not be padded with whitespace")] if local != local.strip() else []
        return errors + ([fields.too_long(at, 4095)] if len(local) > 4095 else [])
    if not kind:
        return [fields.required(f"{path}.type", "type is required when appArmorProfile is set")]
    if kind not in _PROFILES:
        return [fields.not_supported(f"{path}.type", kind, _PROFILES)]
    if local is not None:
        return [fields.invalid(at, local, "can only be set when AppArmor type is Localhost")]
    return []


def container_security(context: Obj | None, path: str, *, host_users: bool) -> Errors:
    if not context:
        return []
    errors: Errors = []
    for key in ("runAsUser", "runAsGroup"):
        if (value := context.get(key)) is not None:
            errors += _id(value, f"{path}.{key}")
    if (mount := context.get("procMount")) is not None:
        errors += _one_of(mount, ("Default", "Unmasked"), f"{path}.procMount")
        if host_users and mount == "Unmasked":
            errors.append(fields.invalid(f"{path}.procMount", mount, "`hostUsers` must be false to use `Unmasked`"))
    errors += _seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            errors.append(
                fields.invalid(
                    path,
                    show_struct("SecurityContext", context),
                    "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
                )
            )
        for capability in (context.get("capabilities") or {}).get("add") or ():
            if capability == "CAP_SYS_ADMIN":
                errors.append(
                    fields.invalid(
                        path,
                        show_struct("SecurityContext", context),
                        "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
                    )
                )
    return errors + _app_armor(context.get("appArmorProfile"), f"{path}.appArmorProfile")


def pod_security(spec: Obj, path: str) -> Errors:
    context = spec.get("securityContext") or {}
    errors: Errors = []
    for key in ("fsGroup", "runAsUser", "runAsGroup"):
        if (value := context.get(key)) is not None:
            errors += _id(value, f"{path}.{key}")
    for i, value in enumerate(context.get("supplementalGroups") or ()):
        errors += _id(value, f"{path}.supplementalGroups[{i}]")
    if spec.get("hostPID") and spec.get("shareProcessNamespace"):
        errors.append(
            fields.invalid(
                f"{path}.shareProcessNamespace", True, "ShareProcessNamespace and HostPID cannot both be enabled"
            )
        )
    errors += _sysctls(context.get("sysctls") or (), spec, f"{path}.sysctls")
    errors += _one_of(context.get("fsGroupChangePolicy"), ("Always", "OnRootMismatch"), f"{path}.fsGroupChangePolicy")
    errors += _seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    errors += _app_armor(context.get("appArmorProfile"), f"{path}.appArmorProfile")
    errors += _one_of(context.get("supplementalGroupsPolicy"), ("Merge", "Strict"), f"{path}.supplementalGroupsPolicy")
    return errors + _one_of(
        context.get("seLinuxChangePolicy"), ("MountOption", "Recursive"), f"{path}.seLinuxChangePolicy"
    )


def _sysctls(sysctls: Any, spec: Obj, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, sysctl in enumerate(sysctls):
        at, name = f"{path}[{i}].name", sysctl.get("name", "")
        if not name:
            errors.append(fields.required(at))
        elif len(name) > 253 or not _sysctl(name):
            errors.append(
                fields.invalid(at, name, f"must have at most 253 characters and match regex ^{_SYSCTL_NAME}$")
            )
        elif name in seen:
            errors.append(fields.duplicate(at, name))
        dotted = name.replace("/", ".")
        if spec.get("hostNetwork") and dotted.startswith("net."):
            errors.append(fields.invalid(at, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and dotted.startswith(("kernel.sem", "kernel.shm", "kernel.msg", "fs.mqueue.")):
            errors.append(fields.invalid(at, name, "may not be specified when 'hostIPC' is true"))
        seen.add(name)
    return errors


def host_users(spec: Obj, path: str) -> Errors:
    if spec.get("hostUsers") is not False:
        return []
    return [
        fields.forbidden(f"{path}.{shown}", "when `pod.Spec.HostUsers` is false")
        for key, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
        if spec.get(key)
    ]


_NOT_ON_WINDOWS = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def operating_system(spec: Obj, path: str) -> Errors:
    system = spec.get("os")
    if system is None:
        return []
    name = system.get("name", "")
    if not name:
        return [fields.required(f"{path}.os.name", "cannot be empty")]
    if name not in ("linux", "windows"):
        return [fields.not_supported(f"{path}.os", name, ("linux", "windows"))]
    errors: Errors = []
    context = spec.get("securityContext") or {}
    linux = name == "linux"
    if linux and context.get("windowsOptions") is not None:
        errors.append(
            fields.forbidden(f"{path}.securityContext.windowsOptions", "windows options cannot be set for a linux pod")
        )
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for i, container in enumerate(spec.get(kind) or ()):
            have = container.get("securityContext") or {}
            at = f"{path}.{kind}[{i}].securityContext"
            if linux and have.get("windowsOptions") is not None:
                errors.append(fields.forbidden(f"{at}.windowsOptions", "windows options cannot be set for a linux pod"))
            elif not linux:
                errors += [
                    fields.forbidden(f"{at}.{k}", "cannot be set for a windows pod")
                    for k in _NOT_ON_WINDOWS
                    if have.get(k) is not None
                ]
    return errors
