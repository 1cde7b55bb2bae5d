"""Custom resources by the structural schema of their CustomResourceDefinition.

`CustomType` is to a custom kind what `schema.Type` is to a built-in one: `decode` prunes and defaults, `validate` says
what the schema has against an object, `fields` tells server-side apply how lists merge, `open_api` is for documents.
(apiextensions-apiserver: pkg/apiserver/schema)

*Note*: x-kubernetes-validations, the rules in CEL, are stored and published but not run.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from controlplane.apiserver import crd_validate
from controlplane.apiserver.codec import DecodeError, DuplicateDict, copy_json
from controlplane.apiserver.crd_prune import Cleaner
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.openapi_schemas import REF, published_name
from controlplane.apiserver.schema import Field, head_first, named

Obj = dict[str, Any]

_PLAIN = {"string": "string", "boolean": "bool", "integer": "int64", "number": "float64"}


class SchemaField:
    """A property, with what server-side apply asks of a field.  Custom resources have no strategic merge patch."""

    __slots__ = ("name", "type", "list_type", "list_map_keys", "map_type", "required", "default")

    patch_merge_key = ""
    patch_strategy = ""
    pointer = True
    omit_empty = True

    def __init__(self, name: str, schema: Obj, *, required: bool = False) -> None:
        self.name = name
        self.type = SchemaType(schema)
        self.list_type: str = schema.get("x-kubernetes-list-type", "")
        self.list_map_keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        self.map_type = self.type.map_type
        self.required = required
        self.default = schema.get("default")


class SchemaType:
    """A node of a structural schema, seen as a type: `kind`, `fields` and `elem` as `schema.Type` has them."""

    def __init__(self, schema: Obj) -> None:
        self.schema = schema
        self.map_type: str = schema.get("x-kubernetes-map-type", "")

    @property
    def kind(self) -> str:
        schema = self.schema
        if schema.get("x-kubernetes-int-or-string"):
            return "int-or-string"
        if schema.get("type") == "array":
            return "list"
        if schema.get("type") == "object":
            if schema.get("properties"):
                return "struct"
            return "map" if isinstance(schema.get("additionalProperties"), dict) else "raw"
        return _PLAIN.get(schema.get("type", ""), "raw")

    @cached_property
    def fields(self) -> dict[str, SchemaField | Field]:
        found: dict[str, SchemaField | Field] = {}
        required = self.schema.get("required") or ()
        for name, schema in (self.schema.get("properties") or {}).items():
            found[name] = SchemaField(name, schema, required=name in required)
        if self.schema.get("x-kubernetes-embedded-resource"):
            found.update(_head_fields())
        return found

    @cached_property
    def elem(self) -> SchemaType | None:
        schema = self.schema.get("items") if self.kind == "list" else self.schema.get("additionalProperties")
        return SchemaType(schema) if isinstance(schema, dict) else None


class CustomType(SchemaType):
    """One version of a custom kind."""

    def __init__(self, crd: Obj, version: str) -> None:
        declared = next(v for v in crd["spec"]["versions"] if v["name"] == version)
        schema: Obj = (declared.get("schema") or {}).get("openAPIV3Schema") or {}
        if crd["spec"].get("preserveUnknownFields"):
            schema = {**schema, "x-kubernetes-preserve-unknown-fields": True}
        super().__init__({**schema, "type": "object", "x-kubernetes-embedded-resource": True})
        self._cleaner = Cleaner(self.schema)
        self._declared = schema

    @property
    def kind(self) -> str:
        return "struct"

    def decode(self, obj: Any, mode: str = "Ignore", old: Any = None) -> tuple[Obj, list[str]]:
        """(the object as it is stored, what fieldValidation has to say of it), as `schema.Type.decode` does."""
        if not isinstance(obj, dict):
            raise DecodeError("Object 'Kind' is missing")
        unknown: list[str] = []
        value = self._cleaner.clean(obj, old, unknown)
        problems = [f'unknown field "{path}"' for path in sorted(unknown)]
        if mode != "Ignore":
            problems = [*_duplicates(obj, ""), *problems]
        return head_first(value), problems

    def validate(self, obj: Obj, old: Obj | None = None) -> list[FieldError]:
        """What the schema has against the object.

        *Note*: upstream lets a value that was wrong before and has not changed be (ratcheting); so does this for the
        object's parts at the top: an unchanged spec is not checked again.
        """
        errors = crd_validate.validate(self._declared, obj, old)
        return errors or crd_validate.list_errors(self._declared, obj, "")

    def open_api(self) -> Obj:
        """The schema for clients, with what every object has besides."""
        schema: Obj = copy_json(self._declared)
        properties = {name: _of_every_object(name) for name in ("apiVersion", "kind", "metadata")}
        return {**schema, "type": "object", "properties": {**(schema.get("properties") or {}), **properties}}


def _head_fields() -> dict[str, Field]:
    of_pod = named("core/v1.Pod").fields
    return {name: of_pod[name] for name in ("apiVersion", "kind", "metadata")}


def _of_every_object(name: str) -> Obj:
    if name == "metadata":
        return {
            "description": "Standard object's metadata.",
            "allOf": [{"$ref": REF + published_name("meta/v1.ObjectMeta")}],
        }
    text = {"apiVersion": "The version of the schema of this object.", "kind": "What this object is."}
    return {"description": text[name], "type": "string"}


def _duplicates(value: Any, path: str) -> list[str]:
    """Fields that were sent twice, in the order of the document."""
    found: list[str] = []
    if isinstance(value, dict):
        repeated = value.duplicates if isinstance(value, DuplicateDict) else ()
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            if name in repeated:
                found.append(f'duplicate field "{inner}"')
            found += _duplicates(item, inner)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += _duplicates(item, f"{path}[{i}]")
    return found
