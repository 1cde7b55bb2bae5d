"""Where a Pod may run: affinity, taints and tolerations, spreading (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta, text

Obj = dict[str, Any]
Errors = list[FieldError]

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_IN_RANGE = "must be in the range 1-100"
_NOT_AN_OPERATOR = "not a valid selector operator"


def _node_requirement(r: Obj, path: str, *, lenient: bool) -> Errors:
    errors: Errors = []
    operator, values = r.get("operator", ""), r.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(fields.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.append(
                fields.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            )
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            errors.append(
                fields.required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
            )
    else:
        errors.append(fields.invalid(f"{path}.operator", operator, _NOT_AN_OPERATOR))
    errors += meta.label_name(r.get("key", ""), f"{path}.key")
    if not lenient:
        errors += [
            fields.invalid(f"{path}.values[{i}]", v, m) for i, v in enumerate(values) for m in text.label_value(v)
        ]
    return errors


def _node_field_requirement(r: Obj, path: str) -> Errors:
    errors: Errors = []
    operator, values = r.get("operator", ""), r.get("values") or []
    if operator not in ("In", "NotIn"):
        errors.append(fields.invalid(f"{path}.operator", operator, _NOT_AN_OPERATOR))
    elif len(values) != 1:
        errors.append(
            fields.required(
                f"{path}.values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            )
        )
    if r.get("key") != "metadata.name":
        errors.append(fields.invalid(f"{path}.key", r.get("key", ""), "not a valid field selector key"))
    else:
        errors += [
            fields.invalid(f"{path}.values[{i}]", v, m) for i, v in enumerate(values) for m in text.dns1123_subdomain(v)
        ]
    return errors


def _node_term(term: Obj, path: str, *, lenient: bool) -> Errors:
    errors: Errors = []
    for i, r in enumerate(term.get("matchExpressions") or ()):
        errors += _node_requirement(r, f"{path}.matchExpressions[{i}]", lenient=lenient)
    for i, r in enumerate(term.get("matchFields") or ()):
        errors += _node_field_requirement(r, f"{path}.matchFields[{i}]")
    return errors


def node_selector(selector: Obj, path: str) -> Errors:
    terms = selector.get("nodeSelectorTerms")
    if not terms:
        return [fields.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    errors: Errors = []
    for i, term in enumerate(terms):
        errors += _node_term(term, f"{path}.nodeSelectorTerms[{i}]", lenient=False)
    return errors


def _weight(term: Obj, path: str) -> Errors:
    weight = term.get("weight", 0)
    return [] if 1 <= weight <= 100 else [fields.invalid(f"{path}.weight", weight, _IN_RANGE)]


def affinity(a: Obj | None, path: str) -> Errors:
    if not a:
        return []
    errors: Errors = []
    if node := a.get("nodeAffinity"):
        at = f"{path}.nodeAffinity"
        if (required := node.get(REQUIRED)) is not None:
            errors += node_selector(required, f"{at}.{REQUIRED}")
        for i, term in enumerate(node.get(PREFERRED) or ()):
            errors += _weight(term, f"{at}.{PREFERRED}[{i}]")
            errors += _node_term(term.get("preference") or {}, f"{at}.{PREFERRED}[{i}].preference", lenient=True)
    for key in ("podAffinity", "podAntiAffinity"):
        pod, at = a.get(key) or {}, f"{path}.{key}"
        for i, term in enumerate(pod.get(REQUIRED) or ()):
            errors += _pod_term(term, f"{at}.{REQUIRED}[{i}]")
        for i, term in enumerate(pod.get(PREFERRED) or ()):
            errors += _weight(term, f"{at}.{PREFERRED}[{i}]")
            errors += _pod_term(term.get("podAffinityTerm") or {}, f"{at}.{PREFERRED}[{i}].podAffinityTerm")
    return errors


def _pod_term(term: Obj, path: str) -> Errors:
    selector = term.get("labelSelector")
    errors = meta.label_selector(selector, f"{path}.labelSelector")
    errors += meta.label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces") or ():
        errors += [fields.invalid(f"{path}.namespace", name, m) for m in text.dns1123_label(name)]
    for key in ("matchLabelKeys", "mismatchLabelKeys"):
        keys = term.get(key) or []
        if keys and selector is None:
            errors.append(fields.forbidden(f"{path}.{key}", "must not be specified when labelSelector is not set"))
        else:
            for i, label in enumerate(keys):
                errors += meta.label_name(label, f"{path}.{key}[{i}]")
    mismatch = term.get("mismatchLabelKeys") or ()
    errors += [
        fields.invalid(f"{path}.matchLabelKeys[{i}]", k, "exists in both matchLabelKeys and mismatchLabelKeys")
        for i, k in enumerate(term.get("matchLabelKeys") or ())
        if k in mismatch
    ]
    if not term.get("topologyKey"):
        errors.append(fields.required(f"{path}.topologyKey", "can not be empty"))
    return errors + meta.label_name(term.get("topologyKey", ""), f"{path}.topologyKey")


def _effect(effect: str, path: str) -> Errors:
    return [] if effect in EFFECTS else [fields.not_supported(path, effect, EFFECTS)]


def tolerations(values: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, t in enumerate(values):
        key, operator, value, effect = (t.get(k, "") for k in ("key", "operator", "value", "effect"))
        at = f"{path}[{i}]"
        if key:
            if wrong := text.qualified_name(key):
                errors += [fields.invalid(f"{at}.key", key, m) for m in wrong]
        elif operator != "Exists":
            errors.append(
                fields.invalid(
                    f"{at}.operator",
                    operator,
                    'operator must be Exists when `key` is empty, which means "match all values and all keys"',
                )
            )
        if t.get("tolerationSeconds") is not None and effect != "NoExecute":
            errors.append(
                fields.invalid(f"{at}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
            )
        if operator in ("Equal", ""):
            if wrong := text.label_value(value):
                errors.append(fields.invalid(f"{at}.operator", value, ";".join(wrong)))
        elif operator == "Exists":
            if value:
                errors.append(
                    fields.invalid(f"{at}.operator", value, "value must be empty when `operator` is 'Exists'")
                )
        else:
            errors.append(fields.not_supported(f"{at}.operator", operator, ("Equal", "Exists")))
        if effect:
            errors += _effect(effect, f"{at}.effect")
    return errors


def taints(values: list[Obj], path: str) -> Errors:
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for i, t in enumerate(values):
        key, value, effect = (t.get(k, "") for k in ("key", "value", "effect"))
        at = f"{path}[{i}]"
        errors += meta.label_name(key, f"{at}.key")
        if wrong := text.label_value(value):
            errors.append(fields.invalid(f"{at}.value", value, ";".join(wrong)))
        errors += _effect(effect, f"{at}.effect") if effect else [fields.required(f"{at}.effect")]
        if (key, effect) in seen:
            added = go_json(t["timeAdded"]) if t.get("timeAdded") else "null"
            shown = Raw(
                f'{{"Key":{go_json(key)},"Value":{go_json(value)},"Effect":{go_json(effect)},"TimeAdded":{added}}}'
            )
            error = fields.duplicate(at, shown)
            error.message += ": taints must be unique by key and effect pair"
            errors.append(error)
        seen.add((key, effect))
    return errors


def spread_constraints(values: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, c in enumerate(values):
        at, key, action = f"{path}[{i}]", c.get("topologyKey", ""), c.get("whenUnsatisfiable", "")
        if c.get("maxSkew", 0) <= 0:
            errors.append(fields.invalid(f"{at}.maxSkew", c.get("maxSkew", 0), "must be greater than zero"))
        if not key:
            errors.append(fields.required(f"{at}.topologyKey", "can not be empty"))
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            errors.append(fields.not_supported(f"{at}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway")))
        if any(o.get("topologyKey", "") == key and o.get("whenUnsatisfiable", "") == action for o in values[i + 1 :]):
            errors.append(fields.duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
        least = c.get("minDomains")
        if least is not None:
            if least <= 0:
                errors.append(fields.invalid(f"{at}.minDomains", least, "must be greater than zero"))
            if action != "DoNotSchedule":
                errors.append(
                    fields.invalid(
                        f"{at}.minDomains",
                        least,
                        f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}",
                    )
                )
        for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if c.get(policy, "Honor") not in ("Honor", "Ignore"):
                errors.append(fields.not_supported(f"{at}.{policy}", c[policy], ("Honor", "Ignore")))
        errors += _spread_keys(c, f"{at}.matchLabelKeys")
        errors += meta.label_selector(c.get("labelSelector"), f"{at}.labelSelector")
    return errors


def _spread_keys(constraint: Obj, path: str) -> Errors:
    keys, selector = constraint.get("matchLabelKeys") or [], constraint.get("labelSelector")
    if not keys:
        return []
    errors: Errors = []
    if selector is None:
        errors.append(fields.forbidden(path, "must not be specified when labelSelector is not set"))
    for i, key in enumerate(keys):
        errors += meta.label_name(key, f"{path}[{i}]")
        if key in ((selector or {}).get("matchLabels") or {}):
            errors.append(fields.invalid(f"{path}[{i}]", key, "exists in both matchLabelKeys and labelSelector"))
    return errors
