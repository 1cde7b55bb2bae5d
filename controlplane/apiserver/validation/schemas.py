"""The schema of a custom resource (apiextensions-apiserver: pkg/apis/apiextensions/validation).

*Note*: rules in CEL are looked at as text only: whether they compile and what they cost is left out here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation.structural import EMBEDDED, PRESERVE, structural

Obj = dict[str, Any]
Errors = list[FieldError]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_LIST_TYPE, _KEYS, _MAP_TYPE = "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"
_RULES = "x-kubernetes-validations"
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_UNSUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_NOT_AT_ROOT = (
    *("default", "enum", "maxProperties", "minProperties", "allOf", "oneOf", "anyOf", "not", "additionalProperties"),
    *("nullable", EMBEDDED, "x-kubernetes-int-or-string", _KEYS, _LIST_TYPE, _MAP_TYPE),
)
_AT_ROOT = (
    "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern "
    "MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields "
    "XValidations]"
)


class _Within(NamedTuple):
    """What holds at a place because of what is around it."""

    no_default: str | None = None  # why there may be none
    head: bool = False  # inside apiVersion, kind or metadata


def schema_errors(schema: Obj, path: str, has_status: bool) -> Errors:
    """All of the schema of one version: what is said of the root, of its structure, of each part."""
    errors: Errors = []
    if has_status:
        errors += _root_with_status(schema, path)
    if schema.get("nullable"):
        errors.append(fields.forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    parts = _part(schema, path, _Within(), root=True)
    if not any(e.path.endswith(tuple(f".{k}" for k in _UNSUPPORTED)) or _unreadable(e) for e in parts):
        errors += structural(schema, path)
    return errors + parts


def _unreadable(error: FieldError) -> bool:
    return "items must be a schema object and not an array" in error.message


def _root_with_status(schema: Obj, path: str) -> Errors:
    if (kind := schema.get("type", "")) not in ("", "object"):
        told = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        return [fields.invalid(f"{path}.type", kind, told)]
    if any(schema.get(k) not in (None, False, [], {}) for k in _NOT_AT_ROOT):
        told = f"only {_AT_ROOT} fields are allowed at the root of the schema if the status subresource is enabled"
        return [fields.invalid(path, schema, told)]
    return []


def _part(schema: Obj, path: str, within: _Within, root: bool = False) -> Errors:
    errors = _standard(schema, path, within)
    if schema.get("uniqueItems"):
        told = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        errors.append(fields.forbidden(f"{path}.uniqueItems", told))
    more, properties = schema.get("additionalProperties"), schema.get("properties") or {}
    if properties and (isinstance(more, dict) or more is False):
        told = "additionalProperties and properties are mutual exclusive"
        errors.append(fields.forbidden(f"{path}.additionalProperties", told))
    if isinstance(more, dict):
        inside = within
        if within.head:
            inside = within._replace(no_default="inside additionalProperties applying to object metadata")
        errors += _part(more, f"{path}.additionalProperties", inside)
    for name in sorted(properties):
        inside = within
        if (root or schema.get(EMBEDDED)) and name in ("metadata", "kind", "apiVersion"):
            inside = inside._replace(head=True)
            if root:
                inside = inside._replace(no_default=f"in top-level {name}")
        errors += _part(properties[name], f"{path}.properties[{name}]", inside)
    if schema.get("not") is not None:
        errors += _part(schema["not"], f"{path}.not", within)
    for key in ("allOf", "oneOf", "anyOf"):
        for i, part in enumerate(schema.get(key) or ()):
            errors += _part(part, f"{path}.{key}[{i}]", within)
    if isinstance(schema.get("items"), dict):
        errors += _part(schema["items"], f"{path}.items", within)
    return errors + _extensions(schema, path) + _rules(schema, path)


def _standard(schema: Obj, path: str, within: _Within) -> Errors:
    kind, errors = schema.get("type", ""), []
    if kind and kind not in _TYPES:
        errors.append(fields.not_supported(f"{path}.type", kind, _TYPES))
    if schema.get("default") is not None and within.no_default is not None:
        errors.append(fields.forbidden(f"{path}.default", f"must not be set {within.no_default}"))
    errors += [fields.forbidden(f"{path}.{k}", f"{k} is not supported") for k in _UNSUPPORTED if schema.get(k)]
    if kind == "null":
        told = "type cannot be set to null, use nullable as an alternative"
        errors.append(fields.forbidden(f"{path}.type", told))
    if isinstance(schema.get("items"), list):
        errors.append(fields.forbidden(f"{path}.items", "items must be a schema object and not an array"))
    if within.head and schema.get(EMBEDDED):
        errors.append(fields.forbidden(f"{path}.{EMBEDDED}", "must not be used inside of resource meta"))
    return errors


def _must_be(schema: Obj, kind: str, path: str, told: str) -> Errors:
    found = schema.get("type", "")
    if found == kind:
        return []
    told = f"must be {kind} if {told} is specified"
    return [fields.invalid(f"{path}.type", found, told) if found else fields.required(f"{path}.type", told)]


def _extensions(schema: Obj, path: str) -> Errors:
    errors: Errors = []
    if schema.get(PRESERVE) is False:
        errors.append(fields.invalid(f"{path}.{PRESERVE}", False, "must be true or undefined"))
    of_map, of_list = schema.get(_MAP_TYPE), schema.get(_LIST_TYPE)
    if of_map is not None:
        errors += _must_be(schema, "object", path, _MAP_TYPE)
        if of_map not in ("atomic", "granular"):
            errors.append(fields.not_supported(f"{path}.{_MAP_TYPE}", of_map, ("atomic", "granular")))
    items = schema.get("items")
    if of_list is not None:
        not_list = _must_be(schema, "array", path, _LIST_TYPE)
        errors += not_list
        if not not_list and of_list == "set" and isinstance(items, dict):
            errors += _set_items(items, f"{path}.items")
        if of_list not in ("atomic", "set", "map"):
            errors.append(fields.not_supported(f"{path}.{_LIST_TYPE}", of_list, ("atomic", "set", "map")))
    if schema.get(_KEYS) and of_list != "map":
        told, at = f"must be map if {_KEYS} is non-empty", f"{path}.{_LIST_TYPE}"
        errors.append(fields.required(at, told) if of_list is None else fields.invalid(at, of_list, told))
    if of_list == "map":
        errors += _map_items(schema, path)
    if of_list in ("map", "set") and isinstance(items, dict):
        errors += _keys(schema, items, f"{path}.items")
    return errors


def _set_items(items: Obj, path: str) -> Errors:
    told = f"must be atomic as item of a list with {_LIST_TYPE}=set"
    if items.get("type") == "array" and items.get(_LIST_TYPE) not in (None, "atomic"):
        return [fields.invalid(f"{path}.{_LIST_TYPE}", items.get(_LIST_TYPE), told)]
    if items.get("type") == "object" and items.get(_MAP_TYPE) != "atomic":
        return [fields.invalid(f"{path}.{_MAP_TYPE}", items.get(_LIST_TYPE), told)]
    return []


def _map_items(schema: Obj, path: str) -> Errors:
    keys, items, errors = schema.get(_KEYS) or [], schema.get("items"), []
    if not keys:
        errors.append(fields.required(f"{path}.{_KEYS}", f"must not be empty if {_LIST_TYPE} is map"))
    if items is None:
        errors.append(fields.required(f"{path}.items", f"must have a schema if {_LIST_TYPE} is map"))
    if not isinstance(items, dict):
        return errors
    if (kind := items.get("type", "")) != "object":
        told = f"must be object if parent array's {_LIST_TYPE} is map"
        return [*errors, fields.invalid(f"{path}.items.type", kind, told)]
    for i, key in enumerate(keys):
        part = (items.get("properties") or {}).get(key)
        if part is None:
            errors.append(fields.invalid(f"{path}.{_KEYS}", keys, "entries must all be names of item properties"))
        elif part.get("type") in ("array", "object"):
            told = f"must be a scalar type if parent array's {_LIST_TYPE} is map"
            errors.append(fields.invalid(f"{path}.items.properties[{key}].type", kind, told))
        if key in keys[:i]:
            errors.append(fields.invalid(f"{path}.{_KEYS}", keys, "must not contain duplicate entries"))
    return errors


def _keys(schema: Obj, items: Obj, path: str) -> Errors:
    errors: Errors = []
    if items.get("nullable"):
        told = f"cannot be nullable when {_LIST_TYPE} is {schema[_LIST_TYPE]}"
        errors.append(fields.forbidden(f"{path}.nullable", told))
    if schema[_LIST_TYPE] != "map":
        return errors
    for key in schema.get(_KEYS) or ():
        part, at = (items.get("properties") or {}).get(key), f"{path}.properties[{key}]"
        if part is None:
            continue
        if key not in (items.get("required") or ()) and part.get("default") is None:
            told = f"this property is in {_KEYS}, so it must have a default or be a required property"
            errors.append(fields.required(f"{at}.default", told))
        if part.get("nullable"):
            told = f"this property is in {_KEYS}, so it cannot be nullable"
            errors.append(fields.forbidden(f"{at}.nullable", told))
    return errors


def _rules(schema: Obj, path: str) -> Errors:
    errors: Errors = []
    for i, rule in enumerate(schema.get(_RULES) or ()):
        at, told = f"{path}.{_RULES}[{i}]", rule.get("message", "")
        text, message = rule.get("rule", "").strip(), told.strip()
        if not text:
            errors.append(fields.required(f"{at}.rule", "rule is not specified"))
        elif told and not message:
            errors.append(fields.invalid(f"{at}.message", told, "must be non-empty if specified"))
        elif "\n" in message or "\r" in message:
            errors.append(fields.invalid(f"{at}.message", told, "must not contain line breaks"))
        elif ("\n" in text or "\r" in text) and not message:
            errors.append(fields.required(f"{at}.message", "message must be specified if rule contains line breaks"))
        if (expression := rule.get("messageExpression", "")) and not expression.strip():
            told = "messageExpression must be non-empty if specified"
            errors.append(fields.required(f"{at}.messageExpression", told))
        if (reason := rule.get("reason")) is not None and reason not in _REASONS:
            errors.append(fields.not_supported(f"{at}.reason", reason, _REASONS))
        if (field := rule.get("fieldPath", "")) and not field.strip():
            errors.append(fields.invalid(f"{at}.fieldPath", field, "must be non-empty if specified"))
        if "\n" in field or "\r" in field:
            errors.append(fields.invalid(f"{at}.fieldPath", field, "must not contain line breaks"))
    return errors
