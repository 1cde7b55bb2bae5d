"""Metadata, label selectors and conditions (apimachinery: pkg/api/validation, pkg/apis/meta/v1/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json, go_strings
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.text import NameCheck

Obj = dict[str, Any]
Errors = list[FieldError]

IMMUTABLE = "field is immutable"
NEGATIVE = "must be greater than or equal to 0"
ANNOTATIONS_LIMIT = 256 * 1024
ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
_STANDARD_FINALIZERS = ("kubernetes", ORPHAN, FOREGROUND)


def nonnegative(value: int, path: str) -> Errors:
    return [fields.invalid(path, value, NEGATIVE)] if value < 0 else []


def immutable(new: Any, old: Any, path: str, shown: Any = None) -> Errors:
    """Missing and empty are the same (apiequality.Semantic)."""
    if new == old or (not new and not old and new not in (0, False) and old not in (0, False)):
        return []
    return [fields.invalid(path, new if shown is None else shown, IMMUTABLE)]


def label_name(name: str, path: str) -> Errors:
    return [fields.invalid(path, name, m) for m in text.qualified_name(name)]


def labels(values: dict[str, str] | None, path: str) -> Errors:
    if not values:
        return []
    errors: Errors = []
    for key, value in values.items():
        if wrong := text.qualified_name(key):
            errors += [fields.invalid(path, key, m) for m in wrong]
        if wrong := text.label_value(value):
            errors += [fields.invalid(path, value, m) for m in wrong]
    return errors


def annotation_map(values: dict[str, str] | None, path: str) -> Errors:
    if not values:
        return []
    errors: Errors = []
    size = 0
    for key, value in values.items():
        for message in text.qualified_name(key.lower()):
            errors.append(fields.invalid(path, key, message))
        size += len(key) + (len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass")))
    if size > ANNOTATIONS_LIMIT:
        errors.append(fields.too_long(path, ANNOTATIONS_LIMIT))
    return errors


def _show_owners(refs: list[Obj]) -> Raw:
    keys = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
    shown = [
        {k: ref.get(k, "") for k in keys[:4]} | {k: ref[k] for k in keys[4:] if ref.get(k) is not None} for ref in refs
    ]
    return Raw("[" + ",".join("{" + ",".join(f'"{k}":{go_json(v)}' for k, v in r.items()) + "}" for r in shown) + "]")


def _owner_reference(ref: Obj, path: str) -> Errors:
    errors: Errors = []
    api_version, kind = ref.get("apiVersion", ""), ref.get("kind", "")
    group, _, version = api_version.rpartition("/")
    if not version or group.count("/"):
        errors.append(fields.invalid(f"{path}.apiVersion", api_version, "version must not be empty"))
    for key in ("kind", "name", "uid"):
        if not ref.get(key):
            errors.append(fields.invalid(f"{path}.{key}", "", "must not be empty"))
    if api_version == "v1" and kind == "Event":
        order = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
        shown = Raw(
            "{" + ",".join(f'"{k}":{go_json(ref.get(k, ""))}' for k in order if k in ref or k in order[:4]) + "}"
        )
        errors.append(fields.invalid(path, shown, "/v1, Kind=Event is disallowed from being an owner"))
    return errors


def owner_references(refs: list[Obj] | None, path: str) -> Errors:
    if not refs:
        return []
    errors: Errors = []
    first = ""
    for ref in refs:
        errors += _owner_reference(ref, path)
        if ref.get("controller"):
            name = f"{ref.get('kind', '')}/{ref.get('name', '')}"
            if first:
                errors.append(
                    fields.invalid(
                        path,
                        _show_owners(refs),
                        "Only one reference can have Controller set to true. Found "
                        f'"true" in references for {first} and {name}',
                    )
                )
            else:
                first = name
    return errors


def finalizers(names: list[str] | None, path: str) -> Errors:
    if not names:
        return []
    errors = [fields.invalid(path, n, m) for n in names for m in text.qualified_name(n)]
    if ORPHAN in names and FOREGROUND in names:
        errors.append(fields.invalid(path, names, f"finalizer {ORPHAN} and {FOREGROUND} cannot be both set"))
    return errors


def kube_finalizers(meta: Obj, path: str = "metadata") -> Errors:
    """A finalizer without a domain has to be one that Kubernetes itself knows."""
    return [
        fields.invalid(
            f"{path}.finalizers[{i}]", n, "name is neither a standard finalizer name nor is it fully qualified"
        )
        for i, n in enumerate(meta.get("finalizers") or ())
        if "/" not in n and n not in _STANDARD_FINALIZERS
    ]


def object_meta(meta: Obj, namespaced: bool, name_check: NameCheck, path: str = "metadata") -> Errors:
    """Metadata of an object that is being created, its name generated."""
    errors: Errors = []
    if generate := meta.get("generateName"):
        errors += [fields.invalid(f"{path}.generateName", generate, m) for m in name_check(generate, True)]
    if name := meta.get("name"):
        if wrong := name_check(name, False):
            errors += [fields.invalid(f"{path}.name", name, m) for m in wrong]
    else:
        errors.append(fields.required(f"{path}.name", "name or generateName is required"))
    namespace = meta.get("namespace")
    if namespaced:
        if not namespace:
            errors.append(fields.required(f"{path}.namespace"))
        elif wrong := text.dns1123_label(namespace):
            errors += [fields.invalid(f"{path}.namespace", namespace, m) for m in wrong]
    elif namespace:
        errors.append(fields.forbidden(f"{path}.namespace", "not allowed on this type"))
    if meta.get("generation", 0) < 0:
        errors += nonnegative(meta["generation"], f"{path}.generation")
    errors += labels(meta.get("labels"), f"{path}.labels")
    errors += annotation_map(meta.get("annotations"), f"{path}.annotations")
    errors += owner_references(meta.get("ownerReferences"), f"{path}.ownerReferences")
    errors += finalizers(meta.get("finalizers"), f"{path}.finalizers")
    return errors + managed_fields(meta.get("managedFields"), f"{path}.managedFields")


_IMMUTABLE_META = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def object_meta_update(new: Obj, old: Obj, path: str = "metadata") -> Errors:
    if new is old:
        return []
    errors: Errors = []
    if old.get("deletionTimestamp"):
        before = old.get("finalizers") or ()
        if extra := sorted({f for f in new.get("finalizers") or () if f not in before}):
            errors.append(
                fields.forbidden(
                    f"{path}.finalizers",
                    "no new finalizers can be added if the object is "
                    f"being deleted, found new finalizers {go_strings(extra)}",
                )
            )
    if not new.get("resourceVersion"):
        errors.append(fields.invalid(f"{path}.resourceVersion", "", "must be specified for an update"))
    if new.get("generation", 0) < old.get("generation", 0):
        errors.append(fields.invalid(f"{path}.generation", new.get("generation", 0), "must not be decremented"))
    for key in _IMMUTABLE_META:
        value = new.get(key)
        if value != old.get(key):
            blank: Any = None if key.startswith("deletion") or key == "creationTimestamp" else ""
            errors.append(fields.invalid(f"{path}.{key}", blank if value is None else value, IMMUTABLE))
    if (these := new.get("labels")) is not old.get("labels"):
        errors += labels(these, f"{path}.labels")
    if (these := new.get("annotations")) is not old.get("annotations"):
        errors += annotation_map(these, f"{path}.annotations")
    if (refs := new.get("ownerReferences")) is not old.get("ownerReferences"):
        errors += owner_references(refs, f"{path}.ownerReferences")
    return errors + managed_fields(new.get("managedFields"), f"{path}.managedFields")


def managed_fields(entries: list[Obj] | None, path: str) -> Errors:
    errors: Errors = []
    for i, entry in enumerate(entries or ()):
        operation = entry.get("operation", "")
        if operation not in ("Apply", "Update"):
            errors.append(fields.invalid(f"{path}[{i}].operation", operation, "must be `Apply` or `Update`"))
        if entry.get("fieldsType", "FieldsV1") not in ("", "FieldsV1"):
            errors.append(fields.invalid(f"{path}[{i}].fieldsType", entry["fieldsType"], "must be `FieldsV1`"))
        errors += field_manager(entry.get("manager", ""), f"{path}[{i}].manager")
        if len(entry.get("subresource", "")) > 256:
            errors.append(fields.too_long(f"{path}[{i}].subresource", 256))
    return errors


def field_manager(manager: str, path: str = "fieldManager") -> Errors:
    errors: Errors = []
    if len(manager) > 128:
        errors.append(fields.too_long(path, 128))
    if not manager.isprintable():
        for i, char in enumerate(manager):
            if not char.isprintable():
                errors.append(fields.invalid(path, manager, f"invalid character U+{ord(char):04X} (at position {i})"))
    return errors


def show_selector(selector: Obj | None) -> Any:
    """A LabelSelector in a message: its fields in the order of the Go struct."""
    if selector is None:
        return None
    parts = []
    if selector.get("matchLabels"):
        parts.append('"matchLabels":' + go_json(selector["matchLabels"]))
    if expressions := selector.get("matchExpressions"):
        shown = []
        for e in expressions:
            values = f',"values":{go_json(e["values"])}' if e.get("values") else ""
            shown.append(f'{{"key":{go_json(e.get("key", ""))},"operator":{go_json(e.get("operator", ""))}{values}}}')
        parts.append('"matchExpressions":[' + ",".join(shown) + "]")
    return Raw("{" + ",".join(parts) + "}")


def empty_selector(selector: Obj | None) -> bool:
    return not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))


def label_selector(selector: Obj | None, path: str) -> Errors:
    if not selector:
        return []
    errors = labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for i, expression in enumerate(selector.get("matchExpressions") or ()):
        errors += label_requirement(expression, f"{path}.matchExpressions[{i}]")
    return errors


def label_requirement(expression: Obj, path: str) -> Errors:
    errors: Errors = []
    operator, values = expression.get("operator", ""), expression.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(fields.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.append(
                fields.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            )
    else:
        errors.append(fields.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    errors += label_name(expression.get("key", ""), f"{path}.key")
    for i, value in enumerate(values):
        errors += [fields.invalid(f"{path}.values[{i}]", value, m) for m in text.label_value(value)]
    return errors


def matches(selector: Obj, values: dict[str, str]) -> bool:
    """Whether a LabelSelector (that is valid) selects the labels."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if values.get(key) != value:
            return False
    for e in selector.get("matchExpressions") or ():
        operator, have = e.get("operator"), values.get(e.get("key", ""))
        among = e.get("values") or ()
        if (
            (operator == "In" and have not in among)
            or (operator == "NotIn" and have is not None and have in among)
            or (operator == "Exists" and have is None)
            or (operator == "DoesNotExist" and have is not None)
        ):
            return False
    return True


