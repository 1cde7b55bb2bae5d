"""Ingresses, their classes, and NetworkPolicies (kubernetes: pkg/apis/networking/validation)."""

from __future__ import annotations

import ipaddress
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.network import legacy_cidr, parse, parse_cidr, port_or_name
from controlplane.apiserver.validation.services import balancer_status

Obj = dict[str, Any]
Errors = list[FieldError]

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_CLASS = "kubernetes.io/ingress.class"
_ABSOLUTE = "must be an absolute path"


def ingress(obj: Obj) -> Errors:
    errors = _ingress_spec(obj.get("spec") or {})
    annotation = (obj["metadata"].get("annotations") or {}).get(_CLASS)
    name = (obj.get("spec") or {}).get("ingressClassName")
    if annotation is not None and name is not None and annotation != name:
        errors.append(
            fields.invalid(f"annotations.{_CLASS}", annotation, "must match `ingressClassName` when both are specified")
        )
    return errors


def ingress_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("spec") is old.get("spec") else _ingress_spec(new.get("spec") or {})


def _ingress_spec(spec: Obj) -> Errors:
    errors: Errors = []
    rules, default = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and default is None:
        errors.append(fields.invalid("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified"))
    if default is not None:
        errors += _backend(default, "spec.defaultBackend")
    for i, rule in enumerate(rules):
        errors += _rule(rule, f"spec.rules[{i}]")
    for i, tls in enumerate(spec.get("tls") or ()):
        for j, host in enumerate(tls.get("hosts") or ()):
            wrong = text.wildcard_subdomain(host) if "*" in host else text.dns1123_subdomain(host)
            errors += [fields.invalid(f"spec.tls[{i}].hosts[{j}]", host, m) for m in wrong]
        if secret := tls.get("secretName"):
            errors += [fields.invalid(f"spec.tls[{i}].secretName", secret, m) for m in text.dns1123_subdomain(secret)]
    if (name := spec.get("ingressClassName")) is not None:
        errors += [fields.invalid("spec.ingressClassName", name, m) for m in text.dns1123_subdomain(name)]
    return errors


def _rule(rule: Obj, path: str) -> Errors:
    errors: Errors = []
    if host := rule.get("host"):
        if parse(host) is not None:
            errors.append(fields.invalid(f"{path}.host", host, "must be a DNS name, not an IP address"))
        wrong = text.wildcard_subdomain(host) if "*" in host else text.dns1123_subdomain(host)
        errors += [fields.invalid(f"{path}.host", host, m) for m in wrong]
    if (http := rule.get("http")) is not None:
        if not http.get("paths"):
            errors.append(fields.required(f"{path}.http.paths"))
        for i, p in enumerate(http.get("paths") or ()):
            errors += _path(p, f"{path}.http.paths[{i}]")
    return errors


def _path(p: Obj, path: str) -> Errors:
    kind, value = p.get("pathType"), p.get("path", "")
    if kind is None:
        return [fields.required(f"{path}.pathType", "pathType must be specified")]
    errors: Errors = []
    if kind not in _PATH_TYPES:
        errors.append(fields.not_supported(f"{path}.pathType", kind, _PATH_TYPES))
    elif not value.startswith("/") and (value or kind != "ImplementationSpecific"):
        errors.append(fields.invalid(f"{path}.path", value, _ABSOLUTE))
    if kind in ("Exact", "Prefix"):
        errors += [fields.invalid(f"{path}.path", value, f"must not contain '{s}'") for s in _SEQUENCES if s in value]
        errors += [
            fields.invalid(f"{path}.path", value, f"cannot end with '{s}'") for s in ("/..", "/.") if value.endswith(s)
        ]
    return errors + _backend(p.get("backend") or {}, f"{path}.backend")


