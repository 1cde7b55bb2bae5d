"""Nodes, namespaces, configuration, events, leases and the like."""

from __future__ import annotations

from controlplane.apiserver.tables.cells import NONE, UNKNOWN, Cells, Obj, age, at, created, name

_ROLE = "node-role.kubernetes.io/"


def print_node(node: Obj, now: float) -> Cells:
    info, addresses = at(node, "status.nodeInfo", {}), at(node, "status.addresses", [])
    ready = next((c for c in at(node, "status.conditions", []) if c.get("type") == "Ready"), None)
    status = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if at(node, "spec.unschedulable", False):
        status += ",SchedulingDisabled"
    return [
        name(node),
        status,
        ",".join(sorted(_roles(node))) or NONE,
        created(node, now),
        info.get("kubeletVersion", ""),
        _address(addresses, "InternalIP"),
        _address(addresses, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _roles(node: Obj) -> set[str]:
    labels = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)}
    return (roles | {labels.get("kubernetes.io/role", "")}) - {""}


def _address(addresses: list[Obj], type_: str) -> str:
    return next((str(a.get("address", "")) for a in addresses if a.get("type") == type_), NONE)


def print_namespace(obj: Obj, now: float) -> Cells:
    return [name(obj), at(obj, "status.phase", ""), created(obj, now)]


def print_secret(obj: Obj, now: float) -> Cells:
    return [name(obj), obj.get("type", ""), len(obj.get("data") or ()), created(obj, now)]


def print_config_map(obj: Obj, now: float) -> Cells:
    return [name(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), created(obj, now)]


def print_service_account(obj: Obj, now: float) -> Cells:
    return [name(obj), len(obj.get("secrets") or ()), created(obj, now)]


def print_event(event: Obj, now: float) -> Cells:
    """In the form of either API: what is `note` in events.k8s.io is `message` in core."""

    def old(field: str) -> object:
        return event.get(field) or event.get(f"deprecated{field[0].upper()}{field[1:]}")

    first = age(str(old("firstTimestamp") or event.get("eventTime") or ""), now)
    last = age(str(old("lastTimestamp")), now) if old("lastTimestamp") else first
    count = old("count") or 1
    if series := event.get("series"):
        last, count = age(series.get("lastObservedTime"), now), series.get("count", 0)
    about = event.get("involvedObject") or event.get("regarding") or {}
    kind = str(about.get("kind", "")).lower()
    source = event.get("source") or event.get("deprecatedSource") or {}
    component = source.get("component") or event.get("reportingComponent") or event.get("reportingController") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return [
        last,
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath", ""),
        f"{component}, {instance}" if instance else component,
        str(event.get("message") or event.get("note") or "").strip(),
        first,
        count,
        name(event),
    ]


def print_lease(obj: Obj, now: float) -> Cells:
    return [name(obj), at(obj, "spec.holderIdentity", ""), created(obj, now)]


def print_quota(obj: Obj, now: float) -> Cells:
    hard, used = at(obj, "status.hard", {}), at(obj, "status.used", {})
    requests: list[str] = []
    limits: list[str] = []
    for resource in sorted(hard):
        column = limits if resource.startswith("limits.") else requests
        column.append(f"{resource}: {used.get(resource, 0)}/{hard[resource]}")
    return [name(obj), ", ".join(requests), ", ".join(limits), created(obj, now)]


def print_priority_class(obj: Obj, now: float) -> Cells:
    return [
        name(obj),
        obj.get("value", 0),
        obj.get("globalDefault", False),
        created(obj, now),
        obj.get("preemptionPolicy", ""),
    ]


def print_runtime_class(obj: Obj, now: float) -> Cells:
    return [name(obj), obj.get("handler", ""), created(obj, now)]


def print_component_status(obj: Obj, now: float) -> Cells:
    healthy = next((c for c in obj.get("conditions") or () if c.get("type") == "Healthy"), None)
    if healthy is None:
        return [name(obj), "Unknown", "", ""]
    status = "Healthy" if healthy.get("status") == "True" else "Unhealthy"
    return [name(obj), status, healthy.get("message", ""), healthy.get("error", "")]


def print_api_service(obj: Obj, now: float) -> Cells:
    available: Obj = next((c for c in at(obj, "status.conditions", []) if c.get("type") == "Available"), {})
    status, reason = available.get("status", "Unknown"), available.get("reason")
    return [
        name(obj),
        f"{at(obj, 'spec.service.namespace', '')}/{at(obj, 'spec.service.name', '')}"
        if at(obj, "spec.service")
        else "Local",
        f"{status} ({reason})" if status != "True" and reason else status,
        created(obj, now),
    ]


PRINTERS = {
    "/Node": print_node,
    "/Namespace": print_namespace,
    "/Secret": print_secret,
    "/ConfigMap": print_config_map,
    "/ServiceAccount": print_service_account,
    "/Event": print_event,
    "/ResourceQuota": print_quota,
    "/ComponentStatus": print_component_status,
    "apiregistration.k8s.io/APIService": print_api_service,
    "coordination.k8s.io/Lease": print_lease,
    "scheduling.k8s.io/PriorityClass": print_priority_class,
    "node.k8s.io/RuntimeClass": print_runtime_class,
}
