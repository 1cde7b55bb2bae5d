"""Amounts of resources: their names and what they may be (kubernetes: pkg/apis/core/validation, helper)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.meta import NEGATIVE
from controlplane.quantity import NANO, Quantity, QuantityError

Obj = dict[str, Any]
Errors = list[FieldError]

NOT_INTEGER = "must be an integer"
NOT_POSITIVE = "must be greater than zero"
HUGE_PAGES = "hugepages-"
_OBJECT_COUNTS = (
    "pods",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
    "resourcequotas",
)
_QUOTA = frozenset(
    (
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        *_OBJECT_COUNTS,
    )
)
_STANDARD = frozenset(
    (
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "storage",
        "requests.storage",
        *_OBJECT_COUNTS,
    )
)
_CONTAINER = frozenset(("cpu", "memory", "ephemeral-storage"))
_INTEGER = frozenset(_OBJECT_COUNTS)


@lru_cache(8192)
def billionths(quantity: str) -> int:
    """The number that a quantity (which the decoder has found good) stands for.

    >>> billionths("100m"), billionths("1Ki") // 10**9
    (100000000, 1024)
    """
    return Quantity.parse(quantity).nanos


def value_of(quantity: Any) -> int:
    return billionths(quantity if isinstance(quantity, str) else str(quantity))


def huge_page(name: str) -> bool:
    return name.startswith(HUGE_PAGES)


def native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def extended(name: str) -> bool:
    if native(name) or name.startswith("requests."):
        return False
    return not text.qualified_name("requests." + name)


def overcommit(name: str) -> bool:
    return native(name) and not huge_page(name)


def nonnegative(quantity: Any, path: str) -> Errors:
    return [fields.invalid(path, str(quantity), NEGATIVE)] if value_of(quantity) < 0 else []


def positive(quantity: Any, path: str) -> Errors:
    return [fields.invalid(path, str(quantity), NOT_POSITIVE)] if value_of(quantity) <= 0 else []


def quantity_value(name: str, quantity: Any, path: str) -> Errors:
    """ValidateResourceQuantityValue."""
    number = value_of(quantity)
    errors: Errors = []
    if number < 0:
        errors.append(fields.invalid(path, str(quantity), NEGATIVE))
    if number % NANO and (name in _INTEGER or extended(name)):
        errors.append(fields.invalid(path, str(quantity), NOT_INTEGER))
    return errors


def resource_name(name: str, path: str) -> Errors:
    errors = [fields.invalid(path, name, m) for m in text.qualified_name(name)]
    if (
        not errors
        and "/" not in name
        and name not in _STANDARD
        and not huge_page(name)
        and not (name.startswith("requests.hugepages-"))
    ):
        errors.append(fields.invalid(path, name, "must be a standard resource type or fully qualified"))
    return errors


def container_resource_name(name: str, path: str) -> Errors:
    if name in _CONTAINER:
        return []
    errors = resource_name(name, path)
    if "/" not in name:
        if not huge_page(name):
            errors.append(fields.invalid(path, name, "must be a standard resource for containers"))
    elif not native(name) and not extended(name):
        errors.append(fields.invalid(path, name, "doesn't follow extended resource name standard"))
    return errors


def pod_resource_name(name: str, path: str) -> Errors:
    errors = resource_name(name, path)
    if not errors and name not in ("cpu", "memory") and not huge_page(name):
        errors.append(fields.not_supported(path, name, ("cpu", "hugepages-", "memory")))
    return errors


def quota_resource_name(name: str, path: str) -> Errors:
    errors = resource_name(name, path)
    if "/" not in name and name not in _QUOTA and not name.startswith(("hugepages-", "requests.hugepages-")):
        errors.append(fields.invalid(path, name, "must be a standard resource for quota"))
    return errors


def requirements(resources: Obj | None, claims: list[str], path: str, *, pod: bool = False) -> Errors:
    """Requests and limits of a container, or of a whole Pod."""
    if not resources:
        return []
    errors: Errors = []
    check = pod_resource_name if pod else container_resource_name
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name in sorted(limits):
        at = f"{path}.limits[{name}]"
        errors += check(name, at) + quantity_value(name, limits[name], at) + _huge_page_value(name, limits[name], at)
    for name in sorted(requests):
        at, quantity = f"{path}.requests[{name}]", requests[name]
        errors += check(name, at) + quantity_value(name, quantity, at)
        if name in limits:
            limit = limits[name]
            if quantity is not limit and quantity != limit:
                have, most = value_of(quantity), value_of(limit)
                if have != most and not overcommit(name):
                    errors.append(
                        fields.invalid(f"{path}.requests", str(quantity), f"must be equal to {name} limit of {limit}")
                    )
                elif have > most:
                    errors.append(
                        fields.invalid(
                            f"{path}.requests", str(quantity), f"must be less than or equal to {name} limit of {limit}"
                        )
                    )
        elif not overcommit(name):
            errors.append(fields.required(f"{path}.limits", "Limit must be set for non overcommitable resources"))
        errors += _huge_page_value(name, quantity, at)
    named = {*limits, *requests}
    if any(huge_page(n) for n in named) and not named & {"cpu", "memory"}:
        errors.append(fields.forbidden(path, "HugePages require cpu or memory"))
    return errors + _claim_names(resources.get("claims") or [], claims, f"{path}.claims")


def _huge_page_value(name: str, quantity: Any, path: str) -> Errors:
    if not huge_page(name):
        return []
    try:
        size = billionths(name.removeprefix(HUGE_PAGES))
    except QuantityError:
        size = 0
    if size > 0 and value_of(quantity) % size == 0:
        return []
    return [fields.invalid(path, str(quantity), f"{quantity} is not positive integer multiple of {name}")]


def _claim_names(claims: list[Obj], known: list[str], path: str) -> Errors:
    errors: Errors = []
    seen: list[str] = []
    for i, claim in enumerate(claims):
        name, request, at = claim.get("name", ""), claim.get("request", ""), f"{path}[{i}]"
        if not name:
            errors.append(fields.required(at))
            continue
        if name in seen:
            errors.append(fields.duplicate(at, name))
        else:
            key = f"{name}/{request}" if request else name
            if request:
                errors += [fields.invalid(f"{at}.request", request, m) for m in text.dns1123_label(request)]
            if key in seen:
                errors.append(fields.duplicate(at, key))
            elif not request:
                errors += [fields.duplicate(at, name) for k in seen if k.startswith(name + "/")]
            seen.append(key)
        if name not in known:
            among = ": " + ", ".join(sorted(set(known))) if known else " which is empty"
            error = fields.not_found(at, name)
            error.message += ": must be one of the names in pod.spec.resourceClaims" + among
            errors.append(error)
    return errors
