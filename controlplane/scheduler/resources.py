"""What Pods ask for and Nodes have, as plain integers (upstream: component-helpers/resource, framework.Resource).

A `Resources` maps a resource's name to an integer: "cpu" in thousandths, everything else in whole units (bytes,
pieces).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from controlplane.client.base import Obj
from controlplane.quantity import Quantity

Resources = dict[str, int]

DEFAULT_MILLI_CPU = 100  # what a container without a request counts for when nodes are scored
DEFAULT_MEMORY = 200 * 1024 * 1024
PREFERRED_ORDER = ("cpu", "memory", "ephemeral-storage")


@lru_cache(maxsize=4096)
def _amount(name: str, quantity: str) -> int:
    parsed = Quantity.parse(quantity)
    return parsed.milli_value() if name == "cpu" else parsed.value()


def amount(name: str, quantity: Any) -> int:
    """The integer that stands for `quantity` of the resource `name`.

    >>> amount("cpu", "1.5"), amount("memory", "1Ki"), amount("cpu", 2)
    (1500, 1024, 2000)
    """
    return _amount(name, str(quantity))


def text(name: str, value: int) -> str:
    """An amount for people to read.

    >>> text("cpu", 1500), text("cpu", 2000), text("memory", 3 << 30), text("example.com/gpu", 2)
    ('1500m', '2', '3Gi', '2')
    """
    if name == "cpu":
        return f"{value // 1000}" if value % 1000 == 0 else f"{value}m"
    if name in ("memory", "ephemeral-storage"):
        for suffix, size in (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
            if value and value % size == 0:
                return f"{value // size}{suffix}"
    return str(value)


def from_list(quantities: Obj | None) -> Resources:
    """The integers of a ResourceList."""
    return {name: amount(name, quantity) for name, quantity in (quantities or {}).items()}


def add(into: Resources, more: Resources, times: int = 1) -> None:
    """Add `more` to `into`, in place."""
    for name, value in more.items():
        into[name] = into.get(name, 0) + times * value


def _raise_to(into: Resources, floor: Resources) -> None:
    for name, value in floor.items():
        if value > into.get(name, 0):
            into[name] = value


def is_scalar(name: str) -> bool:
    """An extended resource, huge pages or attachable volumes: counted only where it is asked for."""
    return name not in PREFERRED_ORDER and name != "pods"


def _container_requests(container: Obj, statuses: dict[str, Obj], assume: bool) -> Resources:
    requests = from_list((container.get("resources") or {}).get("requests"))
    status = statuses.get(container.get("name", ""))
    if status is not None:  # resized in place: what is allocated counts until the kubelet has acted
        actual = from_list((status.get("resources") or {}).get("requests"))
        allocated = from_list(status.get("allocatedResources"))
        if actual:
            _raise_to(requests, actual)
        _raise_to(requests, allocated)
    if assume:
        requests.setdefault("cpu", DEFAULT_MILLI_CPU)
        requests.setdefault("memory", DEFAULT_MEMORY)
    return requests


def pod_requests(pod: Obj, assume: bool = False) -> Resources:
    """What the whole Pod asks for; with `assume`, containers without requests count for a little.

    The larger of all containers together and each init container as it runs, with the sidecars (init containers that
    restart always) started before it; a request of the Pod itself counts instead; overhead comes on top.
    """
    spec = pod["spec"]
    reported = (pod.get("status") or {}).get("containerStatuses") or ()
    statuses = {status.get("name", ""): status for status in reported}
    total: Resources = {}
    for container in spec.get("containers") or ():
        add(total, _container_requests(container, statuses, assume))
    sidecars: Resources = {}
    starting: Resources = {}
    for container in spec.get("initContainers") or ():
        requests = _container_requests(container, {}, assume)
        if container.get("restartPolicy") == "Always":
            add(total, requests)
            add(sidecars, requests)
            requests = sidecars
        else:
            add(requests, sidecars)
        _raise_to(starting, requests)
    _raise_to(total, starting)
    total.update(from_list((spec.get("resources") or {}).get("requests")))
    add(total, from_list(spec.get("overhead")))
    return total
