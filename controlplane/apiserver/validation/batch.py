"""Jobs (kubernetes: pkg/apis/batch/validation)."""

from __future__ import annotations

import json
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json, go_quote
from controlplane.apiserver.validation import meta, text
from controlplane.apiserver.validation.networking import domain_prefixed_path
from controlplane.apiserver.validation.pod_diff import show_template
from controlplane.apiserver.validation.pod_spec import template
from controlplane.apiserver.validation.semantics import same
from controlplane.apiserver.validation.workloads import NO_MATCH, nonnegative_field

Obj = dict[str, Any]
Errors = list[FieldError]

CONTROLLER_UID, JOB_NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
_LEGACY = ("controller-uid", "job-name")
_COUNTS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_INDEXED_ONLY = "requires indexed completion mode"
_FIXED = ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")


def _spec(obj: Obj) -> Obj:
    return obj.get("spec") or {}


def _omitted(path: str, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", path, f"Invalid value: {detail}")


def job(obj: Obj) -> Errors:
    spec, metadata = _spec(obj), obj["metadata"]
    errors = _generated_selector(spec, metadata) + _with_selector(spec)
    completions = spec.get("completions") or 0
    if spec.get("completionMode") == "Indexed" and completions > 0:
        host = f"{metadata.get('name', '')}-{completions - 1}"
        if text.dns1123_label(host):
            errors.append(
                fields.invalid(
                    "metadata.name",
                    metadata.get("name", ""),
                    f"will not able to create pod with invalid DNS label: {host}",
                )
            )
    return errors


def _generated_selector(spec: Obj, metadata: Obj) -> Errors:
    selector = spec.get("selector")
    if spec.get("manualSelector") or selector is None:
        return []
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    uid, name = metadata.get("uid", ""), metadata.get("name", "")
    errors: Errors = [] if uid else [fields.required("metadata.uid")]
    expected = {_LEGACY[0]: uid, _LEGACY[1]: name, CONTROLLER_UID: uid, JOB_NAME: name}
    for key, value in expected.items():
        at = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            errors.append(fields.required(at, f"must be '{value}'"))
        elif labels[key] != value:
            errors.append(fields.invalid(at, labels, f"must be '{value}'"))
    if not meta.matches(selector, expected):
        errors.append(fields.invalid("spec.selector", meta.show_selector(selector), "`selector` not auto-generated"))
    return errors


def _with_selector(spec: Obj) -> Errors:
    errors = job_spec(spec, "spec")
    selector = spec.get("selector")
    if selector is None:
        errors.append(fields.required("spec.selector"))
        return errors
    wrong = meta.label_selector(selector, "spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if not wrong and not meta.matches(selector, labels or {}):
        wrong.append(fields.invalid("spec.template.metadata.labels", labels, NO_MATCH))
    return errors + wrong


def job_spec(spec: Obj, path: str) -> Errors:
    errors: Errors = []
    for key in _COUNTS:
        errors += nonnegative_field(spec, key, path)
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        errors.append(fields.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    if (manager := spec.get("managedBy")) is not None:
        errors += domain_prefixed_path(manager, f"{path}.managedBy")
        if len(manager) > 63:
            errors.append(fields.too_long(f"{path}.managedBy", 63))
    errors += _completion_mode(spec, path)
    if (policy := spec.get("podFailurePolicy")) is not None:
        errors += _failure_policy(policy, spec, f"{path}.podFailurePolicy")
    if (success := spec.get("successPolicy")) is not None:
        errors += _success_policy(success, spec, f"{path}.successPolicy")
    replacement = spec.get("podReplacementPolicy")
    allowed = ("Failed",) if policy is not None else ("Failed", "TerminatingOrFailed")
    if replacement is not None and replacement not in allowed:
        errors.append(fields.not_supported(f"{path}.podReplacementPolicy", replacement, allowed))
    pods = spec.get("template") or {}
    errors += template(pods, f"{path}.template")
    return errors + _restart_policy(
        (pods.get("spec") or {}).get("restartPolicy", ""), policy is not None, f"{path}.template.spec.restartPolicy"
    )


def _restart_policy(policy: str, strict: bool, path: str) -> Errors:
    if policy in ("Always", ""):
        return [fields.required(path, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [fields.not_supported(path, policy, ("OnFailure", "Never"))]
    if strict and policy != "Never":
        return [fields.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []


def _completion_mode(spec: Obj, path: str) -> Errors:
    mode, most, completions = spec.get("completionMode"), spec.get("maxFailedIndexes"), spec.get("completions")
    parallelism, per_index = spec.get("parallelism") or 0, spec.get("backoffLimitPerIndex")
    errors: Errors = []
    if mode is not None and mode not in ("NonIndexed", "Indexed"):
        errors.append(fields.not_supported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed")))
    if mode != "Indexed":
        if mode in (None, "NonIndexed"):
            errors += [
                fields.invalid(f"{path}.{k}", spec[k], _INDEXED_ONLY)
                for k in ("backoffLimitPerIndex", "maxFailedIndexes")
                if spec.get(k) is not None
            ]
        return errors
    if completions is None:
        errors.append(fields.required(f"{path}.completions", "when completion mode is Indexed"))
    if parallelism > 100_000:
        errors.append(
            fields.invalid(
                f"{path}.parallelism",
                parallelism,
                "must be less than or equal to 100000 when completion mode is Indexed",
            )
        )
    if most is not None:
        if completions is not None and most > completions:
            errors.append(fields.invalid(f"{path}.maxFailedIndexes", most, "must be less than or equal to completions"))
        if most > 100_000:
            errors.append(fields.invalid(f"{path}.maxFailedIndexes", most, "must be less than or equal to 100000"))
    if per_index is not None and (completions or 0) > 100_000:
        why = (
            "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per "
            "index"
        )
        if most is None:
            errors.append(
                fields.required(f"{path}.maxFailedIndexes", "must be specified when completions is above 100000")
            )
        if parallelism > 10_000:
            errors.append(fields.invalid(f"{path}.parallelism", parallelism, why))
        if most is not None and most > 10_000:
            errors.append(fields.invalid(f"{path}.maxFailedIndexes", most, why))
    return errors


def _failure_policy(policy: Obj, spec: Obj, path: str) -> Errors:
    rules = policy.get("rules") or []
    errors: Errors = [fields.too_many(f"{path}.rules", len(rules), 20)] if len(rules) > 20 else []
    pod = (spec.get("template") or {}).get("spec") or {}
    names = {c.get("name") for k in ("containers", "initContainers") for c in pod.get(k) or ()}
    for i, rule in enumerate(rules):
        at, action = f"{path}.rules[{i}]", rule.get("action", "")
        codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions") or []
        if not action:
            shown = "[" + " ".join(go_quote(a) for a in _ACTIONS) + "]"
            errors.append(fields.required(f"{at}.action", f"valid values: {shown}"))
        elif action == "FailIndex":
            if spec.get("backoffLimitPerIndex") is None:
                errors.append(fields.invalid(f"{at}.action", action, "requires the backoffLimitPerIndex to be set"))
        elif action not in _ACTIONS:
            errors.append(fields.not_supported(f"{at}.action", action, _ACTIONS))
        if codes is not None:
            errors += _exit_codes(codes, names, f"{at}.onExitCodes")
        for j, pattern in enumerate(patterns):
            errors += meta.label_name(pattern.get("type", ""), f"{at}.onPodConditions[{j}].type")
            if pattern.get("status") not in ("False", "True", "Unknown"):
                errors.append(
                    fields.not_supported(
                        f"{at}.onPodConditions[{j}].status", pattern.get("status", ""), ("False", "True", "Unknown")
                    )
                )
        if codes is not None and patterns:
            errors.append(_omitted(at, "specifying both OnExitCodes and OnPodConditions is not supported"))
        if codes is None and not patterns:
            errors.append(_omitted(at, "specifying one of OnExitCodes and OnPodConditions is required"))
    return errors


def _exit_codes(codes: Obj, names: set[Any], path: str) -> Errors:
    operator, values, name = codes.get("operator", ""), codes.get("values") or [], codes.get("containerName")
    errors: Errors = []
    if operator not in ("In", "NotIn"):
        errors.append(
            fields.not_supported(f"{path}.operator", operator, ("In", "NotIn"))
            if operator
            else fields.required(f"{path}.operator", 'valid values: ["In" "NotIn"]')
        )
    if name is not None and name not in names:
        errors.append(
            fields.invalid(
                f"{path}.containerName", name, "must be one of the container or initContainer names in the pod template"
            )
        )
    if not values:
        errors.append(fields.invalid(f"{path}.values", codes.get("values"), "at least one value is required"))
    elif len(values) > 255:
        errors.append(fields.too_many(f"{path}.values", len(values), 255))
    for i, value in enumerate(values):
        if operator == "In" and value == 0:
            errors.append(fields.invalid(f"{path}.values[{i}]", value, "must not be 0 for the In operator"))
        if value in values[:i]:
            errors.append(fields.duplicate(f"{path}.values[{i}]", value))
    if values != sorted(values):
        errors.append(fields.invalid(f"{path}.values", values, "must be ordered"))
    return errors


def _success_policy(policy: Obj, spec: Obj, path: str) -> Errors:
    rules = policy.get("rules") or []
    if spec.get("completionMode") != "Indexed":
        shown = Raw(
            '{"Rules":['
            + ",".join(
                f'{{"SucceededIndexes":{go_json(r.get("succeededIndexes"))},"SucceededCount":'
                f"{go_json(r.get('succeededCount'))}}}"
                for r in rules
            )
            + "]}"
        )
        return [fields.invalid(path, shown, _INDEXED_ONLY)]
    errors: Errors = []
    if not rules:
        errors.append(
            fields.required(f"{path}.rules", "at least one rules must be specified when the successPolicy is specified")
        )
    if len(rules) > 20:
        errors.append(fields.too_many(f"{path}.rules", len(rules), 20))
    for i, rule in enumerate(rules):
        count, completions = rule.get("succeededCount"), spec.get("completions") or 0
        if count is None and rule.get("succeededIndexes") is None:
            errors.append(
                fields.required(
                    f"{path}.rules[{i}]", "at least one of succeededCount or succeededIndexes must be specified"
                )
            )
        if count is not None:
            at = f"{path}.rules[{i}].succeededCount"
            errors += meta.nonnegative(count, at)
            if count > completions:
                errors.append(
                    fields.invalid(
                        at, count, f"must be less than or equal to {completions} (the number of specified completions)"
                    )
                )
    return errors


def job_update(new: Obj, old: Obj) -> Errors:
    spec, before = _spec(new), _spec(old)
    if spec is before:
        return []
    errors = _with_selector(spec)
    completions, was = spec.get("completions"), before.get("completions")
    if spec.get("completionMode") != "Indexed":
        errors += meta.immutable(completions, was, "spec.completions")
    elif completions is not None and completions != was and completions != spec.get("parallelism"):
        errors.append(
            fields.invalid("spec.completions", completions, "can only be modified in tandem with spec.parallelism")
        )
    if not same(spec.get("selector"), before.get("selector")):
        errors.append(fields.invalid("spec.selector", meta.show_selector(spec.get("selector")), meta.IMMUTABLE))
    pods, prior = spec.get("template") or {}, before.get("template") or {}
    if _scheduling_is_open(spec, before, old):
        prior = _with_directives(prior, pods)
    if not same(pods, prior):
        errors.append(fields.invalid("spec.template", show_template(pods), meta.IMMUTABLE))
    for key in _FIXED:
        if not same(spec.get(key), before.get(key)):
            errors.append(fields.invalid(f"spec.{key}", _show(key, spec.get(key)), meta.IMMUTABLE))
    return errors


def _show(key: str, value: Any) -> Any:
    """The value of a field that stays as it is, in a message: with the names that it has inside the server."""
    if not isinstance(value, dict):
        return value
    rules: list[Obj] = []
    for rule in value.get("rules") or ():
        if key == "successPolicy":
            rules.append(
                {"SucceededIndexes": rule.get("succeededIndexes"), "SucceededCount": rule.get("succeededCount")}
            )
            continue
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        rules.append(
            {
                "Action": rule.get("action", ""),
                "OnExitCodes": codes
                and {
                    "ContainerName": codes.get("containerName"),
                    "Operator": codes.get("operator", ""),
                    "Values": codes.get("values"),
                },
                "OnPodConditions": conditions
                and [{"Type": c.get("type", ""), "Status": c.get("status", "")} for c in conditions],
            }
        )
    return Raw(json.dumps({"Rules": rules or None}, separators=(",", ":")))


def _scheduling_is_open(spec: Obj, before: Obj, old: Obj) -> bool:
    """A Job that never started may yet be told where to run."""
    return bool(
        before.get("suspend") and spec.get("suspend") is not None and not (old.get("status") or {}).get("startTime")
    )


def _with_directives(prior: Obj, pods: Obj) -> Obj:
    spec, pod = dict(prior.get("spec") or {}), pods.get("spec") or {}
    for key in ("nodeSelector", "tolerations", "schedulingGates"):
        spec.pop(key, None)
        if key in pod:
            spec[key] = pod[key]
    affinity = {k: v for k, v in (spec.get("affinity") or {}).items() if k != "nodeAffinity"}
    if "nodeAffinity" in (pod.get("affinity") or {}):
        affinity["nodeAffinity"] = pod["affinity"]["nodeAffinity"]
    spec["affinity"] = affinity
    metadata = {**(prior.get("metadata") or {})}
    for key in ("labels", "annotations"):
        metadata.pop(key, None)
        if key in (pods.get("metadata") or {}):
            metadata[key] = pods["metadata"][key]
    return {**prior, "spec": spec, "metadata": metadata}
