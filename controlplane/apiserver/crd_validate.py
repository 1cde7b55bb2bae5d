"""Validation by a structural schema, in kube-openapi's words (kube-openapi: pkg/validation/validate).

A value of the wrong type is told of once; what is inside it is then not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.crd_formats import FORMATS
from controlplane.apiserver.fields import FieldError

Obj = dict[str, Any]

NO_PATH = "<nil>"  # where upstream puts what several schemas together have against a value
_INTEGERS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def validate(schema: Obj, obj: Obj, old: Obj | None = None) -> list[FieldError]:
    """All that the schema has against the object; parts that are the same as in `old` are taken for good."""
    if old is None:
        return _check(schema, obj, "")
    changed = {name for name, value in obj.items() if name not in old or old[name] != value}
    errors = _check(schema, obj, "")
    return [
        e
        for e in errors
        if e.path == NO_PATH or re.split(r"[.\[]", e.path, maxsplit=1)[0] in changed or e.reason == "FieldValueRequired"
    ]


def _check(schema: Obj, value: Any, path: str) -> list[FieldError]:
    errors = _type_errors(schema, value, path)
    if value is None or errors:
        return errors + _enum_errors(schema, value, path)
    errors += _combined_errors(schema, value, path)
    if isinstance(value, str):
        errors += _text_errors(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        errors += _number_errors(schema, value, path)
    elif isinstance(value, list):
        errors += _list_errors(schema, value, path)
    errors += _enum_errors(schema, value, path)
    if isinstance(value, dict):
        errors += _object_errors(schema, value, path)
    return errors


def _type_errors(schema: Obj, value: Any, path: str) -> list[FieldError]:
    wanted = ["integer", "string"] if schema.get("x-kubernetes-int-or-string") else [schema.get("type", "")]
    if not wanted[0]:
        return []
    found = _json_type(value)
    if found == "null":
        if schema.get("nullable"):
            return []
    elif (
        found in wanted
        or (found == "integer" and "number" in wanted)
        or (found == "number" and "integer" in wanted and float(value).is_integer())
    ):
        return []
    names = ",".join(wanted)
    return [fields.type_invalid(path, found, f'{path} in body must be of type {names}: "{found}"')]


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    for kinds, name in ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"), (list, "array")):
        if isinstance(value, kinds):
            return name
    return "object"


def _enum_errors(schema: Obj, value: Any, path: str) -> list[FieldError]:
    allowed = schema.get("enum")
    if not allowed or any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed):
        return []
    return [fields.not_supported(path, value, [v if isinstance(v, str) else fields.go_json(v) for v in allowed])]


def _text_errors(schema: Obj, value: str, path: str) -> list[FieldError]:
    errors = []
    most, least, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    if most is not None and len(value) > most:
        errors.append(fields.too_long(path, most))
    if least is not None and len(value) < least:
        errors.append(fields.invalid(path, value, f"{path} in body should be at least {least} chars long"))
    if pattern and not _matches(pattern, value):
        errors.append(fields.invalid(path, value, f"{path} in body should match '{pattern}'"))
    name = str(schema.get("format", ""))
    known = FORMATS.get(name.replace("-", "") if not name.startswith("k8s-") else name)
    if known and schema.get("type", "string") == "string" and not known(value):
        errors.append(fields.type_invalid(path, value, f'{path} in body must be of type {name}: "{value}"'))
    return errors


def _number_errors(schema: Obj, value: float, path: str) -> list[FieldError]:
    errors = []
    low, high = _INTEGERS.get(schema.get("format", ""), (value, value))
    if schema.get("type") == "integer" and not low <= value <= high:
        text = f"Checked value must be of type integer with format {schema['format']} in {path}"
        errors.append(fields.invalid(NO_PATH, "", text))
    factor, least, most = schema.get("multipleOf"), schema.get("minimum"), schema.get("maximum")
    if factor and (value % factor if isinstance(factor, int) else not (value / factor).is_integer()):
        errors.append(fields.invalid(path, value, f"{path} in body should be a multiple of {_number(factor)}"))
    if least is not None:
        strict = schema.get("exclusiveMinimum")
        if value < least or (strict and value == least):
            word = "greater than" if strict else "greater than or equal to"
            errors.append(fields.invalid(path, value, f"{path} in body should be {word} {_number(least)}"))
    if most is not None:
        strict = schema.get("exclusiveMaximum")
        if value > most or (strict and value == most):
            word = "less than" if strict else "less than or equal to"
            errors.append(fields.invalid(path, value, f"{path} in body should be {word} {_number(most)}"))
    return errors


def _list_errors(schema: Obj, value: list[Any], path: str) -> list[FieldError]:
    errors = []
    items = schema.get("items")
    if isinstance(items, dict):
        for i, item in enumerate(value):
            errors += _check(items, item, f"{path}[{i}]")
    least, most = schema.get("minItems"), schema.get("maxItems")
    if least is not None and len(value) < least:
        errors.append(fields.invalid(path, len(value), f"{path} in body should have at least {least} items"))
    if most is not None and len(value) > most:
        errors.append(fields.too_many(path, len(value), most))
    if schema.get("uniqueItems") and any(item in value[:i] for i, item in enumerate(value)):
        errors.append(fields.invalid(path, "", f"{path} in body shouldn't contain duplicates"))
    return errors


def _object_errors(schema: Obj, value: Obj, path: str) -> list[FieldError]:
    errors = []
    least, most = schema.get("minProperties"), schema.get("maxProperties")
    if least is not None and len(value) < least:
        errors.append(fields.invalid(path, len(value), f"{path} in body should have at least {least} properties"))
    if most is not None and len(value) > most:
        errors.append(fields.too_many(path, len(value), most))
    properties: Obj = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for name, item in value.items():
        inner = f"{path}.{name}" if path else name
        if name in properties:
            errors += _check(properties[name], item, inner)
        elif isinstance(additional, dict):
            errors += _check(additional, item, f"{path}.{name}")
        elif additional is False:
            errors.append(fields.invalid(path, name, f"{path}.{name} in body is a forbidden property"))
    for name in schema.get("required") or ():
        if name not in value:
            errors.append(fields.required(f"{path}.{name}" if path else name))
    return errors


def _combined_errors(schema: Obj, value: Any, path: str) -> list[FieldError]:
    """allOf, anyOf, oneOf and not.  Of several failures, those of the schema that fits best are told."""
    errors: list[FieldError] = []
    if any_of := schema.get("anyOf"):
        results = [_check(one, value, path) for one in any_of]
        if all(results):
            errors.append(_together(f'"{path}" must validate at least one schema (anyOf)'))
            errors += _best(results)
    if one_of := schema.get("oneOf"):
        results = [_check(one, value, path) for one in one_of]
        valid = sum(not result for result in results)
        if valid != 1:
            found = f"Found {valid} valid alternatives" if valid else "Found none valid"
            errors.append(_together(f'"{path}" must validate one and only one schema (oneOf). {found}'))
            errors += _best(results) if not valid else []
    if all_of := schema.get("allOf"):
        results = [_check(one, value, path) for one in all_of]
        failed = [error for result in results for error in result]
        if failed:
            none = ". None validated" if all(results) else ""
            errors += [*failed, _together(f'"{path}" must validate all the schemas (allOf){none}')]
    if (forbidden := schema.get("not")) is not None and not _check(forbidden, value, path):
        errors.append(_together(f'"{path}" must not validate the schema (not)'))
    return errors


def _best(results: list[list[FieldError]]) -> list[FieldError]:
    return min(results, key=len)


def _together(message: str) -> FieldError:
    return fields.invalid(NO_PATH, "", message)


def list_errors(schema: Obj, value: Any, path: str) -> list[FieldError]:
    """Items that are there twice, by the keys of a list of type map or the values of one of type set."""
    if isinstance(value, dict):
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        errors = []
        for name, item in value.items():
            if name in properties:
                errors += list_errors(properties[name], item, f"{path}.{name}" if path else name)
            elif isinstance(additional, dict):
                errors += list_errors(additional, item, f"{path}[{name}]")
        return errors
    if not isinstance(value, list):
        return []
    errors = list(_repeated(schema, value, path))
    items = schema.get("items")
    for i, item in enumerate(value):
        errors += list_errors(items, item, f"{path}[{i}]") if isinstance(items, dict) else []
    return errors


def _repeated(schema: Obj, value: list[Any], path: str) -> Iterator[FieldError]:
    kind = schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    if kind not in ("set", "map"):
        return
    seen: dict[str, int] = {}
    for i, item in enumerate(value):
        if kind == "map":
            if item is not None and not isinstance(item, dict):
                yield fields.invalid(f"{path}[{i}]", item, "must be an object for an array of list-type map")
                return
            item = {key: value for key, value in (item or {}).items() if key in keys}
        text = fields.go_json(item)
        seen[text] = seen.get(text, 0) + 1
        if seen[text] == 2:  # a third one is not told of again
            yield fields.duplicate(f"{path}[{i}]", item)


def _matches(pattern: str, value: str) -> bool:
    found = _compiled(pattern)
    return found is None or found.search(value) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """*Note*: a pattern that Python cannot read but Go can is not checked."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _number(value: float) -> str:
    """As Go's %v."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return repr(value)
