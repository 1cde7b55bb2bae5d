"""Endpoints and EndpointSlices (kubernetes: pkg/apis/core/validation, pkg/apis/discovery/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.network import legacy_ip, non_special, parse, protocol

Obj = dict[str, Any]
Errors = list[FieldError]


def endpoints(obj: Obj) -> Errors:
    errors: Errors = []
    for i, subset in enumerate(obj.get("subsets") or ()):
        at = f"subsets[{i}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(fields.required(at, "must specify `addresses` or `notReadyAddresses`"))
        for key in ("addresses", "notReadyAddresses"):
            for j, address in enumerate(subset.get(key) or ()):
                errors += _address(address, f"{at}.{key}[{j}]")
        ports = subset.get("ports") or []
        for j, port in enumerate(ports):
            errors += _endpoint_port(port, len(ports) > 1, f"{at}.ports[{j}]")
    return errors


def _address(address: Obj, path: str) -> Errors:
    ip = address.get("ip", "")
    errors = legacy_ip(f"{path}.ip", ip)
    if host := address.get("hostname"):
        errors += [fields.invalid(f"{path}.hostname", host, m) for m in text.dns1123_label(host)]
    if (node := address.get("nodeName")) is not None:
        errors += [fields.invalid(f"{path}.nodeName", node, m) for m in text.dns1123_subdomain(node)]
    return errors + non_special(ip, f"{path}.ip")


def _endpoint_port(port: Obj, named: bool, path: str) -> Errors:
    name, number, errors = port.get("name", ""), port.get("port", 0), []
    if named and not name:
        errors.append(fields.required(f"{path}.name"))
    elif name:
        errors += [fields.invalid(f"{path}.name", name, m) for m in text.dns1123_label(name)]
    errors += [fields.invalid(f"{path}.port", number, m) for m in text.port_number(number)]
    errors += protocol(port.get("protocol", ""), f"{path}.protocol")
    if (app := port.get("appProtocol")) is not None:
        errors += meta.label_name(app, f"{path}.appProtocol")
    return errors


def endpoint_slice(obj: Obj) -> Errors:
    kind, kinds = obj.get("addressType", ""), ("FQDN", "IPv4", "IPv6")
    errors: Errors = []
    if kind not in kinds:
        errors.append(fields.not_supported("addressType", kind, kinds) if kind else fields.required("addressType"))
    members, ports = obj.get("endpoints") or [], obj.get("ports") or []
    if len(members) > 1000:
        errors.append(fields.too_many("endpoints", len(members), 1000))
    else:
        for i, endpoint in enumerate(members):
            errors += _endpoint(endpoint, kind, f"endpoints[{i}]")
    if len(ports) > 20_000:
        return [*errors, fields.too_many("ports", len(ports), 20_000)]
    names: set[str] = set()
    for i, port in enumerate(ports):
        name = port.get("name") or ""
        if name:
            errors += [fields.invalid(f"ports[{i}].name", name, m) for m in text.dns1123_label(name)]
        if name in names:
            errors.append(fields.duplicate(f"ports[{i}].name", name))
        names.add(name)
        errors += protocol(port.get("protocol") or "", f"ports[{i}].protocol")
        if (app := port.get("appProtocol")) is not None:
            errors += meta.label_name(app, f"ports[{i}].appProtocol")
    return errors


def _endpoint(endpoint: Obj, kind: str, path: str) -> Errors:
    addresses = endpoint.get("addresses") or []
    errors: Errors = []
    if not addresses:
        errors.append(fields.required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > 100:
        errors.append(fields.too_many(f"{path}.addresses", len(addresses), 100))
    for i, address in enumerate(addresses):
        at = f"{path}.addresses[{i}]"
        if kind in ("IPv4", "IPv6"):
            errors += _family(address, kind, at) + non_special(address, at)
        elif kind == "FQDN":
            errors += _fqdn(address, at)
    if (host := endpoint.get("hostname")) is not None:
        errors += [fields.invalid(f"{path}.hostname", host, m) for m in text.dns1123_label(host)]
    if (node := endpoint.get("nodeName")) is not None:
        errors += [fields.invalid(f"{path}.nodeName", node, m) for m in text.dns1123_subdomain(node)]
    return errors


def _family(address: str, kind: str, path: str) -> Errors:
    errors = legacy_ip(path, address)
    ip = parse(address)
    if ip is not None and ip.version != int(kind[-1]):
        errors.append(fields.invalid(path, address, f"must be an {kind} address"))
    return errors


def _fqdn(name: str, path: str) -> Errors:
    if not name:
        return [fields.required(path)]
    name = name.removesuffix(".")
    if wrong := text.dns1123_subdomain(name):
        return [fields.invalid(path, name, ",".join(wrong))]
    if "." not in name:
        return [fields.invalid(path, name, "should be a domain with at least two segments separated by dots")]
    return []


def endpoint_slice_update(new: Obj, old: Obj) -> Errors:
    return meta.immutable(new.get("addressType", ""), old.get("addressType", ""), "addressType")
