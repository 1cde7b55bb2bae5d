"""The spec of a Pod, of its own or in a template (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, go_json
from controlplane.apiserver.validation import containers, meta, quantities, scheduling, security, text
from controlplane.apiserver.validation.network import valid_ip
from controlplane.apiserver.validation.volumes import pod_volumes

Obj = dict[str, Any]
Errors = list[FieldError]

_RESTART = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_INT32 = 2**31 - 1
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
MIRROR = "kubernetes.io/config.mirror"


def pod_spec(spec: Obj, path: str, *, is_pod: bool, pod_name: str = "") -> Errors:
    errors: Errors = []
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is None:
        errors.append(fields.required(f"{path}.terminationGracePeriodSeconds"))
    volumes: dict[str, Obj] = {}
    if spec.get("volumes"):
        volumes, wrong = pod_volumes(spec["volumes"], pod_name, f"{path}.volumes")
        errors += wrong
    claims: list[str] = []
    if spec.get("resourceClaims"):
        claims = [c["name"] for c in spec["resourceClaims"] if c.get("name")]
        errors += _resource_claims(spec["resourceClaims"], f"{path}.resourceClaims")
    errors += _containers(spec, volumes, claims, grace, path)
    if (resources := spec.get("resources")) is not None:
        if resources.get("claims"):
            errors.append(
                fields.forbidden(f"{path}.resources.claims", "claims cannot be set for Resources at pod-level")
            )
        errors += quantities.requirements(resources, claims, f"{path}.resources", pod=True)
    if spec.get("hostNetwork"):
        errors += _host_ports(spec, path, is_pod=is_pod)
    errors += _choice(spec, "restartPolicy", _RESTART, path) + _choice(spec, "dnsPolicy", _DNS, path)
    if selector := spec.get("nodeSelector"):
        errors += meta.labels(selector, f"{path}.nodeSelector")
    if spec.get("securityContext") or spec.get("shareProcessNamespace"):
        errors += security.pod_security(spec, f"{path}.securityContext")
    if "affinity" in spec:
        errors += scheduling.affinity(spec["affinity"], f"{path}.affinity")
    if "dnsConfig" in spec or spec.get("dnsPolicy") == "None":
        errors += _dns_config(spec.get("dnsConfig"), spec.get("dnsPolicy", ""), f"{path}.dnsConfig")
    errors += _gates(spec, path)
    if constraints := spec.get("topologySpreadConstraints"):
        errors += scheduling.spread_constraints(constraints, f"{path}.topologySpreadConstraints")
    if "hostUsers" in spec:
        errors += security.host_users(spec, path)
    return errors + _names(spec, path)


def _containers(spec: Obj, volumes: dict[str, Obj], claims: list[str], grace: int | None, path: str) -> Errors:
    around = containers.Surroundings(
        volumes, claims, grace, spec.get("restartPolicy", ""), spec.get("hostUsers") is not False
    )
    regular = spec.get("containers") or []
    errors = containers.regular(regular, around, f"{path}.containers")
    first = spec.get("initContainers")
    if first:
        errors += containers.init(first, regular, around, f"{path}.initContainers")
    if ephemeral := spec.get("ephemeralContainers"):
        errors += containers.ephemeral(ephemeral, regular + (first or []), around, f"{path}.ephemeralContainers")
    return errors


def _choice(spec: Obj, key: str, allowed: tuple[str, ...], path: str) -> Errors:
    value = spec.get(key, "")
    if value in allowed:
        return []
    return [fields.not_supported(f"{path}.{key}", value, allowed) if value else fields.required(f"{path}.{key}")]


def _names(spec: Obj, path: str) -> Errors:
    """The second half of ValidatePodSpec, where most fields are missing most of the time."""
    errors: Errors = []
    for key in ("serviceAccountName", "nodeName"):
        if (name := spec.get(key)) and (wrong := text.dns1123_subdomain(name)):
            errors += [fields.invalid(f"{path}.{key}", name, m) for m in wrong]
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MAX_INT32:
        errors.append(fields.invalid(f"{path}.activeDeadlineSeconds", deadline, text.range_error(1, _MAX_INT32)))
    for key in ("hostname", "subdomain"):
        if name := spec.get(key):
            errors += [fields.invalid(f"{path}.{key}", name, m) for m in text.dns1123_label(name)]
    if tolerations := spec.get("tolerations"):
        errors += scheduling.tolerations(tolerations, f"{path}.tolerations")
    for i, alias in enumerate(spec.get("hostAliases") or ()):
        at = f"{path}.hostAliases[{i}]"
        errors += valid_ip(f"{at}.ip", alias.get("ip", ""))
        errors += [
            fields.invalid(f"{at}.hostnames[{j}]", n, m)
            for j, n in enumerate(alias.get("hostnames") or ())
            for m in text.dns1123_subdomain(n)
        ]
    for key in ("priorityClassName", "runtimeClassName"):
        name = spec.get(key)
        if name or (name is not None and key == "runtimeClassName"):
            errors += [fields.invalid(f"{path}.{key}", name, m) for m in text.dns1123_subdomain(name)]
    policy = spec.get("preemptionPolicy")
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        at = f"{path}.preemptionPolicy"
        errors.append(
            fields.not_supported(at, policy, ("PreemptLowerPriority", "Never")) if policy else fields.required(at)
        )
    if overhead := spec.get("overhead"):
        errors += quantities.requirements({"limits": overhead}, [], f"{path}.overhead")
    return errors + security.operating_system(spec, path) if "os" in spec else errors


def _resource_claims(claims: list[Obj], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        at, name = f"{path}[{i}]", claim.get("name", "")
        if not name:
            errors.append(fields.required(f"{at}.name"))
        elif name in seen:
            errors.append(fields.duplicate(f"{at}.name", name))
        else:
            errors += [fields.invalid(f"{at}.name", name, m) for m in text.dns1123_label(name)]
            seen.add(name)
        direct, template = claim.get("resourceClaimName"), claim.get("resourceClaimTemplateName")
        shown = fields.Raw(
            f'{{"Name":{go_json(name)},"ResourceClaimName":{go_json(direct)},'
            f'"ResourceClaimTemplateName":{go_json(template)}}}'
        )
        if direct is not None and template is not None:
            errors.append(
                fields.invalid(
                    at, shown, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
                )
            )
        if direct is None and template is None:
            errors.append(
                fields.invalid(at, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
            )
        for key in ("resourceClaimName", "resourceClaimTemplateName"):
            if (value := claim.get(key)) is not None:
                errors += [fields.invalid(f"{at}.{key}", value, m) for m in text.dns1123_subdomain(value)]
    return errors


def _host_ports(spec: Obj, path: str, *, is_pod: bool) -> Errors:
    errors: Errors = []
    for i, container in enumerate(spec.get("containers") or ()):
        for j, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort", 0)
            if (is_pod or host) and host != port.get("containerPort", 0):
                errors.append(
                    fields.invalid(
                        f"{path}.containers[{i}].ports[{j}].hostPort",
                        host,
                        "must match `containerPort` when `hostNetwork` is true",
                    )
                )
    return errors


def _dns_config(config: Obj | None, policy: str, path: str) -> Errors:
    if policy == "None":
        if config is None:
            return [fields.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            return [
                fields.required(
                    f"{path}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None"
                )
            ]
    config = config or {}
    errors: Errors = []
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > 3:
        errors.append(fields.invalid(f"{path}.nameservers", servers, "must not have more than 3 nameservers"))
    for i, server in enumerate(servers):
        errors += valid_ip(f"{path}.nameservers[{i}]", server)
    if len(searches) > 32:
        errors.append(fields.invalid(f"{path}.searches", searches, "must not have more than 32 search paths"))
    if len(" ".join(searches)) > 2048:
        errors.append(
            fields.invalid(
                f"{path}.searches",
                searches,
                "must not have more than 2048 characters (including spaces) in the search list",
            )
        )
    for i, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            errors += [
                fields.invalid(f"{path}.searches[{i}]", name, m) for m in text.dns1123_subdomain_underscore(name)
            ]
    errors += [
        fields.required(f"{path}.options[{i}]", "must not be empty")
        for i, option in enumerate(config.get("options") or ())
        if not option.get("name")
    ]
    return errors


def _gates(spec: Obj, path: str) -> Errors:
    errors: Errors = []
    for i, gate in enumerate(spec.get("readinessGates") or ()):
        name = gate.get("conditionType", "")
        errors += meta.label_name(name, f"{path}.readinessGates[{i}].conditionType")
    names = [gate.get("name", "") for gate in spec.get("schedulingGates") or ()]
    for i, name in enumerate(names):
        errors += meta.label_name(name, f"{path}.schedulingGates[{i}]")
        if name in names[:i]:
            errors.append(fields.duplicate(f"{path}.schedulingGates[{i}]", name))
    return errors


def pod_annotations(annotations: dict[str, str] | None, spec: Obj, path: str) -> Errors:
    if not annotations:
        return []
    errors: Errors = []
    if MIRROR in annotations and not spec.get("nodeName"):
        errors.append(
            fields.invalid(
                f"{path}[{MIRROR}]", annotations[MIRROR], "must set spec.nodeName if mirror pod annotation is set"
            )
        )
    if (cost := annotations.get(DELETION_COST)) is not None and not _int32(cost):
        errors.append(fields.invalid(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer"))
    return errors


def _int32(value: str) -> bool:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or (len(digits) > 1 and digits[0] == "0"):
        return False
    return -(2**31) <= int(value) < 2**31


def template(t: Obj, path: str) -> Errors:
    """ValidatePodTemplateSpec.  Upstream leaves `metadata` out of the paths."""
    metadata, spec = t.get("metadata") or {}, t.get("spec") or {}
    errors = meta.labels(metadata.get("labels"), f"{path}.labels")
    errors += meta.annotation_map(metadata.get("annotations"), f"{path}.annotations")
    errors += pod_annotations(metadata.get("annotations"), spec, f"{path}.annotations")
    errors += pod_spec(spec, f"{path}.spec", is_pod=False)
    if spec.get("ephemeralContainers"):
        errors.append(
            fields.forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")
        )
    return errors
