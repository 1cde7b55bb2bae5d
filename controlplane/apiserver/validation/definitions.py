"""CustomResourceDefinitions (kubernetes: apiextensions-apiserver pkg/apis/apiextensions/validation).

*Note*: of the schema, its structure is looked at (every part has a type, lists their items); rules in CEL, defaults
that do not fit and the cost of it all are left out here.
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.meta import immutable

Obj = dict[str, Any]
Errors = list[FieldError]

_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_SCHEMA_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_MIXED = "may have mixed case, but should otherwise match: "
_PRESERVE, _INT_OR_STRING = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"


def definition(obj: Obj) -> Errors:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    required_name = f"{(spec.get('names') or {}).get('plural', '')}.{spec.get('group', '')}"
    errors: Errors = []
    if (name := obj["metadata"].get("name", "")) != required_name and name:
        errors.append(fields.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    errors += _spec(spec) + _names(status.get("acceptedNames") or {}, "status.acceptedNames")
    return errors + _stored(spec, status)


def definition_update(new: Obj, old: Obj) -> Errors:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    status = new.get("status") or {}
    errors: Errors = []
    if spec is not before:
        errors += _spec(spec)
        if _established(old):
            errors += immutable(spec.get("scope", ""), before.get("scope", ""), "spec.scope")
            errors += immutable(
                (spec.get("names") or {}).get("kind", ""),
                (before.get("names") or {}).get("kind", ""),
                "spec.names.kind",
            )
        errors += immutable(spec.get("group", ""), before.get("group", ""), "spec.group")
        errors += immutable(
            (spec.get("names") or {}).get("plural", ""),
            (before.get("names") or {}).get("plural", ""),
            "spec.names.plural",
        )
    return errors + _names(status.get("acceptedNames") or {}, "status.acceptedNames") + _stored(spec, status)


def definition_status_update(new: Obj, old: Obj) -> Errors:
    return _names((new.get("status") or {}).get("acceptedNames") or {}, "status.acceptedNames")


def _established(obj: Obj) -> bool:
    return any(
        c.get("type") == "Established" and c.get("status") == "True"
        for c in (obj.get("status") or {}).get("conditions") or ()
    )


def _stored(spec: Obj, status: Obj) -> Errors:
    stored, at = status.get("storedVersions") or [], "status.storedVersions"
    if not stored:
        return [
            fields.invalid(
                at, None if "storedVersions" not in status else stored, "must have at least one stored version"
            )
        ]
    names = [v.get("name", "") for v in spec.get("versions") or ()]
    errors = [
        fields.invalid(at, stored, "must have the storage version " + v.get("name", ""))
        for v in spec.get("versions") or ()
        if v.get("storage") and v.get("name", "") not in stored
    ]
    return errors + [
        fields.invalid(
            f"{at}[{i}]",
            v,
            f"missing from spec.versions; {v} was previously a storage version, and must remain in "
            f"spec.versions until a storage migration ensures no data remains persisted in {v} and removes {v} from "
            "status.storedVersions",
        )
        for i, v in enumerate(stored)
        if v not in names
    ]


def _spec(spec: Obj) -> Errors:
    group, versions, names = spec.get("group", ""), spec.get("versions") or [], spec.get("names") or {}
    errors: Errors = []
    if not group:
        errors.append(fields.required("spec.group"))
    elif wrong := text.dns1123_subdomain(group):
        errors.append(fields.invalid("spec.group", group, ",".join(wrong)))
    elif "." not in group:
        errors.append(fields.invalid("spec.group", group, "should be a domain with at least one dot"))
    scope, scopes = spec.get("scope", ""), ("Cluster", "Namespaced")
    if scope not in scopes:
        errors.append(fields.not_supported("spec.scope", scope, scopes) if scope else fields.required("spec.scope"))
    errors += [
        fields.required(f"spec.versions[{i}].schema.openAPIV3Schema", "schemas are required")
        for i, v in enumerate(versions)
        if (v.get("schema") or {}).get("openAPIV3Schema") is None
    ]
    if spec.get("preserveUnknownFields"):
        errors.append(
            fields.invalid(
                "spec.preserveUnknownFields",
                True,
                "cannot set to true, set "
                "x-kubernetes-preserve-unknown-fields to true in "
                "spec.versions[*].schema instead",
            )
        )
    for i, version in enumerate(versions):
        if wrong := text.dns1035_label(version.get("name", "")):
            errors.append(fields.invalid(f"spec.versions[{i}].name", version.get("name", ""), ",".join(wrong)))
        errors += _version(version, f"spec.versions[{i}]")
    if len({v.get("name") for v in versions}) != len(versions):
        errors.append(fields.invalid("spec.versions", versions, "must contain unique version names"))
    if sum(1 for v in versions if v.get("storage")) != 1:
        errors.append(
            fields.invalid(
                "spec.versions", spec.get("versions"), "must have exactly one version marked as storage version"
            )
        )
    errors += [
        fields.required(f"spec.names.{k}") for k in ("plural", "singular", "kind", "listKind") if not names.get(k)
    ]
    return errors + _names(names, "spec.names") + _conversion(spec.get("conversion"))


def _conversion(conversion: Obj | None) -> Errors:
    if conversion is None:
        return []
    strategy, strategies, at = conversion.get("strategy", ""), ("None", "Webhook"), "spec.conversion"
    if strategy not in strategies:
        where = f"{at}.strategy"
        return [fields.not_supported(where, strategy, strategies) if strategy else fields.required(where)]
    webhook = conversion.get("webhook") or {}
    if strategy == "None":
        if not webhook:
            return []
        return [fields.forbidden(f"{at}.webhookClientConfig", "should not be set when strategy is not set to Webhook")]
    errors: Errors = []
    client = webhook.get("clientConfig")
    if client is None:
        errors.append(fields.required(f"{at}.webhookClientConfig", "required when strategy is set to Webhook"))
    elif ("url" in client) == ("service" in client):
        errors.append(fields.required(f"{at}.webhookClientConfig", "exactly one of url or service is required"))
    if not webhook.get("conversionReviewVersions"):
        errors.append(fields.required(f"{at}.conversionReviewVersions"))
    return errors


def _names(names: Obj, path: str) -> Errors:
    errors: Errors = []
    for key in ("plural", "singular"):
        if (name := names.get(key)) and (wrong := text.dns1035_label(name)):
            errors.append(fields.invalid(f"{path}.{key}", name, ",".join(wrong)))
    for key in ("kind", "listKind"):
        if (name := names.get(key)) and (wrong := text.dns1035_label(name.lower())):
            errors.append(fields.invalid(f"{path}.{key}", name, _MIXED + ",".join(wrong)))
    for key in ("shortNames", "categories"):
        for i, name in enumerate(names.get(key) or ()):
            if wrong := text.dns1035_label(name):
                errors.append(fields.invalid(f"{path}.{key}[{i}]", name, ",".join(wrong)))
        if key == "shortNames" and names.get("kind") and names["kind"] == names.get("listKind"):
            errors.append(
                fields.invalid(f"{path}.listKind", names["listKind"], "kind and listKind may not be the same")
            )
    return errors


def _version(version: Obj, path: str) -> Errors:
    errors: Errors = []
    warning = version.get("deprecationWarning")
    if warning is not None:
        if not version.get("deprecated"):
            errors.append(
                fields.invalid(f"{path}.deprecationWarning", warning, "can only be set for deprecated versions")
            )
        elif not warning:
            errors.append(fields.invalid(f"{path}.deprecationWarning", warning, "must not be an empty string"))
        elif len(warning) > 256:
            errors.append(fields.invalid(f"{path}.deprecationWarning", warning, "must be <= 256 characters long"))
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is not None:
        errors += _root(schema, f"{path}.schema.openAPIV3Schema")
    if (scale := (version.get("subresources") or {}).get("scale")) is not None:
        errors += _scale(scale, f"{path}.subresources.scale")
    for i, column in enumerate(version.get("additionalPrinterColumns") or ()):
        errors += _column(column, f"{path}.additionalPrinterColumns[{i}]")
    return errors


def _scale(scale: Obj, path: str) -> Errors:
    errors: Errors = []
    for key, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        value = scale.get(key, "")
        if not value:
            errors.append(fields.required(f"{path}.{key}"))
        elif not value.startswith(root):
            errors.append(fields.invalid(f"{path}.{key}", value, f"should be a json path under {root[:-1]}"))
    return errors


def _column(column: Obj, path: str) -> Errors:
    kind, shape = column.get("type", ""), column.get("format", "")
    types = "must be one of " + ",".join(_COLUMN_TYPES)
    errors: Errors = [] if column.get("name") else [fields.required(f"{path}.name")]
    if kind not in _COLUMN_TYPES:
        errors.append(fields.invalid(f"{path}.type", kind, types) if kind else fields.required(f"{path}.type", types))
    if shape and shape not in _COLUMN_FORMATS:
        errors.append(fields.invalid(f"{path}.format", shape, "must be one of " + ",".join(_COLUMN_FORMATS)))
    if not column.get("jsonPath"):
        errors.append(fields.required(f"{path}.JSONPath"))
    return errors


def _root(schema: Obj, path: str) -> Errors:
    if schema.get("nullable"):
        return [fields.forbidden(f"{path}.nullable", "nullable cannot be true at the root")]
    kind = schema.get("type", "")
    if not kind:
        return [fields.required(f"{path}.type", "must not be empty at the root"), *_structural(schema, path, "")]
    if kind != "object":
        return [fields.invalid(f"{path}.type", kind, "must be object at the root")]
    return _structural(schema, path, "")


def _structural(schema: Obj, path: str, place: str) -> Errors:
    """`place` says where the schema stands, for what is said when it has no type; "" for the root."""
    errors: Errors = []
    kind = schema.get("type", "")
    if not kind and place and not schema.get(_PRESERVE) and not schema.get(_INT_OR_STRING):
        errors.append(fields.required(f"{path}.type", f"must not be empty for specified {place}"))
    if kind and kind not in _SCHEMA_TYPES:
        errors.append(fields.not_supported(f"{path}.type", kind, _SCHEMA_TYPES))
    if schema.get(_INT_OR_STRING) and kind:
        errors.append(fields.invalid(f"{path}.type", kind, f"must be empty if {_INT_OR_STRING} is true"))
    if schema.get("uniqueItems"):
        errors.append(
            fields.forbidden(
                f"{path}.uniqueItems",
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
            )
        )
    more, properties = schema.get("additionalProperties"), schema.get("properties") or {}
    if properties and (isinstance(more, dict) or more is False):
        errors.append(
            fields.forbidden(f"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive")
        )
    if kind == "array" and not isinstance(schema.get("items"), dict):
        errors.append(fields.required(f"{path}.items", "must be specified"))
    if isinstance(schema.get("items"), dict):
        errors += _structural(schema["items"], f"{path}.items", "array items")
    if isinstance(more, dict):
        errors += _structural(more, f"{path}.additionalProperties", "object fields")
    for name in sorted(properties):
        if isinstance(properties[name], dict):
            errors += _structural(properties[name], f"{path}.properties[{name}]", "object fields")
    return errors
