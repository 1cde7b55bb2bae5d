"""Services (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.network import (
    dual_stack,
    is_v6,
    legacy_cidr,
    legacy_ip,
    non_special,
    parse,
    port_or_name,
    protocol,
)

Obj = dict[str, Any]
Errors = list[FieldError]

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC = ("Cluster", "Local")
_DISTRIBUTION = ("PreferClose", "PreferSameZone", "PreferSameNode")
_AFFINITY = ("ClientIP", "None")
_ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'"
_ONCE = "may not change once set"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_NO_EXTERNAL = "may not be set for ExternalName services"


def _spec(obj: Obj) -> Obj:
    return obj.get("spec") or {}


def _ips(spec: Obj) -> list[str]:
    return spec.get("clusterIPs") or []


def headless(spec: Obj) -> bool:
    return _ips(spec) == ["None"]


def externally_accessible(spec: Obj) -> bool:
    kind = spec.get("type")
    return kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def needs_health_check(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def service(obj: Obj) -> Errors:
    spec = _spec(obj)
    kind, ports = spec.get("type", ""), spec.get("ports") or []
    errors: Errors = []
    if not ports and not headless(spec) and kind != "ExternalName":
        errors.append(fields.required("spec.ports"))
    if kind in ("LoadBalancer", "NodePort") and headless(spec):
        errors.append(fields.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services"))
    if kind == "ExternalName":
        errors += _external_name(spec)
    names: set[str] = set()
    for i, port in enumerate(ports):
        errors += _port(port, len(ports) > 1, names, f"spec.ports[{i}]")
    errors += meta.labels(spec.get("selector"), "spec.selector")
    errors += _affinity(spec) + cluster_ips(spec)
    for i, ip in enumerate(spec.get("externalIPs") or ()):
        at = f"spec.externalIPs[{i}]"
        errors += legacy_ip(at, ip) or non_special(ip, at)
    if kind not in TYPES:
        errors.append(fields.not_supported("spec.type", kind, TYPES) if kind else fields.required("spec.type"))
    errors += _port_pairs(ports, kind) + _source_ranges(obj, spec)
    if spec.get("allocateLoadBalancerNodePorts") is not None and kind != "LoadBalancer":
        errors.append(fields.forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCED))
    errors += _balancer_class(spec) + _traffic(spec)
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTION:
        errors.append(fields.not_supported("spec.trafficDistribution", distribution, _DISTRIBUTION))
    return errors


def _external_name(spec: Obj) -> Errors:
    errors = [
        fields.forbidden(f"spec.{k}", _NO_EXTERNAL)
        for k in ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
        if spec.get(k)
    ]
    name = spec.get("externalName", "").removesuffix(".")
    if not name:
        return [*errors, fields.required("spec.externalName")]
    return errors + [fields.invalid("spec.externalName", name, m) for m in text.dns1123_subdomain(name)]


def _port(port: Obj, named: bool, names: set[str], path: str) -> Errors:
    errors: Errors = []
    name = port.get("name", "")
    if named and not name:
        errors.append(fields.required(f"{path}.name"))
    elif name:
        errors += [fields.invalid(f"{path}.name", name, m) for m in text.dns1123_label(name)]
        if name in names:
            errors.append(fields.duplicate(f"{path}.name", name))
        names.add(name)
    number = port.get("port", 0)
    errors += [fields.invalid(f"{path}.port", number, m) for m in text.port_number(number)]
    errors += protocol(port.get("protocol", ""), f"{path}.protocol")
    errors += port_or_name(port.get("targetPort", 0), f"{path}.targetPort")
    if (app := port.get("appProtocol")) is not None:
        errors += meta.label_name(app, f"{path}.appProtocol")
    return errors


def _port_pairs(ports: list[Obj], kind: str) -> Errors:
    errors: Errors = []
    if kind == "ClusterIP":
        errors += [
            fields.forbidden(f"spec.ports[{i}].nodePort", "may not be used when `type` is 'ClusterIP'")
            for i, p in enumerate(ports)
            if p.get("nodePort")
        ]
    nodes: set[tuple[Any, Any]] = set()
    for i, p in enumerate(ports):
        if number := p.get("nodePort"):
            if (p.get("protocol"), number) in nodes:
                errors.append(fields.duplicate(f"spec.ports[{i}].nodePort", number))
            nodes.add((p.get("protocol"), number))
    pairs: set[tuple[Any, Any]] = set()
    for i, p in enumerate(ports):
        key = (p.get("protocol", ""), p.get("port", 0))
        if key in pairs:
            errors.append(
                fields.duplicate(
                    f"spec.ports[{i}]",
                    Raw(
                        f'{{"Name":"","Protocol":{go_json(key[0])},"AppProtocol":null,"Port":{key[1]},"TargetPort":0,'
                        '"NodePort":0}'
                    ),
                )
            )
        pairs.add(key)
    return errors


def _affinity(spec: Obj) -> Errors:
    kind, config, at = spec.get("sessionAffinity", ""), spec.get("sessionAffinityConfig"), "spec.sessionAffinityConfig"
    if kind not in _AFFINITY:
        path = "spec.sessionAffinity"
        return [fields.not_supported(path, kind, _AFFINITY) if kind else fields.required(path)]
    if kind == "None":
        if config is None:
            return []
        return [fields.forbidden(at, "must not be set when session affinity is None")]
    why = "when session affinity type is ClientIP"
    if config is None:
        return [fields.required(at, why)]
    if config.get("clientIP") is None:
        return [fields.required(f"{at}.clientIP", why)]
    seconds = config["clientIP"].get("timeoutSeconds")
    if seconds is None:
        return [fields.required(f"{at}.clientIP.timeoutSeconds", why)]
    if not 0 < seconds <= 86400:
        return [fields.invalid(f"{at}.clientIP.timeoutSeconds", seconds, "must be greater than 0 and less than 86400")]
    return []


def cluster_ips(spec: Obj) -> Errors:
    """ValidateServiceClusterIPsRelatedFields."""
    if spec.get("type") == "ExternalName":
        return []
    ip, ips = spec.get("clusterIP", ""), _ips(spec)
    errors: Errors = []
    at = "spec.clusterIPs"
    if ip and not ips:
        errors.append(fields.required(at))
    elif ip and ips[0] != ip:
        errors.append(fields.invalid(at, ips, "first value must match `clusterIP`"))
    elif ips and not ip:
        errors.append(fields.invalid(at, ips, "must be empty when `clusterIP` is not specified"))
    families = spec.get("ipFamilies") or []
    for i, family in enumerate(families):
        if family not in _FAMILIES:
            errors.append(fields.not_supported(f"spec.ipFamilies[{i}]", family, _FAMILIES))
        if family in families[:i]:
            errors.append(fields.duplicate(f"spec.ipFamilies[{i}]", family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        errors.append(fields.not_supported("spec.ipFamilyPolicy", policy, _POLICIES))
    bad: Errors = []
    for i, value in enumerate(ips):
        if i == 0 and value == "None":
            if len(ips) > 1:
                bad.append(fields.invalid(at, ips, "'None' must be the first and only value"))
        else:
            bad += legacy_ip(f"{at}[{i}]", value)
    errors += bad
    if len(ips) > 2:
        errors.append(fields.invalid(at, ips, "may only hold up to 2 values"))
    if bad:
        return errors
    if len(ips) > 1 and not dual_stack(ips):
        errors.append(fields.invalid(at, ips, "may specify no more than one IP for each IP family"))
    if not headless(spec):
        for i, (value, family) in enumerate(zip(ips, families, strict=False)):
            if family in _FAMILIES and is_v6(value) != (family == "IPv6"):
                errors.append(
                    fields.invalid(f"{at}[{i}]", value, f"expected an {family} value as indicated by `ipFamilies[{i}]`")
                )
    return errors


def _source_ranges(obj: Obj, spec: Obj) -> Errors:
    ranges, balanced = spec.get("loadBalancerSourceRanges") or [], spec.get("type") == "LoadBalancer"
    annotation = (obj["metadata"].get("annotations") or {}).get(_RANGES)
    errors: Errors = []
    if ranges:
        if not balanced:
            errors.append(fields.forbidden("spec.LoadBalancerSourceRanges", _ONLY_BALANCED))
        for i, value in enumerate(ranges):
            errors += legacy_cidr(f"spec.LoadBalancerSourceRanges[{i}]", value.strip())
    elif annotation is not None:
        at = f"metadata.annotations[{_RANGES}]"
        if not balanced:
            errors.append(fields.forbidden(at, _ONLY_BALANCED))
        for value in annotation.split(",") if annotation.strip() else ():
            errors += legacy_cidr(at, value.strip())
    return errors


def _balancer_class(spec: Obj) -> Errors:
    name = spec.get("loadBalancerClass")
    if name is None:
        return []
    if spec.get("type") != "LoadBalancer":
        return [fields.forbidden("spec.loadBalancerClass", _ONLY_BALANCED)]
    return meta.label_name(name, "spec.loadBalancerClass")


def _traffic(spec: Obj) -> Errors:
    errors: Errors = []
    outside, at = spec.get("externalTrafficPolicy", ""), "spec.externalTrafficPolicy"
    if not externally_accessible(spec):
        if outside:
            errors.append(fields.invalid(at, outside, "may only be set for externally-accessible services"))
    elif outside not in _TRAFFIC:
        errors.append(fields.not_supported(at, outside, _TRAFFIC) if outside else fields.required(at))
    number, at = spec.get("healthCheckNodePort", 0), "spec.healthCheckNodePort"
    if not needs_health_check(spec):
        if number:
            errors.append(
                fields.invalid(
                    at, number, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
                )
            )
    elif not number:
        errors.append(fields.required(at))
    else:
        errors += [fields.invalid(at, number, m) for m in text.port_number(number)]
    inside, at = spec.get("internalTrafficPolicy"), "spec.internalTrafficPolicy"
    if inside is None:
        if spec.get("type") in ("ClusterIP", "LoadBalancer", "NodePort"):
            errors.append(fields.required(at))
    elif inside not in _TRAFFIC:
        errors.append(fields.not_supported(at, inside, _TRAFFIC))
    return errors


def service_update(new: Obj, old: Obj) -> Errors:
    """What may not change; the whole Service is looked at besides."""
    spec, before = _spec(new), _spec(old)
    if spec is before:
        return []
    errors = _changed_ips(spec, before) + _changed_families(spec, before)
    if spec.get("type") == before.get("type") == "LoadBalancer" and (
        spec.get("loadBalancerClass") != before.get("loadBalancerClass")
    ):
        errors.append(fields.invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), _ONCE))
    if (
        needs_health_check(spec)
        and needs_health_check(before)
        and (spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"))
    ):
        errors.append(fields.forbidden("spec.healthCheckNodePort", meta.IMMUTABLE))
    return errors


def _changed_ips(spec: Obj, before: Obj) -> Errors:
    if "ExternalName" in (spec.get("type"), before.get("type")) or (headless(spec) and headless(before)):
        return []
    ips, was, at = _ips(spec), _ips(before), "spec.clusterIPs[0]"
    if len(ips) == len(was):
        return [fields.invalid(f"spec.clusterIPs[{i}]", ips, _ONCE) for i, ip in enumerate(was) if ip != ips[i]]
    errors: Errors = []
    if not ips:
        errors.append(fields.invalid(at, None, "primary clusterIP can not be unset"))
    if ips and was and ips[0] != was[0]:
        errors.append(fields.invalid(at, ips, _ONCE))
    if len(was) > len(ips) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        errors.append(
            fields.invalid(
                "spec.ipFamilyPolicy",
                spec.get("ipFamilyPolicy"),
                "must be set to 'SingleStack' when releasing the secondary clusterIP",
            )
        )
    return errors


def _changed_families(spec: Obj, before: Obj) -> Errors:
    if "ExternalName" in (spec.get("type"), before.get("type")) or headless(spec) or headless(before):
        return []
    families, was = spec.get("ipFamilies") or [], before.get("ipFamilies") or []
    if families and was and families[0] != was[0]:
        return [fields.invalid("spec.ipFamilies[0]", families, _ONCE)]
    return []


def service_status_update(new: Obj, old: Obj) -> Errors:
    ingresses = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if ingresses and _spec(new).get("type") != "LoadBalancer":
        return [fields.forbidden("status.loadBalancer.ingress", "may only be used when `spec.type` is 'LoadBalancer'")]
    before = ((old.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return balancer_status(ingresses, before, modes=True)


def balancer_status(ingresses: list[Obj], before: list[Obj], *, modes: bool) -> Errors:
    """What a load balancer says of itself, for Services and Ingresses."""
    errors: Errors = []
    known = tuple(i["ip"] for i in before if i.get("ip"))
    for i, ingress in enumerate(ingresses):
        at, ip, mode = f"status.loadBalancer.ingress[{i}]", ingress.get("ip", ""), ingress.get("ipMode")
        if ip:
            errors += legacy_ip(f"{at}.ip", ip, known)
        if modes and mode is None and ip:
            errors.append(fields.required(f"{at}.ipMode", "must be specified when `ip` is set"))
        elif mode is not None and not ip:
            errors.append(fields.forbidden(f"{at}.ipMode", "may not be specified when `ip` is not set"))
        elif mode is not None and mode not in ("Proxy", "VIP"):
            errors.append(fields.not_supported(f"{at}.ipMode", mode, ("Proxy", "VIP")))
        if host := ingress.get("hostname"):
            errors += [fields.invalid(f"{at}.hostname", host, m) for m in text.dns1123_subdomain(host)]
            if parse(host) is not None:
                errors.append(fields.invalid(f"{at}.hostname", host, "must be a DNS name, not an IP address"))
    return errors
