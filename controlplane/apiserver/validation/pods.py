"""Pods: new ones, changed ones, and what a kubelet says of them (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import containers, meta, scheduling, text
from controlplane.apiserver.validation.network import dual_stack, valid_ip
from controlplane.apiserver.validation.pod_diff import pod_spec_diff
from controlplane.apiserver.validation.pod_spec import MIRROR, pod_annotations, pod_spec, template
from controlplane.apiserver.validation.semantics import same

Obj = dict[str, Any]
Errors = list[FieldError]

_MAX_INT32 = 2**31 - 1
_UPDATABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
)
# Specs without a fault, by the identity of their parts: Pods of one ReplicaSet share them.  The spec itself is kept so
# that no other object can get the same identity.
_accepted: dict[tuple[Any, ...], Obj] = {}
_KEEP = 256
_SYSTEM_CONDITIONS = ("PodScheduled", "Ready", "Initialized")


def _spec_of(obj: Obj) -> Obj:
    return obj.get("spec") or {}


def pod(obj: Obj) -> Errors:
    """All but the metadata of a Pod."""
    spec, metadata = _spec_of(obj), obj["metadata"]
    shape = None
    if not metadata.get("annotations") and not spec.get("volumes"):  # all that is said of the spec lies in the spec
        shape = tuple((name, id(part) if isinstance(part, dict | list) else part) for name, part in spec.items())
        if shape in _accepted:
            return []
    errors = pod_annotations(metadata.get("annotations"), spec, "metadata.annotations")
    errors += pod_spec(spec, "spec", is_pod=True, pod_name=metadata.get("name", ""))
    if "volumes" in spec and not spec.get("serviceAccountName"):
        errors += [
            fields.forbidden(
                f"spec.volumes[{i}].projected.sources[{j}].serviceAccountToken",
                "must not be specified when serviceAccountName is not set",
            )
            for i, v in enumerate(spec["volumes"])
            for j, s in enumerate((v.get("projected") or {}).get("sources") or ())
            if "serviceAccountToken" in s
        ]
    for kind in ("containers", "initContainers"):
        for i, c in enumerate(spec.get(kind) or ()):
            errors += containers.untrimmed_image(c, f"spec.{kind}[{i}]")
    if shape is not None and not errors:
        if len(_accepted) >= _KEEP:
            _accepted.clear()
        _accepted[shape] = spec
    return errors


def pod_create(obj: Obj) -> Errors:
    spec = _spec_of(obj)
    errors = pod(obj)
    if spec.get("ephemeralContainers"):
        errors.append(fields.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        errors.append(fields.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))
    return errors


def _images(new: list[Obj], old: list[Obj], path: str) -> tuple[Errors, bool]:
    if len(new) != len(old):
        return [fields.forbidden(path, "pod updates may not add or remove containers")], True
    errors: Errors = []
    for i, c in enumerate(new):
        if not c.get("image"):
            errors.append(fields.required(f"{path}[{i}].image"))
        errors += containers.untrimmed_image(c, f"{path}[{i}]")
    return errors, False


def _annotation_updates(new: Obj, old: Obj) -> Errors:
    after, before = new["metadata"].get("annotations") or {}, old["metadata"].get("annotations") or {}
    if after is before or after == before:
        return []
    path = f"metadata.annotations[{MIRROR}]"
    errors: Errors = []
    if MIRROR in before and after.get(MIRROR) != before[MIRROR]:
        errors.append(fields.forbidden(path, "may not remove or update mirror pod annotation"))
    elif MIRROR in after and MIRROR not in before:
        errors.append(fields.forbidden(path, "may not add mirror pod annotation"))
    return errors + pod_annotations(after, _spec_of(new), "metadata.annotations")


def pod_update(new: Obj, old: Obj) -> Errors:
    """What is wrong with a change of a Pod; its metadata as for a new one is looked at by the caller."""
    spec, before = _spec_of(new), _spec_of(old)
    if spec is before:
        return _annotation_updates(new, old)
    errors = pod(new) + _annotation_updates(new, old)
    for kind in ("containers", "initContainers"):
        wrong, stop = _images(spec.get(kind) or [], before.get(kind) or [], f"spec.{kind}")
        errors += wrong
        if stop:
            return errors
    deadline, was = spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    at = "spec.activeDeadlineSeconds"
    if deadline is not None:
        if not 0 <= deadline <= _MAX_INT32:
            return [*errors, fields.invalid(at, deadline, text.range_error(0, _MAX_INT32))]
        if was is not None and was < deadline:
            return [*errors, fields.invalid(at, deadline, "must be less than or equal to previous value")]
    elif was is not None:
        errors.append(fields.invalid(at, None, "must not update from a positive integer to nil value"))
    errors += _tolerations(spec, before) + _gates(spec, before)
    if same(spec, before):
        return errors
    munged, wrong = _munged(spec, before)
    errors += wrong
    if not same(munged, before):
        errors.append(fields.forbidden("spec", _UPDATABLE + pod_spec_diff(before, munged)))
    return errors


def _tolerations(spec: Obj, before: Obj) -> Errors:
    new, old = spec.get("tolerations") or [], before.get("tolerations") or []
    if new is old:
        return []

    def bare(t: Obj) -> Obj:
        return {k: v for k, v in t.items() if k != "tolerationSeconds"}

    have = [bare(t) for t in new]
    if any(bare(t) not in have for t in old):
        return [
            fields.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        ]
    return scheduling.tolerations(new, "spec.tolerations")


def _gates(spec: Obj, before: Obj) -> Errors:
    old = [g.get("name") for g in before.get("schedulingGates") or ()]
    return [
        fields.forbidden(
            f"spec.schedulingGates[{i}].name",
            f"only deletion is allowed, but found new scheduling gate '{g.get('name', '')}'",
        )
        for i, g in enumerate(spec.get("schedulingGates") or ())
        if g.get("name") not in old
    ]


def _munged(spec: Obj, before: Obj) -> tuple[Obj, Errors]:
    """The new spec with all that may change put back; the rest has to be as it was."""
    munged = dict(spec)
    for kind in ("containers", "initContainers"):
        if kind in munged:
            munged[kind] = [{**c, "image": o.get("image")} for c, o in zip(munged[kind], before[kind], strict=True)]
    for key in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        munged.pop(key, None)
        if key in before:
            munged[key] = before[key]
    if before.get("terminationGracePeriodSeconds", 0) < 0 and munged.get("terminationGracePeriodSeconds") == 1:
        munged["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    errors: Errors = []
    if before.get("schedulingGates"):
        errors = _gated(munged, before)
    return munged, errors


def _gated(munged: Obj, before: Obj) -> Errors:
    """A Pod that waits at a gate may yet narrow down where it runs."""
    errors: Errors = []
    new, old = munged.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if new != old:
        if any(new.get(k) != v for k, v in old.items()):
            errors.append(
                fields.invalid(
                    "spec.nodeSelector",
                    new,
                    "only additions to spec.nodeSelector are allowed (no mutations or deletions)",
                )
            )
        _put_back(munged, before, "nodeSelector")
    after, prior = munged.get("affinity") or {}, before.get("affinity") or {}
    if not same(after.get("nodeAffinity"), prior.get("nodeAffinity")):
        errors += _narrower(after.get("nodeAffinity") or {}, prior.get("nodeAffinity") or {})
        affinity = dict(after)
        _put_back(affinity, prior, "nodeAffinity")
        munged["affinity"] = affinity
        if not affinity and not prior:
            del munged["affinity"]
    return errors


def _put_back(new: Obj, old: Obj, key: str) -> None:
    new.pop(key, None)
    if key in old:
        new[key] = old[key]


def _narrower(new: Obj, old: Obj) -> Errors:
    path = f"spec.affinity.nodeAffinity.{scheduling.REQUIRED}.nodeSelectorTerms"
    before = (old.get(scheduling.REQUIRED) or {}).get("nodeSelectorTerms") or []
    after = (new.get(scheduling.REQUIRED) or {}).get("nodeSelectorTerms") or []
    if before and len(before) != len(after):
        return [fields.invalid(path, after, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")]
    errors: Errors = []
    for i, (n, o) in enumerate(zip(after, before, strict=False)):
        pairs = [(n.get(k) or [], o.get(k) or []) for k in ("matchExpressions", "matchFields")]
        if any(x[: len(y)] != y for x, y in pairs) or (not any(y for _, y in pairs) and any(x for x, _ in pairs)):
            errors.append(fields.invalid(f"{path}[{i}]", n, "only additions are allowed (no mutations or deletions)"))
    return errors


def pod_status_update(new: Obj, old: Obj) -> Errors:
    status, before, spec = new.get("status") or {}, old.get("status") or {}, _spec_of(old)
    errors = _annotation_updates(new, old)
    for i, condition in enumerate(status.get("conditions") or ()):
        if condition.get("type", "") not in _SYSTEM_CONDITIONS:
            errors += meta.label_name(condition.get("type", ""), f"metadata.conditions[{i}].Type")
    nominated = status.get("nominatedNodeName", "")
    if nominated and nominated != before.get("nominatedNodeName"):
        errors += [fields.invalid("status.nominatedNodeName", nominated, m) for m in text.dns1123_subdomain(nominated)]
    errors += meta.immutable(status.get("qosClass", ""), before.get("qosClass", ""), "status.qosClass")
    policy = spec.get("restartPolicy", "")
    sidecars = {c.get("name") for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    errors += _transitions(status, before, "containerStatuses", policy, set())
    errors += _transitions(status, before, "initContainerStatuses", policy, sidecars)
    errors += _transitions(status, before, "ephemeralContainerStatuses", "Never", set())
    errors += _addresses(status.get("podIPs") or [], "status.podIPs")
    if hosts := status.get("hostIPs"):
        if status.get("hostIP", "") != hosts[0].get("ip", ""):
            errors.append(fields.invalid("status.hostIPs[0].ip", hosts[0].get("ip", ""), "must be equal to `hostIP`"))
        errors += _addresses(hosts, "status.hostIPs")
    return errors


def _transitions(status: Obj, before: Obj, key: str, policy: str, free: set[Any]) -> Errors:
    """A container that ended for good does not run again."""
    if policy == "Always":
        return []
    errors: Errors = []
    for i, was in enumerate(before.get(key) or ()):
        ended = (was.get("state") or {}).get("terminated")
        if ended is None or was.get("name") in free or (ended.get("exitCode") and policy == "OnFailure"):
            continue
        for now in status.get(key) or ():
            if now.get("name") == was.get("name") and (now.get("state") or {}).get("terminated") is None:
                errors.append(
                    fields.forbidden(f"status.{key}[{i}].state", "may not be transitioned to non-terminated state")
                )
    return errors


def _addresses(ips: list[Obj], path: str) -> Errors:
    errors: Errors = []
    values = [ip.get("ip", "") for ip in ips]
    for i, value in enumerate(values):
        errors += valid_ip(f"{path}[{i}]", value)
    if len(values) > 1:
        if not dual_stack(values) or len(values) > 2:
            errors.append(
                fields.invalid(path, [{"IP": v} for v in values], "may specify no more than one IP for each IP family")
            )
        errors += [fields.duplicate(f"{path}[{i}]", {"IP": v}) for i, v in enumerate(values) if v in values[:i]]
    return errors


def pod_template(obj: Obj) -> Errors:
    return template(obj.get("template") or {}, "template")


def pod_template_update(new: Obj, old: Obj) -> Errors:
    return [] if new.get("template") is old.get("template") else pod_template(new)
