"""Nodes and Namespaces (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, Raw, go_json
from controlplane.apiserver.validation import scheduling
from controlplane.apiserver.validation.meta import finalizers
from controlplane.apiserver.validation.network import legacy_cidr
from controlplane.apiserver.validation.quantities import quantity_value

Obj = dict[str, Any]
Errors = list[FieldError]

_ONCE = 'node updates may not change podCIDR except from "" to valid'


def _resources(obj: Obj) -> Errors:
    status = obj.get("status") or {}
    errors: Errors = []
    for kind in ("capacity", "allocatable"):
        amounts = status.get(kind) or {}
        for name in sorted(amounts):
            errors += quantity_value(name, amounts[name], f"status.{kind}.{name}")
    return errors


def node(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = scheduling.taints(spec.get("taints") or [], "metadata.taints") + _resources(obj)
    cidrs = spec.get("podCIDRs") or []
    for i, cidr in enumerate(cidrs):
        errors += legacy_cidr(f"spec.podCIDRs[{i}]", cidr)
    if len(cidrs) > 1:
        if len(cidrs) > 2 or (":" in cidrs[0]) == (":" in cidrs[1]):
            errors.append(
                fields.invalid("spec.podCIDRs", cidrs, "may specify no more than one CIDR for each IP family")
            )
        errors += [fields.duplicate(f"spec.podCIDRs[{i}]", c) for i, c in enumerate(cidrs) if c in cidrs[:i]]
    return errors


def node_update(new: Obj, old: Obj) -> Errors:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    errors: Errors = []
    if new.get("status") is not old.get("status"):
        errors += _resources(new)
        addresses = (new.get("status") or {}).get("addresses") or []
        errors += [
            fields.duplicate(
                f"status.addresses[{i}]",
                Raw(f'{{"Type":{go_json(a.get("type", ""))},"Address":{go_json(a.get("address", ""))}}}'),
            )
            for i, a in enumerate(addresses)
            if a in addresses[:i]
        ]
    if spec is before:
        return errors
    was, now = before.get("podCIDRs") or [], spec.get("podCIDRs") or []
    if was and len(was) != len(now):
        errors.append(fields.forbidden("spec.podCIDRs", _ONCE))
    elif was:
        errors += [fields.forbidden("spec.podCIDRs", _ONCE) for a, b in zip(was, now, strict=True) if a != b]
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        errors.append(
            fields.forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')
        )
    return errors + scheduling.taints(spec.get("taints") or [], "metadata.taints")


def namespace(obj: Obj) -> Errors:
    names = (obj.get("spec") or {}).get("finalizers") or []
    return finalizers(names, "spec.finalizers") + [
        fields.invalid("spec.finalizers", n, "name is neither a standard finalizer name nor is it fully qualified")
        for n in names
        if "/" not in n and n not in ("kubernetes", "orphan", "foregroundDeletion")
    ]


def namespace_status_update(new: Obj, old: Obj) -> Errors:
    phase = (new.get("status") or {}).get("phase", "")
    if new["metadata"].get("deletionTimestamp"):
        if phase != "Terminating":
            return [
                fields.invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")
            ]
    elif phase != "Active":
        return [fields.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")]
    return []
