"""Which schemas of custom resources are structural (apiextensions-apiserver: pkg/apiserver/schema)."""

from __future__ import annotations

import re
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.crd_validate import NO_PATH, validate
from controlplane.apiserver.fields import FieldError

Obj = dict[str, Any]
Errors = list[FieldError]

PRESERVE, INT_OR_STRING = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"
EMBEDDED = "x-kubernetes-embedded-resource"
_EITHER = [{"type": "integer"}, {"type": "string"}]
_EMPTY = {
    "root": "must not be empty at the root",
    "items": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
# What may not stand below allOf, anyOf, oneOf and not, and what is said of it.
_NOT_NESTED = (
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    (PRESERVE, "must be false to be structural"),
    (EMBEDDED, "must be false to be structural"),
    (INT_OR_STRING, "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
)
_DEFINED_ANYHOW = "must not specify anything other than name and generateName, but metadata is implicitly specified"


def structural(schema: Obj, path: str) -> Errors:
    """All that keeps the schema from being structural, or else the defaults in it that do not fit."""
    errors = _invariants(schema, "root", path) + _complete(schema, schema, path, path)
    return sorted(errors, key=str) or _defaults(schema, path)


def _invariants(schema: Obj, level: str, path: str) -> Errors:
    kind, items, more = schema.get("type", ""), schema.get("items"), schema.get("additionalProperties")
    embedded, preserve = schema.get(EMBEDDED), schema.get(PRESERVE)
    either, properties = schema.get(INT_OR_STRING), schema.get("properties") or {}
    errors: Errors = []
    if kind == "array" and items is None:
        errors.append(fields.required(f"{path}.items", "must be specified"))
    if isinstance(items, dict):
        errors += _invariants(items, "items", f"{path}.items")
    for name, value in properties.items():
        errors += _invariants(value, "field", f"{path}.properties[{name}]")
    if more is not None and level == "root":
        errors.append(fields.forbidden(f"{path}.additionalProperties", "must not be used at the root"))
    if isinstance(more, dict):
        errors += _invariants(more, "field", f"{path}.additionalProperties")
    if either and preserve:
        errors.append(fields.invalid(f"{path}.{PRESERVE}", True, f"must be false if {INT_OR_STRING} is true"))
    if either and embedded:
        errors.append(fields.invalid(f"{path}.{EMBEDDED}", True, f"must be false if {INT_OR_STRING} is true"))
    errors += _conditions(schema, path)
    if embedded and kind != "object":
        told = f"must be object if {EMBEDDED} is true"
        errors.append(fields.invalid(f"{path}.type", kind, told) if kind else fields.required(f"{path}.type", told))
    elif not kind and not either and not preserve:
        errors.append(fields.required(f"{path}.type", _EMPTY[level]))
    if embedded and more is not None:
        errors.append(fields.forbidden(f"{path}.additionalProperties", f"must not be used if {EMBEDDED} is set"))
    if level == "root" and kind not in ("", "object"):
        errors.append(fields.invalid(f"{path}.type", kind, "must be object at the root"))
    return errors + _head(schema, level, path)


def _head(schema: Obj, level: str, path: str) -> Errors:
    """kind, apiVersion and metadata of what is an object of its own."""
    properties = schema.get("properties") or {}
    whole = level == "root" or bool(schema.get(EMBEDDED))
    errors: Errors = []
    for name in ("kind", "apiVersion"):
        if whole and name in properties and (kind := properties[name].get("type", "")) != "string":
            errors.append(fields.invalid(f"{path}.properties[{name}].type", kind, "must be string"))
    if (metadata := properties.get("metadata")) is not None:
        at = f"{path}.properties[metadata]"
        if whole and metadata.get("type") != "object":
            errors.append(fields.invalid(f"{at}.type", metadata.get("type", ""), "must be object"))
        if level == "root":
            other = {k for k, v in metadata.items() if v and k not in ("type", "default", "properties")}
            if other or not set(metadata.get("properties") or ()) <= {"name", "generateName"}:
                errors.append(fields.forbidden(at, _DEFINED_ANYHOW))
    if schema.get(EMBEDDED) and not schema.get(PRESERVE) and not properties:
        told = f"must not be empty if {EMBEDDED} is true without {PRESERVE}"
        errors.append(fields.required(f"{path}.properties", told))
    return errors


def _junctors(schema: Obj, path: str) -> list[tuple[str, Obj]]:
    found = [(f"{path}.not", schema["not"])] if schema.get("not") is not None else []
    for name in ("allOf", "anyOf", "oneOf"):
        found += [(f"{path}.{name}[{i}]", part) for i, part in enumerate(schema.get(name) or ())]
    return found


def _conditions(schema: Obj, path: str, either: bool = True) -> Errors:
    """The parts under allOf and so on; `either`: here an anyOf may say that a value is a number or text."""
    errors: Errors = []
    any_of, all_of = schema.get("anyOf") or [], schema.get("allOf") or []
    skip_any = either and _types(any_of) == _EITHER
    skip_first = either and bool(all_of) and _types(all_of[0].get("anyOf") or []) == _EITHER
    for at, part in _junctors(schema, path):
        if skip_any and at.startswith(f"{path}.anyOf["):
            continue
        if skip_first and at == f"{path}.allOf[0]":
            part = {k: v for k, v in part.items() if k != "anyOf"}
        errors += _nested(part, at)
    if pattern := schema.get("pattern"):
        try:
            re.compile(pattern)
        except re.error as error:
            told = f"must be a valid regular expression, but isn't: error parsing regexp: {error.msg}: `{pattern}`"
            errors.append(fields.invalid(f"{path}.pattern", pattern, told))
    return errors


def _types(parts: list[Obj]) -> list[Obj]:
    return [{k: v for k, v in part.items() if v not in (None, "", [], {}, False)} for part in parts]


def _nested(schema: Obj, path: str) -> Errors:
    errors = _conditions(schema, path, either=False)
    if isinstance(schema.get("items"), dict):
        errors += _nested(schema["items"], f"{path}.items")
    for name, value in (schema.get("properties") or {}).items():
        errors += _nested(value, f"{path}.properties[{name}]")
    for key, told in _NOT_NESTED:
        value = schema.get(key)
        if value or (value is not None and key in ("additionalProperties", "default")):
            errors.append(fields.forbidden(f"{path}.{key}", told))
    if "metadata" in (schema.get("properties") or {}):
        at = f"{path}.properties[metadata]"
        errors.append(fields.forbidden(at, "must not be specified in a nested context"))
    return errors


def _complete(conditions: Obj, schema: Obj | None, at: str, path: str) -> Errors:
    """Whether all that the conditions speak of is described outside of them too."""
    errors: Errors = []
    for where, part in _junctors(conditions, path):
        errors += _complete_part(part, schema, at, where)
    return errors


def _complete_part(part: Obj, schema: Obj | None, at: str, path: str) -> Errors:
    if schema is None:
        return [fields.required(at, f"because it is defined in {path}")]
    errors = _complete(part, schema, at, path)
    if isinstance(part.get("items"), dict):
        items = schema.get("items")
        errors += _complete_part(
            part["items"], items if isinstance(items, dict) else None, f"{at}.items", f"{path}.items"
        )
    for name, value in (part.get("properties") or {}).items():
        known = (schema.get("properties") or {}).get(name)
        errors += _complete_part(value, known, f"{at}.properties[{name}]", f"{path}.properties[{name}]")
    return errors


def _defaults(schema: Obj, path: str) -> Errors:
    """Defaults that the schema itself refuses, or would drop a part of."""
    errors: Errors = []
    if (value := schema.get("default")) is not None:
        at = f"{path}.default"
        if not _known(schema, value):
            errors.append(fields.invalid(at, value, "must not have unknown fields"))
        errors += [FieldError(e.reason, _join(at, e.path), e.message) for e in validate(schema, value)]
    if isinstance(schema.get("items"), dict):
        errors += _defaults(schema["items"], f"{path}.items")
    for name in sorted(schema.get("properties") or {}):
        errors += _defaults(schema["properties"][name], f"{path}.properties[{name}]")
    return errors


def _join(at: str, path: str) -> str:
    if path in ("", NO_PATH):
        return at
    return at + path if path.startswith("[") else f"{at}.{path}"


def _known(schema: Obj, value: Any) -> bool:
    if isinstance(value, list):
        items = schema.get("items")
        return not isinstance(items, dict) or all(_known(items, v) for v in value)
    if not isinstance(value, dict) or schema.get(PRESERVE):
        return True
    properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
    for name, item in value.items():
        if name in properties:
            if not _known(properties[name], item):
                return False
        elif isinstance(more, dict):
            if not _known(more, item):
                return False
        elif not more:
            return False
    return True