def _backend(backend: Obj, path: str) -> Errors:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        return [fields.invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return _reference(resource, f"{path}.resource")
    if service is None:
        return [fields.invalid(path, "", "resource or service backend is required")]
    errors: Errors = []
    name, port = service.get("name", ""), service.get("port") or {}
    if not name:
        errors.append(fields.required(f"{path}.service.name"))
    else:
        errors += [fields.invalid(f"{path}.service.name", name, m) for m in text.dns1123_label(name)]
    called, number = port.get("name", ""), port.get("number", 0)
    if called and number:
        errors.append(fields.invalid(path, "", "cannot set both port name & port number"))
    elif called:
        errors += [fields.invalid(f"{path}.service.port.name", called, m) for m in text.port_name(called)]
    elif number:
        errors += [fields.invalid(f"{path}.service.port.number", number, m) for m in text.port_number(number)]
    else:
        errors.append(fields.required(path, "port name or number is required"))
    return errors


def _reference(ref: Obj, path: str) -> Errors:
    errors: Errors = []
    if (group := ref.get("apiGroup")) is not None:
        errors += [fields.invalid(f"{path}.apiGroup", group, m) for m in text.dns1123_subdomain(group)]
    for key in ("kind", "name"):
        value = ref.get(key, "")
        if not value:
            errors.append(fields.required(f"{path}.{key}"))
        else:
            errors += [fields.invalid(f"{path}.{key}", value, m) for m in text.path_segment(value)]
    return errors


def ingress_status_update(new: Obj, old: Obj) -> Errors:
    after = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    before = ((old.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return balancer_status(after, before, modes=False)


def domain_prefixed_path(value: str, path: str) -> Errors:
    if not value:
        return [fields.required(path)]
    host, slash, rest = value.partition("/")
    if not (host and slash and rest):
        return [fields.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    errors = [fields.invalid(path, host, m) for m in text.dns1123_subdomain(host)]
    return errors + [fields.invalid(path, rest, m) for m in text.http_path(rest)]


def ingress_class(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    controller = spec.get("controller", "")
    errors: Errors = []
    if len(controller) > 250:
        errors.append(fields.too_long("spec.controller", 250))
    errors += domain_prefixed_path(controller, "spec.controller")
    parameters, at = spec.get("parameters"), "spec.parameters"
    if parameters is None:
        return errors
    errors += _reference(parameters, at)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        errors.append(fields.required(f"{at}.scope"))
    elif scope not in ("Cluster", "Namespace"):
        errors.append(fields.not_supported(f"{at}.scope", scope, ("Cluster", "Namespace")))
    elif scope == "Namespace":
        if namespace is None:
            errors.append(fields.required(f"{at}.namespace", "`parameters.scope` is set to 'Namespace'"))
        else:
            errors += [fields.invalid(f"{at}.namespace", namespace, m) for m in text.dns1123_label(namespace)]
    elif namespace is not None:
        errors.append(fields.forbidden(f"{at}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return errors


def ingress_class_update(new: Obj, old: Obj) -> Errors:
    now, was = ((o.get("spec") or {}).get("controller", "") for o in (new, old))
    return meta.immutable(now, was, "spec.controller")


def _policy_port(port: Obj, path: str) -> Errors:
    errors: Errors = []
    kinds = ("TCP", "UDP", "SCTP")
    if port.get("protocol") is not None and port["protocol"] not in kinds:
        errors.append(fields.not_supported(f"{path}.protocol", port["protocol"], kinds))
    number, end, at = port.get("port"), port.get("endPort"), f"{path}.endPort"
    if number is None:
        if end is not None:
            errors.append(fields.invalid(at, end, "may not be specified when `port` is not specified"))
    elif isinstance(number, str):
        if end is not None:
            errors.append(fields.invalid(at, end, "may not be specified when `port` is non-numeric"))
        errors += port_or_name(number, f"{path}.port")
    else:
        errors += port_or_name(number, f"{path}.port")
        if end is not None:
            if end < number:
                errors.append(fields.invalid(at, end, "must be greater than or equal to `port`"))
            errors += [fields.invalid(at, end, m) for m in text.port_number(end)]
    return errors


def _peer(peer: Obj, path: str) -> Errors:
    errors: Errors = []
    for key in ("podSelector", "namespaceSelector"):
        errors += meta.label_selector(peer.get(key), f"{path}.{key}")
    block = peer.get("ipBlock")
    if block is not None:
        errors += _ip_block(block, f"{path}.ipBlock")
    count = sum(1 for k in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(k) is not None)
    if count == 0:
        errors.append(fields.required(path, "must specify a peer"))
    elif count > 1 and block is not None:
        errors.append(fields.forbidden(path, "may not specify both ipBlock and another peer"))
    return errors


def _ip_block(block: Obj, path: str) -> Errors:
    cidr = block.get("cidr", "")
    if not cidr:
        return [fields.required(f"{path}.cidr")]
    errors = legacy_cidr(f"{path}.cidr", cidr)
    whole = parse_cidr(cidr)
    if whole is None:
        return errors
    for i, value in enumerate(block.get("except") or ()):
        at = f"{path}.except[{i}]"
        errors += legacy_cidr(at, value)
        part = parse_cidr(value)
        if part is not None and not _inside(part, whole):
            errors.append(fields.invalid(at, value, "must be a strict subset of `cidr`"))
    return errors


def _inside(part: tuple[Any, int], whole: tuple[Any, int]) -> bool:
    if part[0].version != whole[0].version or whole[1] >= part[1]:
        return False
    return part[0] in ipaddress.ip_network(whole, strict=False)


def network_policy(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = meta.label_selector(spec.get("podSelector"), "spec.podSelector")
    for kind, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(kind) or ()):
            for j, port in enumerate(rule.get("ports") or ()):
                errors += _policy_port(port, f"spec.{kind}[{i}].ports[{j}]")
            for j, peer in enumerate(rule.get(peers) or ()):
                errors += _peer(peer, f"spec.{kind}[{i}].{peers}[{j}]")
    types = spec.get("policyTypes") or []
    if len(types) > 2:
        return [*errors, fields.invalid("spec.policyTypes", types, "may not specify more than two policyTypes")]
    return errors + [
        fields.not_supported(f"spec.policyTypes[{i}]", t, ("Ingress", "Egress"))
        for i, t in enumerate(types)
        if t not in ("Ingress", "Egress")
    ]


def network_policy_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("spec") is old.get("spec") else network_policy(new)
