"""The smaller kinds: policy, RBAC, scheduling, coordination, discovery, events (kubernetes: pkg/apis/*/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.network import legacy_ip, non_special, parse, protocol
from controlplane.apiserver.validation.workloads import int_or_percent, nonnegative_field, not_over_hundred

Obj = dict[str, Any]
Errors = list[FieldError]

RBAC = "rbac.authorization.k8s.io"


def disruption_budget(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    least, most, policy = (spec.get(k) for k in ("minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy"))
    errors: Errors = []
    if least is not None and most is not None:
        selector = meta.show_selector(spec.get("selector"))
        shown = Raw(
            f'{{"MinAvailable":{go_json(least)},"Selector":{"null" if selector is None else selector},'
            f'"MaxUnavailable":{go_json(most)},"UnhealthyPodEvictionPolicy":{go_json(policy)}}}'
        )
        errors.append(fields.invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"))
    for key, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            errors += int_or_percent(value, f"spec.{key}") + not_over_hundred(value, f"spec.{key}")
    errors += meta.label_selector(spec.get("selector"), "spec.selector")
    policies = ("AlwaysAllow", "IfHealthyBudget")
    if policy is not None and policy not in policies:
        errors.append(fields.not_supported("spec.unhealthyPodEvictionPolicy", policy, policies))
    return errors


def disruption_budget_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("spec") is old.get("spec") else disruption_budget(new)


def disruption_budget_status_update(new: Obj, old: Obj) -> Errors:
    status = new.get("status") or {}
    errors = meta.conditions(status.get("conditions"), "status.conditions")
    for key in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"):
        errors += nonnegative_field(status, key, "status")
    return errors


# RBAC.


def _rules(rules: list[Obj] | None, namespaced: bool) -> Errors:
    errors: Errors = []
    for i, rule in enumerate(rules or ()):
        at, urls = f"rules[{i}]", rule.get("nonResourceURLs")
        if not rule.get("verbs"):
            errors.append(fields.required(f"{at}.verbs", "verbs must contain at least one value"))
        if urls:
            if namespaced:
                errors.append(
                    fields.invalid(f"{at}.nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs")
                )
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                errors.append(
                    fields.invalid(
                        f"{at}.nonResourceURLs",
                        urls,
                        "rules cannot apply to both regular resources and non-resource URLs",
                    )
                )
            continue
        if not rule.get("apiGroups"):
            errors.append(fields.required(f"{at}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            errors.append(fields.required(f"{at}.resources", "resource rules must supply at least one resource"))
    return errors


def role(obj: Obj) -> Errors:
    return _rules(obj.get("rules"), True)


def cluster_role(obj: Obj) -> Errors:
    errors = _rules(obj.get("rules"), False)
    if (aggregation := obj.get("aggregationRule")) is not None:
        selectors = aggregation.get("clusterRoleSelectors") or []
        if not selectors:
            errors.append(
                fields.required(
                    "aggregationRule.clusterRoleSelectors",
                    "at least one clusterRoleSelector required if aggregationRule is non-nil",
                )
            )
        for i, selector in enumerate(selectors):
            errors += meta.label_selector(selector, f"aggregationRule.clusterRoleSelectors[{i}]")
    return errors


def _binding(obj: Obj, namespaced: bool) -> Errors:
    ref = obj.get("roleRef") or {}
    errors: Errors = []
    if ref.get("apiGroup", "") != RBAC:
        errors.append(fields.not_supported("roleRef.apiGroup", ref.get("apiGroup", ""), (RBAC,)))
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    if ref.get("kind", "") not in kinds:
        errors.append(fields.not_supported("roleRef.kind", ref.get("kind", ""), kinds))
    name = ref.get("name", "")
    errors += (
        [fields.invalid("roleRef.name", name, m) for m in text.path_segment(name)]
        if name
        else [fields.required("roleRef.name")]
    )
    for i, subject in enumerate(obj.get("subjects") or ()):
        errors += _subject(subject, namespaced, f"subjects[{i}]")
    return errors


def _subject(subject: Obj, namespaced: bool, path: str) -> Errors:
    errors: Errors = []
    kind, name, group = (subject.get(k, "") for k in ("kind", "name", "apiGroup"))
    if not name:
        errors.append(fields.required(f"{path}.name"))
    if kind == "ServiceAccount":
        if name:
            errors += [fields.invalid(f"{path}.name", name, m) for m in text.dns1123_subdomain(name)]
        if group:
            errors.append(fields.not_supported(f"{path}.apiGroup", group, ("",)))
        if not subject.get("namespace"):
            errors.append(fields.required(f"{path}.namespace"))
    elif kind in ("User", "Group"):
        if group != RBAC:
            errors.append(fields.not_supported(f"{path}.apiGroup", group, (RBAC,)))
    else:
        errors.append(fields.not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group")))
    return errors


def role_binding(obj: Obj) -> Errors:
    return _binding(obj, True)


def cluster_role_binding(obj: Obj) -> Errors:
    return _binding(obj, False)


def role_ref_update(new: Obj, old: Obj) -> Errors:
    ref = new.get("roleRef") or {}
    if ref == (old.get("roleRef") or {}):
        return []
    shown = Raw(
        "{"
        + ",".join(
            f'"{k}":{go_json(ref.get(j, ""))}'
            for k, j in (("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name"))
        )
        + "}"
    )
    return [fields.invalid("roleRef", shown, "cannot change roleRef")]


# Scheduling and coordination.

_SYSTEM_CLASSES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_HIGHEST = 1_000_000_000


def priority_class(obj: Obj) -> Errors:
    name, value, policy = obj["metadata"].get("name", ""), obj.get("value", 0), obj.get("preemptionPolicy")
    errors: Errors = []
    if name.startswith("system-"):
        if name not in _SYSTEM_CLASSES:
            why = f"{name} is not a known system priority class"
        elif value != _SYSTEM_CLASSES[name]:
            why = f"value of {name} PriorityClass must be {_SYSTEM_CLASSES[name]}"
        elif obj.get("globalDefault"):
            why = f"globalDefault of {name} PriorityClass must be false"
        else:
            why = ""
        if why:
            errors.append(
                fields.forbidden(
                    "metadata.name",
                    f"priority class names with 'system-' prefix are reserved for system use only. error: {why}",
                )
            )
    elif value > _HIGHEST:
        errors.append(fields.forbidden("value", f"maximum allowed value of a user defined priority is {_HIGHEST}"))
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        errors.append(
            fields.not_supported("preemptionPolicy", policy, ("PreemptLowerPriority", "Never"))
            if policy
            else fields.required("preemptionPolicy")
        )
    return errors


def priority_class_update(new: Obj, old: Obj) -> Errors:
    errors: Errors = []
    if new.get("value", 0) != old.get("value", 0):
        errors.append(fields.forbidden("value", "may not be changed in an update."))
    return errors + meta.immutable(new.get("preemptionPolicy"), old.get("preemptionPolicy"), "preemptionPolicy")


def lease(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    errors: Errors = []
    if duration is not None and duration <= 0:
        errors.append(fields.invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        errors.append(fields.invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))
    return errors


def lease_update(new: Obj, old: Obj) -> Errors:
    return lease(new)


# Endpoints.


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


# Events.


def event(obj: Obj) -> Errors:
    """ValidateEventCreate, the part for core/v1."""
    namespace = obj["metadata"].get("namespace", "")
    involved = (obj.get("involvedObject") or obj.get("regarding") or {}).get("namespace", "")
    at = "involvedObject.namespace"
    errors: Errors = []
    if not obj.get("eventTime"):
        if (involved and namespace != involved) or (not involved and namespace not in ("", "default")):
            errors.append(fields.invalid(at, involved, "does not match event.namespace"))
        return errors + [fields.invalid("namespace", namespace, m) for m in text.dns1123_subdomain(namespace)]
    if not involved and namespace not in ("default", "kube-system"):
        errors.append(fields.invalid(at, involved, "does not match event.namespace"))
    controller = obj.get("reportingComponent") or obj.get("reportingController") or ""
    key = "reportingController" if "reportingController" in obj else "reportingComponent"
    if not controller:
        errors.append(fields.required(key))
    errors += meta.label_name(controller, key)
    for name in ("reportingInstance", "action", "reason"):
        value = obj.get(name, "")
        if not value:
            errors.append(fields.required(name))
        if len(value) > 128:
            errors.append(fields.invalid(name, "", "can have at most 128 characters"))
    if len(obj.get("message", "")) > 1024:
        errors.append(fields.invalid("message", "", "can have at most 1024 characters"))
    return errors
