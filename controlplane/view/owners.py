"""Who owns which field of an object, as server-side apply keeps it in `metadata.managedFields`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controlplane.view.grid import grid

Obj = dict[str, Any]


def owners(obj: Obj, under: str = "") -> str:
    """A table of the fields below `under` ("spec"): which manager owns each, and by which operation."""
    rows: dict[str, dict[str, str]] = {}
    for entry in obj["metadata"].get("managedFields", []):
        for path in leaves(entry["fieldsV1"]):
            if f"{path}.".startswith(f"{under}." if under else ""):
                rows.setdefault(path, {})[entry["manager"]] = entry["operation"]
    return grid(rows, f"Who owns which field of {obj['kind']} {obj['metadata']['name']}")


def leaves(fields: Obj, parent: str = "") -> Iterator[str]:
    """The paths that have nothing below: f:spec f:replicas as spec.replicas, k:{"name":"a"} as [name=a]."""
    for name, below in fields.items():
        path = parent + _step(name, parent)
        if below:
            yield from leaves(below, path)
        elif name != ".":
            yield path


def _step(name: str, parent: str) -> str:
    kind, _, rest = name.partition(":")
    if kind == "f":
        return f".{rest}" if parent else rest
    return f"[{rest.strip('{}').replace(chr(34), '').replace(':', '=')}]"
