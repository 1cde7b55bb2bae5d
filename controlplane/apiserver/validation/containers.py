"""Containers of a Pod (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import mounts, probes, quantities, text
from controlplane.apiserver.validation.env import env, env_from
from controlplane.apiserver.validation.network import PROTOCOLS
from controlplane.apiserver.validation.security import container_security

Obj = dict[str, Any]
Errors = list[FieldError]

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGES = ("File", "FallbackToLogsOnError")
_NOT_IN_INIT = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL = (
    "ports",
    "resources",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
)


@dataclass(slots=True)
class Surroundings:
    """What the checks of a container need of its Pod."""

    volumes: dict[str, Obj]
    claims: list[str]
    grace: int | None
    restart_policy: str
    host_users: bool


def pull_policy(policy: str, path: str) -> Errors:
    if policy in PULL_POLICIES:
        return []
    return [fields.not_supported(path, policy, PULL_POLICIES) if policy else fields.required(path)]


def _ports(ports: list[Obj], path: str) -> Errors:
    errors: Errors = []
    names: set[str] = set()
    for i, port in enumerate(ports):
        at = f"{path}[{i}]"
        if name := port.get("name"):
            if wrong := text.port_name(name):
                errors += [fields.invalid(f"{at}.name", name, m) for m in wrong]
            elif name in names:
                errors.append(fields.duplicate(f"{at}.name", name))
            else:
                names.add(name)
        number = port.get("containerPort", 0)
        if number == 0:
            errors.append(fields.required(f"{at}.containerPort"))
        elif not 1 <= number <= 65535:
            errors += [fields.invalid(f"{at}.containerPort", number, m) for m in text.port_number(number)]
        host = port.get("hostPort", 0)
        if host and not 1 <= host <= 65535:
            errors += [fields.invalid(f"{at}.hostPort", host, m) for m in text.port_number(host)]
        protocol = port.get("protocol", "")
        if not protocol:
            errors.append(fields.required(f"{at}.protocol"))
        elif protocol not in PROTOCOLS:
            errors.append(fields.not_supported(f"{at}.protocol", protocol, PROTOCOLS))
    return errors


def _resize(policies: list[Obj], restart_policy: str, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, policy in enumerate(policies):
        name, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if name in seen:
            errors.append(fields.duplicate(f"{path}[{i}]", name))
        seen.add(name)
        if not name:
            errors.append(fields.required(path))
        elif name not in ("cpu", "memory"):
            errors.append(fields.not_supported(path, name, ("cpu", "memory")))
        if not restart:
            errors.append(fields.required(path))
        elif restart not in ("NotRequired", "RestartContainer"):
            errors.append(fields.not_supported(path, restart, ("NotRequired", "RestartContainer")))
        if restart_policy == "Never" and restart != "NotRequired":
            errors.append(fields.invalid(path, restart, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
    return errors


def _common(c: Obj, around: Surroundings, path: str) -> Errors:
    errors: Errors = []
    if name := c.get("name"):
        if wrong := text.dns1123_label(name):
            errors += [fields.invalid(f"{path}.name", name, m) for m in wrong]
    else:
        errors.append(fields.required(f"{path}.name"))
    if not c.get("image"):
        errors.append(fields.required(f"{path}.image"))
    messages = c.get("terminationMessagePolicy", "")
    if messages not in _MESSAGES:
        at = f"{path}.terminationMessagePolicy"
        errors.append(fields.not_supported(at, messages, _MESSAGES) if messages else fields.required(at))
    if ports := c.get("ports"):
        errors += _ports(ports, f"{path}.ports")
    if variables := c.get("env"):
        errors += env(variables, f"{path}.env")
    if sources := c.get("envFrom"):
        errors += env_from(sources, f"{path}.envFrom")
    if "volumeMounts" in c:
        errors += mounts.volume_mounts(c, around.volumes, f"{path}.volumeMounts")
    if "volumeDevices" in c:
        errors += mounts.volume_devices(c, around.volumes, f"{path}.volumeDevices")
    errors += pull_policy(c.get("imagePullPolicy", ""), f"{path}.imagePullPolicy")
    if resources := c.get("resources"):
        errors += quantities.requirements(resources, around.claims, f"{path}.resources")
    if policies := c.get("resizePolicy"):
        errors += _resize(policies, around.restart_policy, f"{path}.resizePolicy")
    if context := c.get("securityContext"):
        errors += container_security(context, f"{path}.securityContext", host_users=around.host_users)
    return errors


def _host_ports(containers: list[Obj], path: str, first: int = 0) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, container in enumerate(containers, first):
        for j, port in enumerate(container.get("ports") or ()):
            if host := port.get("hostPort"):
                key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{host}"
                if key in seen:
                    errors.append(fields.duplicate(f"{path}[{i}].ports[{j}].hostPort", key))
                seen.add(key)
    return errors


def _restart_rules(c: Obj, path: str) -> Errors:
    """A container's own restart policy and its rules (1.35)."""
    errors: Errors = []
    policy, rules = c.get("restartPolicy"), c.get("restartPolicyRules")
    allowed = ("Always", "Never", "OnFailure")
    if policy is not None and policy not in allowed:
        errors.append(fields.not_supported(f"{path}.restartPolicy", policy, allowed))
    if rules and policy is None:
        errors.append(
            fields.required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
        )
    return errors


