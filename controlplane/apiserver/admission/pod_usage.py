"""What a Pod asks for in all (component-helpers: resource/helpers.go).

Its containers run at the same time, and with them the init containers that stay; each other init container runs alone.
"""

from __future__ import annotations

from typing import Any

from controlplane.quantity import Quantity

Obj = dict[str, Any]


def pod_total(pod: Obj, part: str) -> dict[str, str]:
    """The Pod's "requests" or "limits", as quantities."""
    spec = pod["spec"]
    total: dict[str, Quantity] = {}
    for container in spec["containers"]:
        _add(total, container, part)
    staying: dict[str, Quantity] = {}
    peak: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            _add(total, container, part)
            _add(staying, container, part)
            alone = staying
        else:
            alone = dict(staying)
            _add(alone, container, part)
        for name, amount in alone.items():
            if name not in peak or peak[name] < amount:
                peak[name] = amount
    for name, amount in peak.items():
        if name not in total or total[name] < amount:
            total[name] = amount
    for name, text in (spec.get("overhead") or {}).items():
        if part == "requests" or name in total:
            total[name] = total[name] + Quantity.parse(text) if name in total else Quantity.parse(text)
    return {name: str(amount) for name, amount in total.items()}


def _add(total: dict[str, Quantity], container: Obj, part: str) -> None:
    for name, text in ((container.get("resources") or {}).get(part) or {}).items():
        amount = Quantity.parse(str(text))
        total[name] = total[name] + amount if name in total else amount
