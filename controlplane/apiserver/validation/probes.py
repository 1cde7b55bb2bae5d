"""Probes and lifecycle hooks of containers (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import text
from controlplane.apiserver.validation.meta import nonnegative
from controlplane.apiserver.validation.network import port_or_name

Obj = dict[str, Any]
Errors = list[FieldError]

_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_SIGNALS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")


def _http_get(action: Obj, path: str) -> Errors:
    errors: Errors = []
    if not action.get("path"):
        errors.append(fields.required(f"{path}.path"))
    errors += port_or_name(action.get("port", 0), f"{path}.port")
    if action.get("scheme") not in ("HTTP", "HTTPS"):
        errors.append(fields.not_supported(f"{path}.scheme", action.get("scheme", ""), ("HTTP", "HTTPS")))
    for header in action.get("httpHeaders") or ():
        name = header.get("name", "")
        errors += [fields.invalid(f"{path}.httpHeaders", name, m) for m in text.http_header_name(name)]
    return errors


def _handler(handler: Obj, keys: tuple[str, ...], grace: int | None, path: str) -> Errors:
    errors: Errors = []
    seen = False
    for key in keys:
        action = handler.get(key)
        if action is None:
            continue
        at = f"{path}.{key}"
        if seen:
            errors.append(fields.forbidden(at, "may not specify more than 1 handler type"))
            continue
        seen = True
        if key == "exec":
            if not action.get("command"):
                errors.append(fields.required(f"{at}.command"))
        elif key == "httpGet":
            errors += _http_get(action, at)
        elif key == "sleep":
            seconds = action.get("seconds", 0)
            if grace is not None and not 0 <= seconds <= grace:
                errors.append(
                    fields.invalid(
                        at, seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                    )
                )
        else:
            errors += port_or_name(action.get("port", 0), f"{at}.port")
    if not seen:
        errors.append(fields.required(path, "must specify a handler type"))
    return errors


def probe(p: Obj, kind: str, path: str) -> Errors:
    """`kind` is liveness, readiness or startup."""
    errors = _handler(p, _SIGNALS[:4], None, path)
    for key in _NUMBERS:
        if p.get(key, 0) < 0:
            errors += nonnegative(p[key], f"{path}.{key}")
    grace = p.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        errors.append(fields.invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if kind == "readiness":
        if grace is not None:
            errors.append(
                fields.invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
            )
    elif p.get("successThreshold", 0) != 1:
        errors.append(fields.invalid(f"{path}.successThreshold", p.get("successThreshold", 0), "must be 1"))
    return errors


def lifecycle(hooks: Obj, grace: int | None, path: str) -> Errors:
    errors: Errors = []
    for key in ("postStart", "preStop"):
        if (handler := hooks.get(key)) is not None:
            errors += _handler(handler, ("exec", "httpGet", "tcpSocket", "sleep"), grace, f"{path}.{key}")
    return errors


def probes_and_hooks(container: Obj, grace: int | None, path: str) -> Errors:
    """What regular containers and sidecars have, and init containers do not."""
    errors: Errors = []
    if (hooks := container.get("lifecycle")) is not None:
        errors += lifecycle(hooks, grace, f"{path}.lifecycle")
    for kind in ("liveness", "readiness", "startup"):
        if (p := container.get(kind + "Probe")) is not None:
            errors += probe(p, kind, f"{path}.{kind}Probe")
    return errors
