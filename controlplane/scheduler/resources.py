"""What Pods ask for and Nodes have, as plain integers (upstream: component-helpers/resource, framework.Resource).

A `Resources` maps a resource's name to an integer: "cpu" in thousandths, everything else in whole units (bytes, pieces).
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

from controlplane.client.base import Obj

Resources = dict[str, int]

DEFAULT_MILLI_CPU = 100  # what a container without a request counts for when nodes are scored
DEFAULT_MEMORY = 200 * 1024 * 1024
PREFERRED_ORDER = ("cpu", "memory", "ephemeral-storage")

_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


@lru_cache(maxsize=4096)
def parse(quantity: str) -> Fraction:
    """A quantity ("250m", "1.5Gi", "2e3", "129M") as an exact number.  Raises ValueError that quotes the text."""
    text = quantity.strip()
    try:
        if text[-2:] in _BINARY:
            return Fraction(text[:-2]) * _BINARY[text[-2:]]
        if text[-1:] in _DECIMAL and text[-1:]:
            return Fraction(text[:-1]) * Fraction(10) ** _DECIMAL[text[-1]]
        return Fraction(text)  # digits, a point and an exponent: "1e3", "12E2"
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{quantity!r} is not a quantity: write it as 500m, 2, 64Mi or 1.5G") from None


@lru_cache(maxsize=4096)
def _amount(name: str, quantity: str) -> int:
    value = parse(quantity) * (1000 if name == "cpu" else 1)
    return -int(-value // 1)  # rounded up, as Quantity.Value and MilliValue do


def amount(name: str, quantity: Any) -> int:
    """The integer that stands for `quantity` of the resource `name`.

    >>> amount("cpu", "1.5"), amount("memory", "1Ki"), amount("cpu", 2)
    (1500, 1024, 2000)
    """
    return _amount(name, str(quantity))


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
