"""Defaults of the other core kinds (kubernetes: pkg/apis/core/v1/defaults.go, conversion.go)."""

from __future__ import annotations

import base64
from typing import Any

from controlplane.apiserver.defaults.pod import claim_spec, volume_source
from controlplane.apiserver.defaults.quantities import round_up

Obj = dict[str, Any]


def _default(obj: Obj, key: str, value: Any) -> None:
    if obj.get(key) is None:
        obj[key] = value


def _text(obj: Obj, key: str, value: str) -> None:
    if not obj.get(key):
        obj[key] = value


def service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _text(spec, "sessionAffinity", "None")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP" and (
        ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds") is None
    ):
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    _text(spec, "type", "ClusterIP")
    kind = spec["type"]
    for port in spec.get("ports") or ():
        _text(port, "protocol", "TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
    external = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if external:
        _text(spec, "externalTrafficPolicy", "Cluster")
    if kind != "ExternalName":
        _text(spec, "internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        _default(spec, "allocateLoadBalancerNodePorts", True)
        balancer = (obj.get("status") or {}).get("loadBalancer") or {}
        for ingress in balancer.get("ingress") or ():
            if ingress.get("ip"):
                _text(ingress, "ipMode", "VIP")


def endpoints(obj: Obj) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            _text(port, "protocol", "TCP")


def secret(obj: Obj) -> None:
    _text(obj, "type", "Opaque")
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.setdefault("data", {})
        for key, value in plain.items():
            data[key] = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


def namespace(obj: Obj) -> None:
    meta = obj.setdefault("metadata", {})
    if name := meta.get("name"):
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    _text(obj.setdefault("status", {}), "phase", "Active")


def node(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    cidr, cidrs = spec.get("podCIDR"), spec.get("podCIDRs")
    if cidr and (not cidrs or cidrs[0] != cidr):
        spec["podCIDRs"] = [cidr]
    elif cidrs and not cidr:
        spec["podCIDR"] = cidrs[0]
    status = obj.setdefault("status", {})
    if "capacity" in status:
        round_up(status["capacity"])
        if "allocatable" not in status:
            status["allocatable"] = dict(status["capacity"])
    if "allocatable" in status:
        round_up(status["allocatable"])


def persistent_volume(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _text(spec, "persistentVolumeReclaimPolicy", "Retain")
    _text(spec, "volumeMode", "Filesystem")
    volume_source(spec)
    if "capacity" in spec:
        round_up(spec["capacity"])
    _text(obj.setdefault("status", {}), "phase", "Pending")


def persistent_volume_claim(obj: Obj) -> None:
    claim_spec(obj.setdefault("spec", {}))
    _text(obj.setdefault("status", {}), "phase", "Pending")


def limit_range(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    for item in spec.get("limits") or ():
        for key in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
            if key in item:
                round_up(item[key])
        if item.get("type") == "Container":
            default = item.setdefault("default", {})
            request = item.setdefault("defaultRequest", {})
            for name, value in (item.get("max") or {}).items():
                default.setdefault(name, value)
            for name, value in default.items():
                request.setdefault(name, value)
            for name, value in (item.get("min") or {}).items():
                request.setdefault(name, value)
            for key in ("default", "defaultRequest"):
                if not item[key]:
                    del item[key]


def resource_quota(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if "hard" in spec:
        round_up(spec["hard"])