def regular(containers: list[Obj], around: Surroundings, path: str) -> Errors:
    if not containers:
        return [fields.required(path)]
    errors: Errors = []
    names: set[str] = set()
    for i, c in enumerate(containers):
        at = f"{path}[{i}]"
        errors += _common(c, around, at)
        name = c.get("name", "")
        if name in names:
            errors.append(fields.duplicate(f"{at}.name", name))
        names.add(name)
        errors += probes.probes_and_hooks(c, around.grace, at)
        if "restartPolicy" in c or "restartPolicyRules" in c:
            errors += _restart_rules(c, at)
    return errors + _host_ports(containers, path)


def init(containers: list[Obj], others: list[Obj], around: Surroundings, path: str) -> Errors:
    errors: Errors = []
    names = {c.get("name", "") for c in others}
    for i, c in enumerate(containers):
        at = f"{path}[{i}]"
        errors += _common(c, around, at)
        policy = c.get("restartPolicy")
        errors += _restart_rules(c, at)
        name = c.get("name", "")
        if name in names:
            errors.append(fields.duplicate(f"{at}.name", name))
        elif name:
            names.add(name)
        errors += _host_ports([c], path)
        if policy == "Always":
            errors += probes.probes_and_hooks(c, around.grace, at)
        else:
            errors += [
                fields.forbidden(f"{at}.{key}", _NOT_IN_INIT)
                for key in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
                if key in c
            ]
    return errors


def ephemeral(containers: list[Obj], others: list[Obj], around: Surroundings, path: str) -> Errors:
    errors: Errors = []
    known = {c.get("name", "") for c in others}
    names = set(known)
    for i, c in enumerate(containers):
        at, name = f"{path}[{i}]", c.get("name", "")
        errors += _common(c, around, at)
        errors += untrimmed_image(c, at)
        if name in names:
            errors.append(fields.duplicate(f"{at}.name", name))
        names.add(name)
        target = c.get("targetContainerName")
        if target and target not in known:
            errors.append(fields.not_found(f"{at}.targetContainerName", target))
        errors += [
            fields.forbidden(f"{at}.{key}", "cannot be set for an Ephemeral Container")
            for key in _NOT_EPHEMERAL
            if c.get(key)
        ]
        for j, mount in enumerate(c.get("volumeMounts") or ()):
            errors += [
                fields.forbidden(f"{at}.volumeMounts[{j}].{key}", "cannot be set for an Ephemeral Container")
                for key in ("subPath", "subPathExpr")
                if mount.get(key)
            ]
    return errors


def untrimmed_image(c: Obj, path: str) -> Errors:
    image = c.get("image", "")
    if image.strip() == image:
        return []
    return [fields.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]
