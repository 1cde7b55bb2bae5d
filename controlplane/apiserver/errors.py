"""Refusals, as the `Status` objects that clients get (apimachinery: pkg/api/errors/errors.go)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from controlplane.apiserver.fields import FieldError

Obj = dict[str, Any]


class Named(Protocol):
    """What an error says about the kind of the object: a ResourceInfo has it."""

    @property
    def group(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def kind(self) -> str: ...


class StatusError(Exception):
    """A request that ends with `status`, a Status object."""

    def __init__(
        self, code: int, reason: str, message: str, details: Obj | None = None, meta: Obj | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": meta or {},
            "status": "Failure",
            "message": message,
            "reason": reason,
        }
        if details is not None:
            self.status["details"] = details
        self.status["code"] = code


def _details(resource: Named, name: str, **more: Any) -> Obj:
    details: Obj = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    details.update(more)
    return details


def qualified(resource: Named) -> str:
    """`deployments.apps`, `pods`: how messages call a resource."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def not_found(resource: Named, name: str) -> StatusError:
    return StatusError(404, "NotFound", f'{qualified(resource)} "{name}" not found', _details(resource, name))


def no_such_resource() -> StatusError:
    """No such path in the API."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> StatusError:
    return StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def already_exists(resource: Named, name: str) -> StatusError:
    return StatusError(409, "AlreadyExists", f'{qualified(resource)} "{name}" already exists', _details(resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(resource: Named, name: str, message: str = MODIFIED, subresource: str = "") -> StatusError:
    what = f"{resource.plural}/{subresource}" if subresource else resource.plural
    full = f"{what}.{resource.group}" if resource.group else what
    details = _details(resource, name)
    details["kind"] = what
    return StatusError(409, "Conflict", f'Operation cannot be fulfilled on {full} "{name}": {message}', details)


def precondition_failed(resource: Named, name: str, message: str) -> StatusError:
    """A delete whose preconditions do not hold names the kind where other conflicts name the resource."""
    details = _details(resource, name)
    details["kind"] = resource.kind
    full = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return StatusError(409, "Conflict", f'Operation cannot be fulfilled on {full} "{name}": {message}', details)


def forbidden(resource: Named, name: str, message: str, causes: list[Obj] | None = None) -> StatusError:
    what = f'{qualified(resource)} "{name}" is forbidden: ' if name else f"{qualified(resource)} is forbidden: "
    more = {"causes": causes} if causes else {}
    return StatusError(403, "Forbidden", what + message, _details(resource, name, **more))


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def invalid(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> StatusError:
    """All that is wrong with an object, each with its field: 422."""
    causes = [{"reason": e.reason, "message": e.message, "field": e.path} for e in errors]
    lines = []
    for error in errors:  # the same line is said once (utilerrors.Aggregate)
        if (line := str(error)) not in lines:
            lines.append(line)
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    full = f"{kind}.{group}" if group else kind
    details: Obj = {"name": name} if name else {}
    if group:
        details["group"] = group
    if kind:  # none is known of what a patch makes of an object
        details["kind"] = kind
    details["causes"] = causes
    return StatusError(422, "Invalid", f'{full} "{name}" is invalid: {text}', details)


def expired(message: str, continue_: str = "") -> StatusError:
    return StatusError(410, "Expired", message, meta={"continue": continue_} if continue_ else None)


def too_many_requests(message: str, details: Obj | None = None, retry_after: int = 0) -> StatusError:
    details = dict(details or {})
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return StatusError(429, "TooManyRequests", message, details)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    return StatusError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}",
    )


def too_large(message: str) -> StatusError:
    return StatusError(413, "RequestEntityTooLarge", message)


def unavailable(message: str) -> StatusError:
    return StatusError(503, "ServiceUnavailable", message)


def store_failed(message: str) -> StatusError:
    """An error that upstream has no case for becomes a 500 with its own words (responsewriters: ErrorToAPIStatus)."""
    failure = StatusError(500, "", message)
    del failure.status["reason"]
    return failure


def internal(message: str) -> StatusError:
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})


def too_large_resource_version(wanted: int, current: int) -> StatusError:
    """A read at a revision that is still to come."""
    return StatusError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
    )


def not_acceptable(available: Sequence[str]) -> StatusError:
    return StatusError(
        406, "NotAcceptable", f"406: Not Acceptable\n\nAvailable representations: {', '.join(available)}", {}
    )


def invalid_options(kind: str, errors: Sequence[FieldError]) -> StatusError:
    """Query parameters or a body that are not the options of the request."""
    return invalid("meta.k8s.io", kind, "", errors)


def generate_name_conflict(resource: Named, name: str) -> StatusError:
    """The server made a name up and it was taken: try again."""
    return StatusError(
        409,
        "AlreadyExists",
        f'{qualified(resource)} "{name}" already exists, the server was not able '
        "to generate a unique name for the object",
        _details(resource, name, retryAfterSeconds=1),
    )
