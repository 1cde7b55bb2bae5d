"""Defaults of the smaller groups (kubernetes: pkg/apis/{networking,discovery,storage,rbac,...}/*/defaults.go)."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def _text(obj: Obj, key: str, value: str) -> None:
    if not obj.get(key):
        obj[key] = value


def network_policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    for key in ("ingress", "egress"):
        for rule in spec.get(key) or ():
            for port in rule.get("ports") or ():
                _text(port, "protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def ingress_class(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if "parameters" in spec:
        _text(spec["parameters"], "scope", "Cluster")


def endpoint_slice(obj: Obj) -> None:
    for port in obj.get("ports") or ():
        if port.get("name") is None:
            port["name"] = ""
        _text(port, "protocol", "TCP")


def storage_class(obj: Obj) -> None:
    _text(obj, "reclaimPolicy", "Delete")
    _text(obj, "volumeBindingMode", "Immediate")


def csi_driver(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    for key, value in (
        ("attachRequired", True),
        ("podInfoOnMount", False),
        ("storageCapacity", False),
        ("requiresRepublish", False),
        ("seLinuxMount", False),
    ):
        if spec.get(key) is None:
            spec[key] = value
    _text(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType")
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def priority_class(obj: Obj) -> None:
    _text(obj, "preemptionPolicy", "PreemptLowerPriority")


def role_binding(obj: Obj) -> None:
    ref = obj.setdefault("roleRef", {})
    _text(ref, "apiGroup", "rbac.authorization.k8s.io")
    for subject in obj.get("subjects") or ():
        if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = "rbac.authorization.k8s.io"


def certificate_request(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if not spec.get("usages"):
        spec["usages"] = ["digital signature", "key encipherment"]


def custom_resource_definition(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _text(spec, "scope", "Namespaced")
    names = spec.setdefault("names", {})
    if not names.get("singular"):
        names["singular"] = names.get("kind", "").lower()
    if not names.get("listKind") and names.get("kind"):
        names["listKind"] = names["kind"] + "List"
    conversion = spec.setdefault("conversion", {})
    _text(conversion, "strategy", "None")
    client = (conversion.get("webhook") or {}).get("clientConfig") or {}
    if "service" in client and client["service"].get("port") is None:
        client["service"]["port"] = 443


def _webhooks(obj: Obj) -> None:
    for hook in obj.get("webhooks") or ():
        _text(hook, "failurePolicy", "Fail")
        _text(hook, "matchPolicy", "Equivalent")
        for key in ("namespaceSelector", "objectSelector"):
            hook.setdefault(key, {})
        if hook.get("timeoutSeconds") is None:
            hook["timeoutSeconds"] = 10
        for rule in hook.get("rules") or ():
            _text(rule, "scope", "*")
        if "service" in (client := hook.setdefault("clientConfig", {})) and client["service"].get("port") is None:
            client["service"]["port"] = 443


def validating_webhooks(obj: Obj) -> None:
    _webhooks(obj)


def mutating_webhooks(obj: Obj) -> None:
    _webhooks(obj)
    for hook in obj.get("webhooks") or ():
        _text(hook, "reinvocationPolicy", "Never")
