"""The API's types as OpenAPI schemas: what `kubectl explain` shows and kubectl validates and patches by.

(kube-openapi: pkg/builder3; the texts are in data/descriptions.json.gz)
"""

from __future__ import annotations

from functools import cache
from typing import Any

from controlplane.apiserver.schema import Field, Type, named, read_data

Obj = dict[str, Any]

REF = "#/components/schemas/"
MACHINERY = "io.k8s.apimachinery.pkg."
PACKAGES = {
    "meta/v1": f"{MACHINERY}apis.meta.v1",
    "resource": f"{MACHINERY}api.resource",
    "intstr": f"{MACHINERY}util.intstr",
    "runtime": f"{MACHINERY}runtime",
    "apiextensions/v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "apiregistration/v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
}
PATCH: Obj = {
    "description": "Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.",
    "type": "object",
}
PATCH_NAME = f"{MACHINERY}apis.meta.v1.Patch"

_SCALARS: dict[str, Obj] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "uint32": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
}
_NAMED: dict[str, Obj] = {  # types that write themselves are referred to by name, as structs are
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "int-or-string": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    "time": {"type": "string", "format": "date-time"},
    "micro-time": {"type": "string", "format": "date-time"},
}
_ANYTHING = ("apiextensions/v1.JSON", "apiextensions/v1.JSONSchemaProps")


def published_name(spelled: str) -> str:
    """core/v1.Pod is io.k8s.api.core.v1.Pod in published documents."""
    package, _, name = spelled.rpartition(".")
    return f"{PACKAGES.get(package, 'io.k8s.api.' + package.replace('/', '.'))}.{name}"


def schemas(types: list[Type]) -> tuple[dict[str, Obj], dict[str, str]]:
    """(a schema by its published name for every type that `types` are made of, the Go name of each)."""
    found: dict[str, Obj] = {}
    spelled: dict[str, str] = {}
    todo = list(types)
    while todo:
        type = todo.pop()
        name = published_name(type.spelled)
        if name in found:
            continue
        spelled[name] = type.spelled
        found[name] = schema_of(type)
        todo += [part for field in type.fields.values() if (part := _made_of(field.type)) is not None]
    return dict(sorted(found.items())), spelled


def schema_of(type: Type) -> Obj:
    """The schema of one named type."""
    texts = descriptions().get(type.spelled, {})
    head: Obj = {"description": texts[""]} if texts.get("") else {}
    if type.kind != "struct":
        free = {} if type.spelled.startswith(_ANYTHING) else {"type": "object"}
        return {**head, **_NAMED.get(type.kind, free)}
    texts = {**{name: text for part in _embedded(type) for name, text in descriptions().get(part, {}).items()}, **texts}
    properties = {}
    for name, field in sorted(type.fields.items()):
        property = _property(field)
        properties[name] = {"description": texts[name], **property} if texts.get(name) else property
    schema: Obj = {**head, "type": "object"}
    if properties:
        schema["properties"] = properties
    if required := sorted(name for name, field in type.fields.items() if field.required):
        schema["required"] = required
    if type.map_type:
        schema["x-kubernetes-map-type"] = type.map_type
    return schema


def _embedded(type: Type) -> list[str]:
    parts = [field.type for field in type.rows if not field.name]
    return [name for part in parts for name in (*_embedded(part), part.spelled)]


def _property(field: Field) -> Obj:
    property = _inline(field.type, by_value=not field.pointer)
    if field.default is not None:
        property["default"] = field.default
    elif not field.pointer and not field.omit_empty and field.type.kind in _SCALARS:
        property["default"] = field.type.zero()
    if field.list_type:
        property["x-kubernetes-list-type"] = field.list_type
    if field.list_map_keys:
        property["x-kubernetes-list-map-keys"] = list(field.list_map_keys)
    if field.map_type and field.type.kind == "map":
        property["x-kubernetes-map-type"] = field.map_type
    if field.patch_merge_key:
        property["x-kubernetes-patch-merge-key"] = field.patch_merge_key
    if field.patch_strategy:
        property["x-kubernetes-patch-strategy"] = field.patch_strategy
    return property


def _inline(type: Type, *, by_value: bool = False) -> Obj:
    """A type as it stands in a property, an item or a map's value."""
    if type.elem is not None:
        of = "items" if type.kind == "list" else "additionalProperties"
        elem = _inline(type.elem, by_value=True)
        if type.elem.kind in _SCALARS and type.elem.kind != "bytes":
            elem["default"] = type.elem.zero()
        return {"type": "array" if type.kind == "list" else "object", of: elem}
    if type.kind in _SCALARS:
        return {**_SCALARS[type.kind], "enum": type.enum} if type.enum else dict(_SCALARS[type.kind])
    reference: Obj = {"allOf": [{"$ref": REF + published_name(type.spelled)}]}
    if by_value and type.kind == "struct":
        reference["default"] = {}
    return reference


def _made_of(type: Type) -> Type | None:
    """The named type that a field's type has inside, if any."""
    while type.elem is not None:
        type = type.elem
    return None if type.kind in _SCALARS else type


@cache
def descriptions() -> dict[str, dict[str, str]]:
    """The text of each type (under "") and of its fields: read when somebody first asks for documents."""
    return read_data("descriptions.json.gz")


def unions() -> list[Type]:
    """The three either-or types of apiextensions lead on to schemas, which no field names."""
    return [named("apiextensions/v1.JSONSchemaProps")]
