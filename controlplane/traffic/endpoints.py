"""Finding the Pods behind a Service's port, as Ingress controllers do that balance over endpoints themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from controlplane.client.base import Obj
from controlplane.client.informer import InformerFactory

SERVICE_NAME = "kubernetes.io/service-name"


class Address(NamedTuple):
    """Where one Pod listens."""

    ip: str
    port: int


class ServiceEndpoints:
    """Services and their endpoints, from shared informers; tells `on_change` the key of each Service that changed."""

    def __init__(self, informers: InformerFactory, on_change: Callable[[str], None]) -> None:
        self.services = informers.informer("services")
        self.slices = informers.informer("endpointslices.discovery.k8s.io")
        self.slices.add_index("service", service_of)
        self._on_change = on_change
        self.services.add_handler(self._changed)
        self.slices.add_handler(self._changed)

    def _changed(self, type: str, old: Obj | None, new: Obj | None) -> None:
        obj = new if new is not None else old
        if obj is not None:
            for key in service_of(obj) or [f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"]:
                self._on_change(key)

    def addresses(self, key: str, port: int | str) -> list[Address] | None:
        """The ready endpoints of a Service's port, given by number or name; None if there is no such port.

        Where none is ready, those that terminate but still serve.
        """
        service = self.services.get(key)
        if service is None:
            return None
        ports = service["spec"].get("ports") or ()
        row = next((p for p in ports if port in (p["port"], p.get("name"))), None)
        if row is None:
            return None
        ready: dict[Address, None] = {}
        leaving: dict[Address, None] = {}
        for slice_ in self.slices.by_index("service", key):
            number = next(
                (p.get("port") for p in slice_.get("ports") or () if (p.get("name") or "") == (row.get("name") or "")),
                None,
            )
            if number is None:
                continue
            for endpoint in slice_.get("endpoints") or ():
                conditions = endpoint.get("conditions") or {}
                is_ready = conditions.get("ready") is not False
                if is_ready or (conditions.get("terminating") and conditions.get("serving")):
                    found = ready if is_ready else leaving
                    found.update((Address(ip, number), None) for ip in endpoint.get("addresses") or ())
        return list(ready or leaving)


def service_of(slice_: Obj) -> list[str]:
    """The key of the Service that an EndpointSlice belongs to, if it says so."""
    meta = slice_["metadata"]
    name = (meta.get("labels") or {}).get(SERVICE_NAME)
    return [f"{meta['namespace']}/{name}"] if name else []
