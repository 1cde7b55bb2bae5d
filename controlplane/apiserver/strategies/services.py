"""Services: their addresses and ports (kubernetes: pkg/registry/core/service)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.fields import FieldError, internal
from controlplane.apiserver.strategies.base import Errors, Obj, Strategy
from controlplane.apiserver.strategies.context import Context


class ServiceStrategy(Strategy):
    """*Note*: one family of addresses, IPv4; dual stack is left out here."""

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        self._normalize(obj["spec"], None)
        ctx.errors = _allocate(obj["spec"], {}, ctx)

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_update(new, old, ctx)
        spec, before = new["spec"], old.get("spec") or {}
        _patch_allocated(spec, before)
        self._normalize(spec, before)
        ctx.errors = _allocate(spec, before, ctx)
        if spec.get("type") != "LoadBalancer" and before.get("type") == "LoadBalancer":
            new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}

    @staticmethod
    def _normalize(spec: Obj, before: Obj | None) -> None:
        """The singular and the plural of the cluster IP agree; what a type does not have goes."""
        ip, ips = spec.get("clusterIP"), spec.get("clusterIPs")
        if before is None:
            if ip and not ips:
                spec["clusterIPs"] = [ip]
        else:
            if ip and ip != before.get("clusterIP") and ips == before.get("clusterIPs"):
                spec["clusterIPs"] = [ip]
            elif not ip and before.get("clusterIP") and ips == before.get("clusterIPs"):
                spec.pop("clusterIPs", None)
            elif ip and not ips:
                spec["clusterIPs"] = [ip]
        if spec.get("type") == "ExternalName":
            for key in ("ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy") if before else ():
                spec.pop(key, None)
        if spec.get("type") != "LoadBalancer" and before and "allocateLoadBalancerNodePorts" in before:
            spec.pop("allocateLoadBalancerNodePorts", None)

    def validate_create(self, obj: Obj, ctx: Context) -> Errors:
        return ctx.errors or super().validate_create(obj, ctx)

    def validate_update(self, new: Obj, old: Obj, ctx: Context) -> Errors:
        return ctx.errors or super().validate_update(new, old, ctx)


def _allocate(spec: Obj, before: Obj, ctx: Context) -> Errors:
    """Give the Service its address and ports."""
    if spec.get("type") == "ExternalName":
        return []
    if not spec.get("ipFamilyPolicy"):
        anywhere = spec.get("clusterIP") == "None" and not spec.get("selector")
        spec["ipFamilyPolicy"] = before.get("ipFamilyPolicy") or ("RequireDualStack" if anywhere else "SingleStack")
    if not spec.get("ipFamilies"):
        spec["ipFamilies"] = ["IPv4"]
        if spec.get("clusterIP") == "None" and not spec.get("selector") and spec["ipFamilyPolicy"] != "SingleStack":
            spec["ipFamilies"] = ["IPv4", "IPv6"]
    return _allocate_ip(spec, before, ctx) or _allocate_ports(spec, before, ctx)


def _allocate_ip(spec: Obj, before: Obj, ctx: Context) -> Errors:
    ip = spec.get("clusterIP")
    if not ip:
        ip = ctx.allocate_cluster_ip()
        if ip is None:
            return [internal("spec.clusterIPs", "failed to allocate a serviceIP: range is full")]
    elif ip != "None" and ip != before.get("clusterIP") and (errors := ctx.claim_cluster_ip(ip, "spec.clusterIPs")):
        return errors
    spec["clusterIP"] = ip
    if not spec.get("clusterIPs"):
        spec["clusterIPs"] = [ip]
    return []


def _allocate_ports(spec: Obj, before: Obj, ctx: Context) -> Errors:
    kind = spec.get("type")
    if kind != "NodePort" and not (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)):
        return []
    had = {(p.get("nodePort"), p.get("protocol")) for p in before.get("ports") or ()}
    taken: dict[int, str] = {}
    errors: list[FieldError] = []
    for i, port in enumerate(spec.get("ports") or ()):
        number = port.get("nodePort")
        if number:
            if (number, port.get("protocol")) not in had and number not in taken:
                errors += ctx.claim_node_port(number, f"spec.ports[{i}].nodePort")
            taken[number] = port.get("protocol", "TCP")
    for i, port in enumerate(spec.get("ports") or ()):
        if port.get("nodePort"):
            continue
        chosen = ctx.allocate_node_port()
        while chosen is not None and chosen in taken:
            chosen = ctx.allocate_node_port()
        if chosen is None:
            return [internal(f"spec.ports[{i}].nodePort", "failed to allocate a nodePort: range is full")]
        port["nodePort"] = chosen
        taken[chosen] = port.get("protocol", "TCP")
    return errors


def _patch_allocated(spec: Obj, before: Obj) -> None:
    """An update that leaves out what was allocated keeps it (patchAllocatedValues)."""
    def has_ip(kind: Any) -> bool:
        return kind in ("ClusterIP", "NodePort", "LoadBalancer")

    def has_ports(kind: Any) -> bool:
        return kind in ("NodePort", "LoadBalancer")

    if has_ip(spec.get("type")) and has_ip(before.get("type")):
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(key) and before.get(key):
                spec[key] = before[key]
    if has_ports(spec.get("type")) and has_ports(before.get("type")):
        taken = {p.get("nodePort") for p in spec.get("ports") or ()}
        known = {(p.get("port"), p.get("protocol")): p.get("nodePort") for p in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            number = known.get((port.get("port"), port.get("protocol")))
            if not port.get("nodePort") and number and number not in taken:
                port["nodePort"] = number
    if not has_ports(spec.get("type")) and has_ports(before.get("type")):
        known = {(p.get("port"), p.get("protocol")): p.get("nodePort") for p in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            if port.get("nodePort") and port["nodePort"] in known.values():
                del port["nodePort"]
        spec.pop("externalTrafficPolicy", None)
