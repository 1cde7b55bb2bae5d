"""What a Pod asks for and is promised: requests, limits and the quality-of-service class that follows from them.

Upstream: component-helpers/resource and pkg/apis/core/v1/helper/qos.
"""

from __future__ import annotations

from functools import lru_cache

from controlplane.node.runtime import Obj
from controlplane.quantity import NANO, Quantity

COMPUTE = ("cpu", "memory")


@lru_cache(maxsize=1024)
def _amount(text: str) -> float:
    return Quantity.parse(text).nanos / NANO


def amount(quantity: object) -> float:
    """A quantity as a number: cores, bytes, pieces.

    >>> amount("250m"), amount("64Mi"), amount(2)
    (0.25, 67108864.0, 2.0)
    """
    return _amount(str(quantity))


def requests(pod: Obj) -> dict[str, float]:
    """What the scheduler reserves for a Pod: its containers and sidecars, or its largest init container."""
    spec = pod["spec"]
    total: dict[str, float] = {}
    for container in spec["containers"]:
        _add(total, container_requests(container))
    sidecars: dict[str, float] = {}
    largest: dict[str, float] = {}
    for container in spec.get("initContainers") or ():
        wants = container_requests(container)
        if container.get("restartPolicy") == "Always":
            _add(total, wants)
            _add(sidecars, wants)
            wants = dict(sidecars)
        else:
            _add(wants, sidecars)
        for name, value in wants.items():
            largest[name] = max(value, largest.get(name, 0.0))
    for name, value in largest.items():
        total[name] = max(value, total.get(name, 0.0))
    _add(total, {name: amount(value) for name, value in (spec.get("overhead") or {}).items()})
    return total


def container_requests(container: Obj) -> dict[str, float]:
    """One container's requests; a limit without a request counts as one."""
    resources = container.get("resources")
    if not resources:
        return {}
    wants = {name: amount(value) for name, value in (resources.get("limits") or {}).items()}
    wants.update((name, amount(value)) for name, value in (resources.get("requests") or {}).items())
    return wants


def _add(total: dict[str, float], more: dict[str, float]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0.0) + value


def qos_class(pod: Obj) -> str:
    """Guaranteed, Burstable or BestEffort: the later are evicted first."""
    spec = pod["spec"]
    anything, guaranteed = False, True
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        wants, limits = resources.get("requests") or {}, resources.get("limits") or {}
        for name in COMPUTE:
            request, limit = wants.get(name, limits.get(name)), limits.get(name)
            asked = request is not None and amount(request) > 0
            capped = limit is not None and amount(limit) > 0
            anything = anything or asked or capped
            guaranteed = guaranteed and asked and capped and amount(request) == amount(limit)
    return "BestEffort" if not anything else "Guaranteed" if guaranteed else "Burstable"
