"""Services, what is behind them, and the ways in."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.tables.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Obj,
    at,
    created,
    first_few,
    label_text,
    name,
    selector_text,
)


def _balancer(obj: Obj) -> str:
    points = at(obj, "status.loadBalancer.ingress", [])
    return ",".join(sorted({p.get("ip") or p.get("hostname") or "" for p in points} - {""}))


def _external_ip(service: Obj) -> str:
    type_ = at(service, "spec.type", "")
    ips = at(service, "spec.externalIPs", [])
    if type_ in ("ClusterIP", "NodePort"):
        return ",".join(ips) or NONE
    if type_ == "LoadBalancer":
        balancer = _balancer(service)
        return ",".join([*([balancer] if balancer else []), *ips]) or "<pending>"
    return at(service, "spec.externalName", "") if type_ == "ExternalName" else UNKNOWN


def _service_port(port: Obj) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port', 0)}{node_port}/{port.get('protocol', '')}"


def print_service(service: Obj, now: float) -> Cells:
    ips = at(service, "spec.clusterIPs", [])
    return [
        name(service),
        at(service, "spec.type", ""),
        ips[0] if ips else NONE,
        _external_ip(service),
        ",".join(map(_service_port, at(service, "spec.ports", []))) or NONE,
        created(service, now),
        label_text(at(service, "spec.selector")),
    ]


def _join(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def print_endpoints(obj: Obj, now: float) -> Cells:
    subsets = obj.get("subsets") or []
    shown: list[str] = []
    for subset in subsets:
        ips = [address.get("ip", "") for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        shown += [_join(ip, port.get("port", 0)) for port in ports for ip in ips] if ports else ips
    return [name(obj), first_few(shown, 3) if subsets else NONE, created(obj, now)]


def _slice_port(port: Obj) -> str:
    return str(port["port"]) if port.get("port") is not None else port.get("name", "*")


def print_endpoint_slice(obj: Obj, now: float) -> Cells:
    ports = [_slice_port(port) for port in obj.get("ports") or ()]
    addresses = [address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    return [
        name(obj),
        obj.get("addressType", ""),
        first_few(ports, 3) or UNSET,
        first_few(addresses, 3) or UNSET,
        created(obj, now),
    ]


def print_ingress(obj: Obj, now: float) -> Cells:
    rules = at(obj, "spec.rules", [])
    hosts: list[str] = []
    more = False
    for rule in rules:
        more = more or len(hosts) == 3
        if not more and rule.get("host"):
            hosts.append(rule["host"])
    text = ",".join(hosts) or "*"
    return [
        name(obj),
        at(obj, "spec.ingressClassName", NONE),
        f"{text} + {len(rules) - 3} more..." if more else text,
        _balancer(obj),
        "80, 443" if at(obj, "spec.tls") else "80",
        created(obj, now),
    ]


def print_ingress_class(obj: Obj, now: float) -> Cells:
    parameters: Any = at(obj, "spec.parameters")
    text = NONE
    if parameters:
        kind = ".".join(filter(None, (parameters.get("kind", ""), parameters.get("apiGroup"))))
        text = f"{kind}/{parameters.get('name', '')}"
    return [name(obj), at(obj, "spec.controller", ""), text, created(obj, now)]


def print_network_policy(obj: Obj, now: float) -> Cells:
    return [name(obj), selector_text(at(obj, "spec.podSelector", {})), created(obj, now)]


def print_service_cidr(obj: Obj, now: float) -> Cells:
    return [name(obj), ",".join(at(obj, "spec.cidrs", [])), created(obj, now)]


def print_ip_address(obj: Obj, now: float) -> Cells:
    """Upstream fills three cells for its two columns."""
    parent: Any = at(obj, "spec.parentRef")
    text = NONE
    if parent:
        resource = ".".join(filter(None, (parent.get("resource", ""), parent.get("group")))).lower()
        text = "/".join(filter(None, (resource, parent.get("namespace"), parent.get("name", ""))))
    return [name(obj), text, created(obj, now)]


PRINTERS = {
    "/Service": print_service,
    "/Endpoints": print_endpoints,
    "discovery.k8s.io/EndpointSlice": print_endpoint_slice,
    "networking.k8s.io/Ingress": print_ingress,
    "networking.k8s.io/IngressClass": print_ingress_class,
    "networking.k8s.io/NetworkPolicy": print_network_policy,
    "networking.k8s.io/IPAddress": print_ip_address,
    "networking.k8s.io/ServiceCIDR": print_service_cidr,
}
