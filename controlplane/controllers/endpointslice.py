"""The EndpointSlice controller: which Pods stand behind a Service (upstream: pkg/controller/endpointslice).

*Note*: topology hints and the annotation with the time of the last change are left out here, and so is the controller
of Endpoints, the deprecated form of the same: `kubectl get endpoints` finds none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of, split_key
from controlplane.controllers.base import Controller
from controlplane.controllers.endpointslice_diff import ADDRESS_TYPES, Slices, desired_slices, endpoint_of, ports_of
from controlplane.controllers.pace import Pace
from controlplane.controllers.pods import is_finished
from controlplane.labels import Selector, from_set

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
ME = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
RESERVED = (SERVICE_NAME, MANAGED_BY, HEADLESS)
LAG = 1.0  # seconds after which to look again whether the cache shows our own writes

Keys = Iterable[str]


def label_pairs(pod: Obj) -> list[str]:
    """Index of Pods by each of their labels."""
    meta = pod["metadata"]
    labels = meta.get("labels")
    return [f"{meta['namespace']}/{k}={v}" for k, v in labels.items()] if labels else []


def first_pair(service: Obj) -> list[str]:
    """Index of Services by one label that their Pods must have."""
    selector = service["spec"].get("selector")
    if not selector:
        return []
    label = min(selector)
    return [f"{service['metadata']['namespace']}/{label}={selector[label]}"]


def of_service(part: Obj) -> list[str]:
    meta = part["metadata"]
    labels = meta.get("labels") or {}
    return [f"{meta['namespace']}/{labels.get(SERVICE_NAME, '')}"] if labels.get(MANAGED_BY) == ME else []


class EndpointSliceController(Controller):
    """Keeps, for each Service with a selector, EndpointSlices of at most 100 endpoints."""

    name = "endpoint-slice-controller"
    watches: ClassVar = {"services": "on_service", "pods": "on_pod", "endpointslices": "on_slice"}

    def prepare(self) -> None:
        self.services = self.informer("services")
        self.pods = self.informer("pods")
        self.slices = self.informer("endpointslices")
        self.nodes = self.informer("nodes")
        self.services.add_index("selector", first_pair)
        self.pods.add_index("labels", label_pairs)
        self.slices.add_index("service", of_service)
        self._pending: dict[str, dict[str, int]] = {}  # service -> slice -> the resourceVersion that we wrote (0: gone)
        self._selectors: dict[str, tuple[Any, Selector]] = {}
        self.pace = Pace(self.loop)

    # Events -----------------------------------------------------------------------------------------------------------

    def on_service(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        key = key_of(new if new is not None else old or {})
        if new is None:
            self._pending.pop(key, None)
            self._selectors.pop(key, None)
        yield key

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        """Leads to the Services whose Pod it is, or was."""
        if old is not None and new is not None and not _changed(old, new):
            return ()
        keys: dict[str, None] = {}
        for pod in (old, new):
            labels = pod["metadata"].get("labels") if pod is not None else None
            for pair in label_pairs(pod) if pod is not None else ():
                for service in self.services.by_index("selector", pair):
                    if self._selector(service).matches(labels):
                        keys[key_of(service)] = None
        for key in keys:
            self.enqueue(key, self.pace.wait(key))
        return ()

    def on_slice(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        part = new if new is not None else old or {}
        for service in of_service(part):
            pending = self._pending.get(service, {})
            name = part["metadata"]["name"]
            wrote = pending.get(name)
            if wrote is None:
                yield service  # somebody else did this
            elif (new is None and not wrote) or (new is not None and 0 < wrote <= _version(new)):
                del pending[name]
                if new is None or _version(new) != wrote:
                    yield service
        if old is not None and new is not None and of_service(old) != of_service(new):
            yield from of_service(old)

    def _selector(self, service: Obj) -> Selector:
        key, selector = key_of(service), service["spec"].get("selector")
        known = self._selectors.get(key)
        if known is None or known[0] != selector:
            known = self._selectors[key] = (selector, from_set(selector))
        return known[1]

    # Reconciling ------------------------------------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        service = self.services.get(key)
        if service is None or not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
            return None
        if "deletionTimestamp" in service["metadata"]:
            return None
        if self._pending.get(key):
            return self._catch_up(key)
        pods, lost = self._pods(service)
        self.pace.done(key, len(pods))
        existing = self.slices.by_index("service", key)
        families = [ADDRESS_TYPES[f] for f in service["spec"].get("ipFamilies") or ["IPv4"]]
        for part in existing:
            if part["addressType"] not in families:
                self._delete(key, part)
        for family in families:
            groups: dict[str, tuple[Objs, dict[str, Obj]]] = {}
            for pod in pods:
                endpoint = endpoint_of(pod, service, self.nodes.get(pod["spec"].get("nodeName", "")), family)
                if endpoint is not None:
                    ports = ports_of(service, pod)
                    groups.setdefault(repr(ports), (ports, {}))[1][pod["metadata"]["uid"]] = endpoint
            mine = [part for part in existing if part["addressType"] == family]
            self._write(key, service, family, desired_slices(mine, groups, self._meta(service)))
        return 1.0 if lost or self._pending.get(key) else None

    def _catch_up(self, key: str) -> float:
        """The cache does not show yet what we wrote.  What it will never show (it was changed again) counts as seen."""
        pending = self._pending[key]
        namespace = split_key(key)[0]
        for name, wrote in list(pending.items()):
            part = self.slices.get(f"{namespace}/{name}")
            seen = 0 < wrote <= _version(part) if part is not None else not (wrote and self._exists(name, namespace))
            if seen:
                del pending[name]
        if not pending:
            self.enqueue(key)
        return LAG

    def _exists(self, name: str, namespace: str | None) -> bool:
        try:
            self.client.get("endpointslices", name, namespace)
        except ApiError as error:
            if error.not_found:
                return False
            raise
        return True

    def _pods(self, service: Obj) -> tuple[Objs, bool]:
        """(the Pods to publish, whether one was left out because its node is not known yet)."""
        selector, lost = self._selector(service), False
        found: Objs = []
        for pod in self.pods.by_index("labels", first_pair(service)[0]):
            if is_finished(pod) or not pod.get("status", {}).get("podIP"):
                continue
            if not selector.matches(pod["metadata"].get("labels")):
                continue
            node = pod["spec"].get("nodeName")
            if node and self.nodes.get(node) is None and not service["spec"].get("publishNotReadyAddresses"):
                lost = True
                continue
            found.append(pod)
        return found, lost

    def _meta(self, service: Obj) -> tuple[dict[str, str], Objs]:
        """Labels and owner of the Service's slices."""
        meta, spec = service["metadata"], service["spec"]
        labels = {k: v for k, v in (meta.get("labels") or {}).items() if k not in RESERVED}
        if spec.get("clusterIP") == "None":
            labels[HEADLESS] = ""
        labels[SERVICE_NAME] = meta["name"]
        labels[MANAGED_BY] = ME
        owner = {
            "apiVersion": "v1",
            "kind": "Service",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        return labels, [owner]

    def _write(self, key: str, service: Obj, family: str, slices: Slices) -> None:
        pending = self._pending.setdefault(key, {})
        labels, owners = self._meta(service)
        meta = service["metadata"]
        try:
            for ports, endpoints in slices.create:
                made = self.client.create(
                    {
                        "apiVersion": "discovery.k8s.io/v1",
                        "kind": "EndpointSlice",
                        "metadata": {
                            "generateName": f"{meta['name']}-",
                            "namespace": meta["namespace"],
                            "labels": labels,
                            "ownerReferences": owners,
                        },
                        "addressType": family,
                        "endpoints": endpoints,
                        "ports": ports,
                    }
                )
                self._wrote(pending, made)
            for part in slices.update:
                self._wrote(pending, self.client.update(part))
        except ApiError as error:
            if not error.conflict and not error.not_found:
                self.event(
                    service,
                    "Warning",
                    "FailedToUpdateEndpointSlices",
                    f"Error updating Endpoint Slices for Service {key}: {error.message}",
                )
            raise
        for part in slices.delete:
            self._delete(key, part)

    def _wrote(self, pending: dict[str, int], part: Obj) -> None:
        name = part["metadata"]["name"]
        seen = self.slices.get(key_of(part))
        if seen is None or _version(seen) < _version(part):
            pending[name] = _version(part)

    def _delete(self, key: str, part: Obj) -> None:
        meta = part["metadata"]
        try:
            self.client.delete("endpointslices", meta["name"], meta["namespace"])
        except ApiError as error:
            if not error.not_found:
                raise
        if self.slices.get(key_of(part)) is not None:
            self._pending.setdefault(key, {})[meta["name"]] = 0


def _version(obj: Obj) -> int:
    return int(obj["metadata"]["resourceVersion"])


_STATUS = ("podIP", "podIPs", "phase", "conditions")


def _changed(old: Obj, new: Obj) -> bool:
    """Could an endpoint look different now (endpointslice's podEndpointsChanged, and labels)?"""
    was, now, a, b = old["metadata"], new["metadata"], old.get("status", {}), new.get("status", {})
    return (
        any(a.get(field) != b.get(field) for field in _STATUS)
        or ("deletionTimestamp" in was) != ("deletionTimestamp" in now)
        or was.get("labels") != now.get("labels")
        or old["spec"].get("nodeName") != new["spec"].get("nodeName")
        or was["uid"] != now["uid"]
    )
