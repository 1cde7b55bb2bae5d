"""Services: their addresses and ports (kubernetes: pkg/registry/core/service, storage and strategy)."""

from __future__ import annotations

from controlplane.apiserver.fields import internal, invalid
from controlplane.apiserver.strategies.base import Errors, Obj, Strategy
from controlplane.apiserver.strategies.context import Context
from controlplane.apiserver.validation.services import cluster_ips, needs_health_check


class ServiceStrategy(Strategy):
    """What is wrong with the addresses and ports that a client chose is said before anything else.

    *Note*: the cluster has one family of addresses, IPv4.
    """

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        spec = obj["spec"]
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        ctx.errors = _allocate(spec, {}, ctx)

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_update(new, old, ctx)
        before = old.get("spec") or {}
        if new.get("spec") is before:
            return
        spec = new["spec"] = dict(new.get("spec") or {})  # parts of it may be the old Service's own
        if "ports" in spec:
            spec["ports"] = [dict(port) for port in spec["ports"]]
        _patch_allocated(spec, before)
        _synchronize(spec, before)
        ctx.errors = _allocate(spec, before, ctx)
        _drop_what_the_type_has_not(spec, before)
        if spec.get("type") != "LoadBalancer":
            new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}

    def validate_create(self, obj: Obj, ctx: Context) -> Errors:
        return ctx.errors or super().validate_create(obj, ctx)

    def validate_update(self, new: Obj, old: Obj, ctx: Context) -> Errors:
        return ctx.errors or super().validate_update(new, old, ctx)


def _has_ip(spec: Obj) -> bool:
    return spec.get("type") in ("ClusterIP", "NodePort", "LoadBalancer")


def _has_node_ports(spec: Obj) -> bool:
    kind = spec.get("type")
    return kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True))


def _node_ports(spec: Obj) -> list[int]:
    return [p["nodePort"] for p in spec.get("ports") or () if p.get("nodePort")]


def _patch_allocated(spec: Obj, before: Obj) -> None:
    """An update that leaves out what was allocated keeps it."""
    if _has_ip(spec) and _has_ip(before):
        if not spec.get("clusterIP") and before.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
        if not spec.get("clusterIPs") and spec.get("clusterIP") == before.get("clusterIP") and "clusterIPs" in before:
            spec["clusterIPs"] = before["clusterIPs"]
    if _has_node_ports(spec) and _has_node_ports(before):
        used = set(_node_ports(before)) & set(_node_ports(spec))
        known = {p.get("name", ""): p.get("nodePort") for p in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            number = known.get(port.get("name", ""))
            if not port.get("nodePort") and number and number not in used:
                port["nodePort"] = number
                used.add(number)
    if needs_health_check(spec) and needs_health_check(before) and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = before.get("healthCheckNodePort", 0)


def _synchronize(spec: Obj, before: Obj) -> None:
    """The one address and the list of them agree again when a client changed one of the two."""
    ip, ips, was = spec.get("clusterIP", ""), spec.get("clusterIPs") or [], before.get("clusterIPs") or []
    if ips == was and ip != before.get("clusterIP", ""):
        spec.pop("clusterIPs", None)
        if ip:
            spec["clusterIPs"] = [ip]
    elif ips != was and ip == before.get("clusterIP", ""):
        spec.pop("clusterIP", None)
        if ips:
            spec["clusterIP"] = ips[0]


def _drop_what_the_type_has_not(spec: Obj, before: Obj) -> None:
    """What stands there only because the type was another one goes."""
    gone: list[str] = []
    if _has_ip(before) and not _has_ip(spec):
        gone += ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]
    if needs_health_check(before) and not needs_health_check(spec):
        gone.append("healthCheckNodePort")
    if spec.get("type") != "LoadBalancer":
        gone += ["allocateLoadBalancerNodePorts", "loadBalancerClass"]
    if spec.get("type") in ("ClusterIP", "ExternalName") and not spec.get("externalIPs"):
        gone.append("externalTrafficPolicy")
    for key in gone:
        if key in spec and spec[key] == before.get(key):
            del spec[key]
    if _has_node_ports(before) and not _has_node_ports(spec) and _node_ports(spec) == _node_ports(before):
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)


def _allocate(spec: Obj, before: Obj, ctx: Context) -> Errors:
    """Give the Service its address and ports."""
    if spec.get("type") == "ExternalName":
        return []
    errors = _families(spec, before)
    if errors:
        return errors
    if not _has_ip(before):
        errors = _allocate_ip(spec, ctx)
    return errors or _allocate_ports(spec, before, ctx)


