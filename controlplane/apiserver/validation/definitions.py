"""CustomResourceDefinitions (kubernetes: apiextensions-apiserver pkg/apis/apiextensions/validation).

Upstream checks another form of them: what is the same in all versions stands above the versions there, and that is what
the paths in its messages say.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.crd_conversion import conversion_errors, one_of
from controlplane.apiserver.validation.meta import immutable
from controlplane.apiserver.validation.schemas import schema_errors
from controlplane.apiserver.validation.semantics import same

Obj = dict[str, Any]
Errors = list[FieldError]

_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_MIXED = "may have mixed case, but should otherwise match: "
_SHARED = {
    "schema": "validation",
    "subresources": "subresources",
    "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}
_APPROVED = "api-approved.kubernetes.io"
_ENHANCEMENT = "see https://github.com/kubernetes/enhancements/pull/1111"
_MAX_SELECTABLE = 8


def definition(obj: Obj) -> Errors:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    required_name = f"{(spec.get('names') or {}).get('plural', '')}.{spec.get('group', '')}"
    errors: Errors = []
    if (name := obj["metadata"].get("name", "")) != required_name and name:
        errors.append(fields.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    errors += _spec(spec) + _names(status.get("acceptedNames") or {}, "status.acceptedNames")
    return errors + _stored(spec, status) + _approval(obj, None) + _preserves(spec)


def definition_update(new: Obj, old: Obj) -> Errors:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    status = new.get("status") or {}
    errors: Errors = []
    if spec is not before:
        errors += _spec(spec)
        names, names_before = spec.get("names") or {}, before.get("names") or {}
        if _established(old):
            errors += immutable(spec.get("scope", ""), before.get("scope", ""), "spec.scope")
            errors += immutable(names.get("kind", ""), names_before.get("kind", ""), "spec.names.kind")
        errors += immutable(spec.get("group", ""), before.get("group", ""), "spec.group")
        errors += immutable(names.get("plural", ""), names_before.get("plural", ""), "spec.names.plural")
    errors += _names(status.get("acceptedNames") or {}, "status.acceptedNames") + _stored(spec, status)
    errors += _approval(new, old)
    return errors if before.get("preserveUnknownFields") else errors + _preserves(spec)


def definition_status_update(new: Obj, old: Obj) -> Errors:
    return _names((new.get("status") or {}).get("acceptedNames") or {}, "status.acceptedNames")


def _established(obj: Obj) -> bool:
    return any(
        c.get("type") == "Established" and c.get("status") == "True"
        for c in (obj.get("status") or {}).get("conditions") or ()
    )


def _approval(obj: Obj, old: Obj | None) -> Errors:
    """Groups of Kubernetes itself need somebody's word."""
    group = f".{(obj.get('spec') or {}).get('group', '')}"
    if not group.endswith((".k8s.io", ".kubernetes.io")):
        return []
    state, said = _approval_state(obj)
    if state in ("approved", "bypassed") or (old is not None and _approval_state(old)[0] == state):
        return []
    at, told = f"metadata.annotations[{_APPROVED}]", f'protected groups must have approval annotation "{_APPROVED}"'
    if state == "missing":
        return [fields.required(at, f"{told}, {_ENHANCEMENT}")]
    return [
        fields.invalid(at, said, f'{told} with either a URL or a reason starting with "unapproved", {_ENHANCEMENT}')
    ]


def _approval_state(obj: Obj) -> tuple[str, str]:
    said = (obj["metadata"].get("annotations") or {}).get(_APPROVED, "")
    if not said:
        return "missing", said
    if said.startswith("unapproved"):
        return "bypassed", said
    try:
        url = urlsplit(said)
    except ValueError:
        return "invalid", said
    return "approved" if url.scheme and url.netloc else "invalid", said


def _preserves(spec: Obj) -> Errors:
    if not spec.get("preserveUnknownFields"):
        return []
    told = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
    return [fields.invalid("spec.preserveUnknownFields", True, told)]


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


