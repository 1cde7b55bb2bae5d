"""Pruning and defaulting by a structural schema (apiextensions-apiserver: schema/pruning, schema/defaulting)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.codec import DecodeError, copy_json
from controlplane.apiserver.fields import invalid
from controlplane.apiserver.schema import named

Obj = dict[str, Any]

HEAD = ("apiVersion", "kind", "metadata")
_NOTHING: Obj = {}


class Cleaner:
    """Makes of a value what is stored: unknown fields dropped, defaults filled in, meaningless nulls gone."""

    def __init__(self, schema: Obj) -> None:
        self.schema = schema

    def clean(self, obj: Obj, old: Any, unknown: list[str]) -> Obj:
        """A new object; the paths of what was dropped are added to `unknown`.  `old` as for `schema.Type.decode`."""
        value: Obj = _clean(self.schema, obj, old, "", unknown)
        return value


def _clean(schema: Obj | None, value: Any, old: Any, path: str, unknown: list[str], keep: bool = False) -> Any:
    """`keep`: unknown fields stay here, because a list above says so."""
    if isinstance(value, dict):
        if value is old:
            return value
        return _object(schema, value, old if isinstance(old, dict) else _NOTHING, path, unknown, keep)
    if isinstance(value, list):
        if value is old:
            return value
        items = (schema or _NOTHING).get("items")
        keep = keep or bool((schema or _NOTHING).get("x-kubernetes-preserve-unknown-fields"))
        return [
            _clean(items, _default(items) if item is None else item, None, f"{path}[{i}]", unknown, keep)
            for i, item in enumerate(value)
        ]
    return value


def _object(schema: Obj | None, value: Obj, old: Obj, path: str, unknown: list[str], keep: bool) -> Obj:
    if schema is None:
        if keep:
            copied: Obj = copy_json(value)
            return copied
        unknown += [f"{path}.{name}" if path else name for name in value]
        return {}
    properties: Obj = schema.get("properties") or _NOTHING
    additional = schema.get("additionalProperties")
    keep = keep or bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    embedded = bool(schema.get("x-kubernetes-embedded-resource"))
    out: Obj = {}
    for name, item in value.items():
        inner = f"{path}.{name}" if path else name
        if embedded and name in HEAD:
            out[name] = _head(name, item, old.get(name), inner, unknown)
            continue
        below = properties.get(name)
        if below is None and isinstance(additional, dict):
            below = additional
        if below is None:
            if keep or additional is True:
                out[name] = copy_json(item)
            else:
                unknown.append(inner)
            continue
        if item is None and not below.get("nullable"):
            if "default" not in below:
                continue
            item = copy_json(below["default"])
        out[name] = _clean(below, item, old.get(name), inner, unknown)
    for name, below in properties.items():
        if name not in out and below.get("default") is not None:
            out[name] = _clean(below, copy_json(below["default"]), None, f"{path}.{name}" if path else name, unknown)
    return out


def _default(schema: Obj | None) -> Any:
    return None if schema is None or schema.get("nullable") else copy_json(schema.get("default"))


def _head(name: str, item: Any, old: Any, path: str, unknown: list[str]) -> Any:
    """apiVersion, kind and metadata mean the same in every object, whatever the schema says."""
    if name != "metadata":
        if not isinstance(item, str):
            raise DecodeError(str(invalid(path, item, "must be a string")))
        return item
    meta = named("meta/v1.ObjectMeta")
    try:
        value, problems = meta.decode({} if item is None else item, "Strict", old)
    except DecodeError as problem:
        raise DecodeError(str(invalid(path, item, str(problem)))) from None
    words = (problem.split('"', 1) for problem in problems)
    unknown += [f"{path}.{name[:-1]}" for word, name in words if word.startswith("unknown")]
    return value
