"""Roles and their bindings (kubernetes: pkg/apis/rbac/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import meta, text

Obj = dict[str, Any]
Errors = list[FieldError]

RBAC = "rbac.authorization.k8s.io"


def _rules(rules: list[Obj] | None, namespaced: bool) -> Errors:
    errors: Errors = []
    for i, rule in enumerate(rules or ()):
        at, urls = f"rules[{i}]", rule.get("nonResourceURLs")
        if not rule.get("verbs"):
            errors.append(fields.required(f"{at}.verbs", "verbs must contain at least one value"))
        if urls:
            if namespaced:
                errors.append(
                    fields.invalid(f"{at}.nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs")
                )
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                errors.append(
                    fields.invalid(
                        f"{at}.nonResourceURLs",
                        urls,
                        "rules cannot apply to both regular resources and non-resource URLs",
                    )
                )
            continue
        if not rule.get("apiGroups"):
            errors.append(fields.required(f"{at}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            errors.append(fields.required(f"{at}.resources", "resource rules must supply at least one resource"))
    return errors


def role(obj: Obj) -> Errors:
    return _rules(obj.get("rules"), True)


def cluster_role(obj: Obj) -> Errors:
    errors = _rules(obj.get("rules"), False)
    if (aggregation := obj.get("aggregationRule")) is not None:
        selectors = aggregation.get("clusterRoleSelectors") or []
        if not selectors:
            errors.append(
                fields.required(
                    "aggregationRule.clusterRoleSelectors",
                    "at least one clusterRoleSelector required if aggregationRule is non-nil",
                )
            )
        for i, selector in enumerate(selectors):
            errors += meta.label_selector(selector, f"aggregationRule.clusterRoleSelectors[{i}]")
    return errors


def _binding(obj: Obj, namespaced: bool) -> Errors:
    ref = obj.get("roleRef") or {}
    errors: Errors = []
    if ref.get("apiGroup", "") != RBAC:
        errors.append(fields.not_supported("roleRef.apiGroup", ref.get("apiGroup", ""), (RBAC,)))
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    if ref.get("kind", "") not in kinds:
        errors.append(fields.not_supported("roleRef.kind", ref.get("kind", ""), kinds))
    name = ref.get("name", "")
    errors += (
        [fields.invalid("roleRef.name", name, m) for m in text.path_segment(name)]
        if name
        else [fields.required("roleRef.name")]
    )
    for i, subject in enumerate(obj.get("subjects") or ()):
        errors += _subject(subject, namespaced, f"subjects[{i}]")
    return errors


def _subject(subject: Obj, namespaced: bool, path: str) -> Errors:
    errors: Errors = []
    kind, name, group = (subject.get(k, "") for k in ("kind", "name", "apiGroup"))
    if not name:
        errors.append(fields.required(f"{path}.name"))
    if kind == "ServiceAccount":
        if name:
            errors += [fields.invalid(f"{path}.name", name, m) for m in text.dns1123_subdomain(name)]
        if group:
            errors.append(fields.not_supported(f"{path}.apiGroup", group, ("",)))
        if not subject.get("namespace"):
            errors.append(fields.required(f"{path}.namespace"))
    elif kind in ("User", "Group"):
        if group != RBAC:
            errors.append(fields.not_supported(f"{path}.apiGroup", group, (RBAC,)))
    else:
        errors.append(fields.not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group")))
    return errors


def role_binding(obj: Obj) -> Errors:
    return _binding(obj, True)


def cluster_role_binding(obj: Obj) -> Errors:
    return _binding(obj, False)


def role_ref_update(new: Obj, old: Obj) -> Errors:
    ref = new.get("roleRef") or {}
    if ref == (old.get("roleRef") or {}):
        return []
    shown = Raw(
        "{"
        + ",".join(
            f'"{k}":{go_json(ref.get(j, ""))}'
            for k, j in (("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name"))
        )
        + "}"
    )
    return [fields.invalid("roleRef", shown, "cannot change roleRef")]
