"""From Pods to endpoints, and from endpoints to slices (upstream: staging/src/k8s.io/endpointslice).

A slice that needs no change is left alone; one that loses an endpoint takes in new ones; only what is left over makes
new slices.  So a change of one Pod is a write of one slice, not of all.
"""

from __future__ import annotations

from typing import NamedTuple

from controlplane.client.base import Obj, Objs
from controlplane.controllers.pods import is_ready

MAX_ENDPOINTS = 100  # in one slice; --max-endpoints-per-slice
ADDRESS_TYPES = {"IPv4": "IPv4", "IPv6": "IPv6"}
ZONE = "topology.kubernetes.io/zone"


class Slices(NamedTuple):
    """What to write: (ports, endpoints) of new slices; whole slices to update and to delete."""

    create: list[tuple[Objs, Objs]]
    update: Objs
    delete: Objs


def endpoint_of(pod: Obj, service: Obj, node: Obj | None, family: str) -> Obj | None:
    """The endpoint of a Pod, or None if it has no address of this family.

    `serving` says that the Pod is ready, `terminating` that it is asked to go, and `ready` that it is the one and not
    the other, so that who looks at `ready` alone sends a terminating Pod nothing.
    """
    status, meta, spec = pod["status"], pod["metadata"], service["spec"]
    ips = status.get("podIPs") or [{"ip": status["podIP"]}]
    addresses = [entry["ip"] for entry in ips if (":" in entry["ip"]) == (family == "IPv6")]
    if not addresses:
        return None
    serving, terminating = is_ready(pod), "deletionTimestamp" in meta
    ready = bool(spec.get("publishNotReadyAddresses")) or (serving and not terminating)
    endpoint: Obj = {
        "addresses": addresses,
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]},
    }
    if pod["spec"].get("nodeName"):
        endpoint["nodeName"] = pod["spec"]["nodeName"]
    zone = (node["metadata"].get("labels") or {}).get(ZONE) if node is not None else None
    if zone:
        endpoint["zone"] = zone
    if pod["spec"].get("hostname") and pod["spec"].get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = pod["spec"]["hostname"]
    return endpoint


def ports_of(service: Obj, pod: Obj) -> Objs:
    """The Service's ports as they are in this Pod: a target port that is a name is looked up in its containers."""
    ports: Objs = []
    for wanted in service["spec"].get("ports") or ():
        target = wanted.get("targetPort", wanted["port"])
        number = target if isinstance(target, int) else _named(pod, target, wanted.get("protocol", "TCP"))
        if number is not None:
            port: Obj = {"name": wanted.get("name", ""), "port": number, "protocol": wanted.get("protocol", "TCP")}
            if wanted.get("appProtocol"):
                port["appProtocol"] = wanted["appProtocol"]
            ports.append(port)
    return ports


def _named(pod: Obj, name: str, protocol: str) -> int | None:
    sidecars = [c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in [*pod["spec"]["containers"], *sidecars]:
        for port in container.get("ports") or ():
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None


def desired_slices(
    existing: Objs, groups: dict[str, tuple[Objs, dict[str, Obj]]], meta: tuple[dict[str, str], Objs]
) -> Slices:
    """What to write so that `existing` slices hold `groups`: by their ports, endpoints by the Pod's uid."""
    out = Slices([], [], [])
    by_ports: dict[str, Objs] = {}
    for part in existing:
        by_ports.setdefault(repr(_canonical(part.get("ports"))), []).append(part)
    wanted = {repr(_canonical(ports)): (ports, endpoints) for ports, endpoints in groups.values()}
    if not wanted:  # one empty slice says: looked, and found nothing
        spare = next((part for part in existing if not part.get("endpoints") and not part.get("ports")), None)
        if spare is None:
            out.create.append(([], []))
        elif _labels_differ(spare, meta):
            out.update.append(_with(spare, [], meta))
        out.delete.extend(part for part in existing if part is not spare)
        return _reused(out, meta)
    for key, parts in by_ports.items():
        if key not in wanted:
            out.delete.extend(parts)
    for key, (ports, endpoints) in wanted.items():
        _fill(out, by_ports.get(key, []), ports, dict(endpoints), meta)
    return _reused(out, meta)


def _reused(out: Slices, meta: tuple[dict[str, str], Objs]) -> Slices:
    """A slice of this Service that would be deleted takes in what would make a new one (upstream: finalize)."""
    for part in list(out.delete):
        if out.create and part["metadata"].get("ownerReferences") == meta[1]:
            ports, endpoints = out.create.pop()
            out.delete.remove(part)
            out.update.append({**_with(part, endpoints, meta), "ports": ports})
    return out


def _fill(out: Slices, parts: Objs, ports: Objs, todo: dict[str, Obj], meta: tuple[dict[str, str], Objs]) -> None:
    changed: list[tuple[Obj, Objs]] = []
    unchanged: list[tuple[Obj, Objs]] = []
    for part in parts:
        keep: Objs = []
        differs = _labels_differ(part, meta)
        for old in part.get("endpoints") or ():
            new = todo.pop((old.get("targetRef") or {}).get("uid", ""), None)
            if new is None:
                differs = True
            else:
                differs = differs or new != old
                keep.append(new)
        if keep or not (part.get("endpoints") or ()):
            (changed if differs or not keep else unchanged).append((part, keep))
        else:
            out.delete.append(part)
    rest = list(todo.values())
    for _, keep in sorted(changed, key=lambda c: -len(c[1])):
        room = MAX_ENDPOINTS - len(keep)
        keep += rest[:room]
        rest = rest[room:]
    if rest and not len(rest) > MAX_ENDPOINTS:  # fits into one that is there, whole?
        fits = [entry for entry in unchanged if len(entry[1]) + len(rest) <= MAX_ENDPOINTS]
        if fits:
            fullest = max(fits, key=lambda entry: len(entry[1]))
            unchanged.remove(fullest)
            changed.append((fullest[0], fullest[1] + rest))
            rest = []
    for part, keep in changed:
        if keep:
            out.update.append(_with(part, keep, meta))
        else:
            out.delete.append(part)
    while rest:
        out.create.append((ports, rest[:MAX_ENDPOINTS]))
        rest = rest[MAX_ENDPOINTS:]


def _canonical(ports: Objs | None) -> list[tuple[str, int, str, str]]:
    return sorted(
        (p.get("name") or "", p.get("port", 0), p.get("protocol", "TCP"), p.get("appProtocol") or "")
        for p in ports or ()
    )


def _labels_differ(part: Obj, meta: tuple[dict[str, str], Objs]) -> bool:
    labels, owners = part["metadata"].get("labels"), part["metadata"].get("ownerReferences")
    return bool(labels != meta[0] or owners != meta[1])


def _with(part: Obj, endpoints: Objs, meta: tuple[dict[str, str], Objs]) -> Obj:
    fresh = {**part["metadata"], "labels": meta[0], "ownerReferences": meta[1]}
    return {**part, "metadata": fresh, "endpoints": endpoints}