def _families(spec: Obj, before: Obj) -> Errors:
    anywhere = spec.get("clusterIP") == "None" and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        spec["ipFamilyPolicy"] = before.get("ipFamilyPolicy") or ("RequireDualStack" if anywhere else "SingleStack")
    if errors := cluster_ips(spec):
        return errors
    families, single = spec.get("ipFamilies") or ["IPv4"], spec["ipFamilyPolicy"] == "SingleStack"
    if anywhere:
        if len(families) < 2 and not single:
            families = [*families, "IPv6" if families[0] == "IPv4" else "IPv4"]
    else:
        if spec["ipFamilyPolicy"] == "RequireDualStack":
            errors.append(
                invalid(
                    "spec.ipFamilyPolicy",
                    spec["ipFamilyPolicy"],
                    "this cluster is not configured for dual-stack services",
                )
            )
        errors += [
            invalid(f"spec.ipFamilies[{i}]", f, "not configured on this cluster")
            for i, f in enumerate(families)
            if f != "IPv4"
        ]
    spec["ipFamilies"] = families
    return errors


def _allocate_ip(spec: Obj, ctx: Context) -> Errors:
    ip = spec.get("clusterIP")
    if ip == "None":
        return []
    if ip:
        return ctx.claim_cluster_ip(ip, "spec.clusterIPs")
    ip = ctx.allocate_cluster_ip()
    if ip is None:
        return [internal("spec.clusterIPs", "failed to allocate a serviceIP: range is full")]
    spec["clusterIP"], spec["clusterIPs"] = ip, [ip]
    return []


class _Ports:
    """The ports on nodes that one request asks for."""

    def __init__(self, spec: Obj, before: Obj, ctx: Context) -> None:
        self.ctx = ctx
        self.had = set(_node_ports(before)) | {before.get("healthCheckNodePort") or 0}
        self.taken: set[int] = set()
        self.asked_for = set(_node_ports(spec))

    def claim(self, number: int, path: str) -> Errors:
        if number in self.taken:
            return [invalid(path, number, "provided port is already allocated")]
        self.taken.add(number)
        return self.ctx.claim_node_port(number, path)

    def choose(self) -> int | None:
        number = self.ctx.allocate_node_port(self.taken | self.asked_for)
        if number is not None:
            self.taken.add(number)
        return number


def _allocate_ports(spec: Obj, before: Obj, ctx: Context) -> Errors:
    ports = _Ports(spec, before, ctx)
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        errors = _update_ports(spec, ports) if before else _first_ports(spec, ports)
        if errors:
            return errors
    if needs_health_check(spec):
        number = spec.get("healthCheckNodePort")
        if not number:
            spec["healthCheckNodePort"] = ports.choose() or 0
        elif number not in ports.had:
            return ports.claim(number, "spec.healthCheckNodePort")
    return []


def _first_ports(spec: Obj, ports: _Ports) -> Errors:
    """The same port of the Service in two protocols is the same one on the nodes."""
    given: dict[int, int] = {}
    for i, port in enumerate(spec.get("ports") or ()):
        at, number, asked = f"spec.ports[{i}].nodePort", port.get("port", 0), port.get("nodePort") or 0
        if not asked and not _has_node_ports(spec):
            continue
        errors: Errors = []
        if number not in given:
            asked = next((p["nodePort"] for p in spec["ports"] if p.get("port") == number and p.get("nodePort")), 0)
            errors = ports.claim(asked, at) if asked else []
            chosen = asked or ports.choose()
            if chosen is None:
                return [internal(at, "failed to allocate a nodePort: range is full")]
            given[number] = port["nodePort"] = chosen
        elif not asked:
            port["nodePort"] = given[number]
        elif asked != given[number]:
            errors = ports.claim(asked, at)
        if errors:
            return errors
    return []


def _update_ports(spec: Obj, ports: _Ports) -> Errors:
    for i, port in enumerate(spec.get("ports") or ()):
        at, asked = f"spec.ports[{i}].nodePort", port.get("nodePort")
        if asked:
            if asked not in ports.had and asked not in ports.taken and (errors := ports.claim(asked, at)):
                return errors
        elif _has_node_ports(spec):
            port["nodePort"] = ports.choose()
            if port["nodePort"] is None:
                return [internal(at, "failed to allocate a nodePort: range is full")]
    return []