def _lifted(spec: Obj) -> tuple[Obj, list[Obj]]:
    """What all versions have in common, and the versions without that."""
    versions: list[Obj] = spec.get("versions") or []
    shared: Obj = {}
    for key, above in _SHARED.items():
        values = [v.get(key) for v in versions]
        if values and all(same(v, values[0]) for v in values):
            if values[0] is not None:
                shared[above] = values[0]
            versions = [{k: v for k, v in version.items() if k != key} for version in versions]
    return shared, versions


def _show_versions(versions: list[Obj]) -> Raw:
    """As in upstream's other form; *note*: what one version alone has is shown as it came."""
    shown = []
    for v in versions:
        named = {
            "Name": v.get("name", ""),
            "Served": bool(v.get("served")),
            "Storage": bool(v.get("storage")),
            "Deprecated": bool(v.get("deprecated")),
            "DeprecationWarning": v.get("deprecationWarning"),
        }
        named |= {key[:1].upper() + key[1:]: v.get(key) for key in _SHARED}
        shown.append("{" + ",".join(f"{go_json(k)}:{go_json(value)}" for k, value in named.items()) + "}")
    return Raw("[" + ",".join(shown) + "]" if versions else "null")


def _spec(spec: Obj) -> Errors:
    group, names = spec.get("group", ""), spec.get("names") or {}
    shared, versions = _lifted(spec)
    errors: Errors = []
    if not group:
        errors.append(fields.required("spec.group"))
    elif wrong := text.dns1123_subdomain(group):
        errors.append(fields.invalid("spec.group", group, ",".join(wrong)))
    elif "." not in group:
        errors.append(fields.invalid("spec.group", group, "should be a domain with at least one dot"))
    errors += one_of(spec.get("scope", ""), ("Cluster", "Namespaced"), "spec.scope")
    errors += [
        fields.required(f"spec.versions[{i}].schema.openAPIV3Schema")
        for i, v in enumerate(spec.get("versions") or ())
        if (v.get("schema") or {}).get("openAPIV3Schema") is None
    ]
    for i, version in enumerate(versions):
        if wrong := text.dns1035_label(version.get("name", "")):
            errors.append(fields.invalid(f"spec.versions[{i}].name", version.get("name", ""), ",".join(wrong)))
        at = f"spec.versions[{i}]"
        errors += _deprecation(version, f"{at}.deprecationWarning")
        errors += _parts(version, "schema", at, _has_status(shared) or _has_status(version))
    if len({v.get("name") for v in versions}) != len(versions):
        errors.append(fields.invalid("spec.versions", _show_versions(versions), "must contain unique version names"))
    if sum(1 for v in versions if v.get("storage")) != 1:
        told = "must have exactly one version marked as storage version"
        errors.append(fields.invalid("spec.versions", _show_versions(versions), told))
    if versions and (wrong := text.dns1035_label(versions[0].get("name", ""))):
        errors.append(fields.invalid("spec.version", versions[0].get("name", ""), ",".join(wrong)))
    errors += [
        fields.required(f"spec.names.{k}") for k in ("plural", "singular", "kind", "listKind") if not names.get(k)
    ]
    errors += _names(names, "spec.names")
    errors += _parts(shared, "validation", "spec", any(_has_status(v) for v in (shared, *versions)))
    conversion = spec.get("conversion")
    if conversion is not None and conversion.get("strategy") != "None" and spec.get("preserveUnknownFields"):
        told = "must be None if spec.preserveUnknownFields is true"
        errors.append(fields.invalid("spec.conversion.strategy", conversion.get("strategy", ""), told))
    return errors + conversion_errors(conversion)


def _has_status(of: Obj) -> bool:
    return (of.get("subresources") or {}).get("status") is not None


