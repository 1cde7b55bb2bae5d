"""Custom resources by the structural schema of their CustomResourceDefinition.

`CustomType` is to a custom kind what `schema.Type` is to a built-in one: `decode` prunes and defaults, `validate` says
what the schema has against an object, `openapi` tells server-side apply how lists merge.
(apiextensions-apiserver: pkg/apiserver/schema)

*Note*: x-kubernetes-validations, the rules in CEL, are stored and published but not run.
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import crd_validate
from controlplane.apiserver.codec import DecodeError, DuplicateDict, copy_json
from controlplane.apiserver.crd_prune import Cleaner
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.openapi_schemas import REF, published_name
from controlplane.apiserver.schema import head_first

Obj = dict[str, Any]


class CustomType:
    """One version of a custom kind; `openapi` is the schema that its definition declares."""

    def __init__(self, crd: Obj, version: str) -> None:
        declared = next(v for v in crd["spec"]["versions"] if v["name"] == version)
        schema: Obj = (declared.get("schema") or {}).get("openAPIV3Schema") or {}
        if crd["spec"].get("preserveUnknownFields"):
            schema = {**schema, "x-kubernetes-preserve-unknown-fields": True}
        self.openapi = schema
        self._cleaner = Cleaner({**schema, "x-kubernetes-embedded-resource": True})

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
        errors = crd_validate.validate(self.openapi, obj, old)
        return errors or crd_validate.list_errors(self.openapi, obj, "")

    def published(self) -> Obj:
        """The schema as clients get it, with what every object has besides."""
        schema: Obj = copy_json(self.openapi)
        properties = {name: _of_every_object(name) for name in ("apiVersion", "kind", "metadata")}
        return {**schema, "type": "object", "properties": {**(schema.get("properties") or {}), **properties}}


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
