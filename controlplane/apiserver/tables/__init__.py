"""Tables: what `kubectl get` prints (kubernetes: pkg/printers; apiserver: endpoints/handlers/response.go, asTable).

The server computes the columns, so that every client shows the same ones.  A kind that has a printer here gets
upstream's columns, the wide ones with priority 1; a custom resource those of its definition; any other kind its name
and the time it was created.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from controlplane.apiserver.tables import access, cluster, jobs, network, pods, storage, workloads
from controlplane.apiserver.tables.cells import Cells, Obj, age
from controlplane.apiserver.tables.jsonpath import JsonPath

Printer = Callable[[Obj, float], Cells]
PRINTERS: Mapping[str, Printer] = {
    **pods.PRINTERS,
    **workloads.PRINTERS,
    **jobs.PRINTERS,
    **network.PRINTERS,
    **storage.PRINTERS,
    **cluster.PRINTERS,
    **access.PRINTERS,
}
_ALIASES = {"events.k8s.io/Event": "/Event"}


class Kind(Protocol):
    """What a table needs of a ResourceInfo."""

    @property
    def group(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def custom(self) -> bool: ...


def render(
    info: Kind,
    objects: Iterable[Obj],
    now: float,
    include_object: str = "Metadata",
    headers: bool = True,
    columns: Sequence[Mapping[str, Any]] | None = None,
) -> Obj:
    """The Table of some objects of one kind.

    `columns` are the additionalPrinterColumns of a custom resource.  The caller sets the list's metadata.
    """
    definitions, printer = custom_printer(columns or ()) if info.custom else _printer(f"{info.group}/{info.kind}")
    rows = []
    for obj in objects:
        row: Obj = {"cells": printer(obj, now)}
        if conditions := pods.row_conditions(obj) if info.kind == "Pod" and not info.custom else None:
            row["conditions"] = conditions
        row["object"] = _shown(obj, include_object)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": definitions if headers else None,
        "rows": rows,
    }


def _shown(obj: Obj, include_object: str) -> Obj | None:
    if include_object == "None":
        return None
    if include_object == "Object":
        return obj
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


@cache
def _data() -> Obj:
    data: Obj = json.loads(files("controlplane.apiserver").joinpath("data/columns.json").read_text("utf-8"))
    return data


def _definition(name: str, type_: str, format_: str, priority: int, description: str) -> Obj:
    text = _data()["texts"].get(description, description)
    return {"name": name, "type": type_, "format": format_, "description": text, "priority": priority}


_NAME = ("Name", "string", "name", 0, "$N")


@cache
def _printer(key: str) -> tuple[list[Obj], Printer]:
    key = _ALIASES.get(key, key)
    if key in PRINTERS:
        return [_definition(*column) for column in _data()["kinds"][key]], PRINTERS[key]
    return [_definition(*_NAME), _definition("Created At", "date", "", 0, "$A")], _name_and_time


def _name_and_time(obj: Obj, now: float) -> Cells:
    meta = obj["metadata"]
    return [meta.get("name", ""), meta.get("creationTimestamp") or "0001-01-01T00:00:00Z"]


# Custom resources --------------------------------------------------------------------------------------------------

_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": "$A"}


def custom_printer(columns: Sequence[Mapping[str, Any]]) -> tuple[list[Obj], Printer]:
    """The columns that a CustomResourceDefinition declares; the age if it declares none."""
    definitions = [_definition(*_NAME)]
    paths: list[tuple[JsonPath, str]] = []
    for column in columns or [_AGE]:
        path = column["jsonPath"]
        description = column.get("description") or f"Custom resource definition column (in JSONPath format): {path}"
        definitions.append(
            _definition(
                column["name"], column["type"], column.get("format", ""), column.get("priority", 0), description
            )
        )
        paths.append((JsonPath(path), column["type"]))

    def print_row(obj: Obj, now: float) -> Cells:
        return [obj["metadata"].get("name", ""), *(_custom_cell(path.first(obj), type_, now) for path, type_ in paths)]

    return definitions, print_row


def _custom_cell(value: Any, type_: str, now: float) -> Any:
    """A value as its column's type has it; None if it is of another type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None:
        return None
    if type_ == "string":
        if isinstance(value, dict | list):
            return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        return str(value).lower() if isinstance(value, bool) else str(value)
    if type_ == "integer" and number:
        return int(value)
    if type_ == "number" and number:
        return value
    if type_ == "boolean" and isinstance(value, bool):
        return value
    if type_ == "date" and isinstance(value, str):
        try:
            return age(value, now)
        except ValueError:
            return "<invalid>"
    return None