def _parts(of: Obj, key: str, path: str, has_status: bool) -> Errors:
    """The schema and what goes with it, of a version or of all."""
    errors: Errors = []
    schema = (of.get(key) or {}).get("openAPIV3Schema")
    if schema is not None:
        errors += schema_errors(schema, f"{path}.{key}.openAPIV3Schema", has_status)
    if (scale := (of.get("subresources") or {}).get("scale")) is not None:
        errors += _scale(scale, f"{path}.subresources.scale")
    for i, column in enumerate(of.get("additionalPrinterColumns") or ()):
        errors += _column(column, f"{path}.additionalPrinterColumns[{i}]")
    return errors + _selectable(of.get("selectableFields") or (), schema, f"{path}.selectableFields")


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


def _deprecation(version: Obj, path: str) -> Errors:
    warning = version.get("deprecationWarning")
    if warning is None:
        return []
    if not version.get("deprecated"):
        return [fields.invalid(path, warning, "can only be set for deprecated versions")]
    errors: Errors = []
    if len(warning.encode()) > 256:
        errors.append(fields.invalid(path, warning, "must be <= 256 characters long"))
    if not warning:
        errors.append(fields.invalid(path, warning, "must not be an empty string"))
    found = next((i for i, c in enumerate(warning) if not c.isprintable()), None)
    if found is not None:
        at = len(warning[:found].encode())
        told = f"must only contain printable UTF-8 characters; non-printable character found at index {at}"
        errors.append(fields.invalid(path, warning, told))
    return errors


def _scale(scale: Obj, path: str) -> Errors:
    errors: Errors = []
    for key, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        value = scale.get(key, "")
        if not value:
            errors.append(fields.required(f"{path}.{key}"))
        elif simple := _simple_path(value, f"{path}.{key}"):
            errors += simple
        elif not value.startswith(root):
            errors.append(fields.invalid(f"{path}.{key}", value, f"should be a json path under {root[:-1]}"))
    if selector := scale.get("labelSelectorPath"):
        at = f"{path}.labelSelectorPath"
        if simple := _simple_path(selector, at):
            errors += simple
        elif not selector.startswith((".spec.", ".status.")):
            errors.append(fields.invalid(at, selector, "should be a json path under either .spec or .status"))
    return errors


def _simple_path(value: str, path: str) -> Errors:
    return [] if value.startswith(".") else [fields.invalid(path, value, "must be a simple json path starting with .")]


def _column(column: Obj, path: str) -> Errors:
    kind, shape = column.get("type", ""), column.get("format", "")
    types = "must be one of " + ",".join(_COLUMN_TYPES)
    errors: Errors = [] if column.get("name") else [fields.required(f"{path}.name")]
    if kind not in _COLUMN_TYPES:
        errors.append(fields.invalid(f"{path}.type", kind, types) if kind else fields.required(f"{path}.type", types))
    if shape and shape not in _COLUMN_FORMATS:
        errors.append(fields.invalid(f"{path}.format", shape, "must be one of " + ",".join(_COLUMN_FORMATS)))
    if not (found := column.get("jsonPath")):
        return [*errors, fields.required(f"{path}.JSONPath")]
    return errors + _simple_path(found, f"{path}.JSONPath")


def _selectable(selectable: Any, schema: Obj | None, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, field in enumerate(selectable):
        found, at = field.get("jsonPath", ""), f"{path}[{i}].jsonPath"
        if not found:
            errors.append(fields.required(at))
            continue
        part: Obj | None = schema or {}
        for name in found[1:].split("."):
            part = ((part or {}).get("properties") or {}).get(name)
        if not found.startswith(".") or part is None:
            errors.append(fields.invalid(at, found, "is an invalid path: does not refer to a valid field"))
            continue
        if found.startswith(".metadata"):
            errors.append(fields.invalid(at, found, "must not point to fields in metadata"))
        if part.get("type") not in ("string", "boolean", "integer"):
            told = (
                "must point to a field of type string, boolean or integer. "
                "Enum string fields and strings with formats are allowed."
            )
            errors.append(fields.invalid(at, found, told))
        if found in seen:
            errors.append(fields.duplicate(at, found))
        seen.add(found)
    if len(seen) > _MAX_SELECTABLE:
        errors.append(fields.too_many(path, len(seen), _MAX_SELECTABLE))
    return errors