def conditions(values: list[Obj] | None, path: str) -> Errors:
    """metav1.Conditions, as the newer kinds have them."""
    errors: Errors = []
    seen: set[str] = set()
    for i, condition in enumerate(values or ()):
        at, kind = f"{path}[{i}]", condition.get("type", "")
        if kind in seen:
            errors.append(fields.duplicate(f"{at}.type", kind))
        seen.add(kind)
        errors += label_name(kind, f"{at}.type")
        status = condition.get("status", "")
        if status not in ("True", "False", "Unknown"):
            errors.append(fields.not_supported(f"{at}.status", status, ("False", "True", "Unknown")))
        if condition.get("observedGeneration", 0) < 0:
            errors.append(
                fields.invalid(
                    f"{at}.observedGeneration", condition["observedGeneration"], "must be greater than or equal to zero"
                )
            )
        if not condition.get("lastTransitionTime"):
            errors.append(fields.required(f"{at}.lastTransitionTime"))
        if reason := condition.get("reason", ""):
            errors += [fields.invalid(f"{at}.reason", reason, m) for m in text.condition_reason(reason)]
            if len(reason) > 1024:
                errors.append(fields.too_long(f"{at}.reason", 1024))
        else:
            errors.append(fields.required(f"{at}.reason"))
        if len(condition.get("message", "")) > 32 * 1024:
            errors.append(fields.too_long(f"{at}.message", 32 * 1024))
    return errors
