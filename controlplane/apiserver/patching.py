"""PATCH: four ways to say what is to change, by the Content-Type (apiserver: endpoints/handlers/patch.go)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import decoding, errors, fields
from controlplane.apiserver.codec import DecodeError, YamlError, decode, decode_yaml, encode
from controlplane.apiserver.defaults import apply as apply_defaults
from controlplane.apiserver.options import write_options
from controlplane.apiserver.patch import apply_json_patch, apply_merge_patch
from controlplane.apiserver.registry import Call
from controlplane.apiserver.schema import Type
from controlplane.apiserver.strategic import apply_strategic_merge
from controlplane.apiserver.unstructured import first_problem
from controlplane.clock import rfc3339

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
ACCEPTED = (JSON_PATCH, MERGE, STRATEGIC, APPLY)
ACCEPTED_CUSTOM = (JSON_PATCH, MERGE, APPLY)  # a custom resource has no merge keys of its own
MAX_OPERATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """`apply(old)` makes the new object; `creates` says that there need not be an old one ({} then).

    `manages` says that the new object's managedFields are up to date already: server-side apply sees to them itself.
    """

    apply: Callable[[Obj], Obj]
    creates: bool = False
    manages: bool = False


def patched(server: ApiServer, call: Call, status: bool) -> Change:
    """Read a PATCH request: its type, its options, its body."""
    request, info = call.request, call.info
    media = request.headers.get("content-type", "").partition(";")[0].strip()
    accepted = ACCEPTED_CUSTOM if info.custom else ACCEPTED
    if media not in accepted:
        raise errors.unsupported_media_type(accepted)
    call.options = write_options("PatchOptions", request.query, request.lists, apply=media == APPLY)
    body = read_patch(request.body, media)
    if media == APPLY:
        return Change(lambda old: _applied(server, call, old, body), creates=not status, manages=True)
    return Change(lambda old: _patched(server, call, old, body, media))


def read_patch(body: Any, media: str) -> Any:
    """The patch as a JSON value of our own."""
    try:
        if not isinstance(body, bytes | bytearray):
            return decode(encode(body))
        raw = bytes(body)
        if len(raw) > decoding.MAX_BODY:
            raise errors.too_large(f"Request entity too large: limit is {decoding.MAX_BODY}")
        return decode_yaml(raw) if media == APPLY else decode(raw)
    except YamlError as error:
        raise errors.bad_request(f"error decoding YAML: error converting YAML to JSON: {error}") from None
    except (DecodeError, TypeError) as error:
        raise errors.bad_request(f"error decoding patch: {error}") from None


def _patched(server: ApiServer, call: Call, old: Obj, patch: Any, media: str) -> Obj:
    info = call.info
    of_kind = server.custom.type_of(info.api_version, info.kind)
    if media == JSON_PATCH:
        if isinstance(patch, list) and len(patch) > MAX_OPERATIONS:
            raise errors.too_large(
                "Request entity too large: The allowed maximum operations in a JSON patch is "
                f"{MAX_OPERATIONS}, got {len(patch)}"
            )
        new = apply_json_patch(old, patch)
    elif media == MERGE:
        new = apply_merge_patch(old, patch)
    else:
        new = apply_strategic_merge(old, patch, of_kind)  # type: ignore[arg-type]  # built-in kinds have a schema.Type
    if not isinstance(new, dict):
        raise _unreadable(patch, new, media, "json: cannot unmarshal into Go value of the kind")
    decoding.check_kind(new, server.custom, info.api_version, info.kind, None)
    if of_kind is not None:
        try:
            new, problems = of_kind.decode(new, call.options.validation, old)
        except DecodeError as error:
            why = first_problem(new, of_kind) if media == STRATEGIC and isinstance(of_kind, Type) else ""
            raise _unreadable(patch, new, media, why or str(error)) from None
        if problems and call.options.validation == "Strict":
            raise _unreadable(patch, new, media, f"strict decoding error: {', '.join(problems)}")
        if call.options.validation == "Warn":
            call.warnings += problems
    apply_defaults(info.api_version, info.kind, new)
    _check_name(call, new)
    changed: Obj = new
    return changed


def _check_name(call: Call, new: Obj) -> None:
    name = (new.get("metadata") or {}).get("name", "")
    if name != call.name:
        raise errors.bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.name})")


def _applied(server: ApiServer, call: Call, old: Obj, patch: Any) -> Obj:
    from controlplane.apiserver import apply  # the merge of field sets is loaded by those who apply

    info = call.info
    if not isinstance(patch, dict):
        raise errors.bad_request(
            "error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot "
            "unmarshal into Go value of type map[string]interface {}"
        )
    new = apply.apply_patch(
        old or None,
        patch,
        call.options.manager,
        force=call.options.force,
        api_version=info.api_version,
        time=rfc3339(server.loop.now()),
        subresource=call.subresource,
        type=server.custom.type_of(info.api_version, info.kind),
        kind=info.kind,
    )
    new.setdefault("apiVersion", info.api_version)
    new.setdefault("kind", info.kind)
    new.setdefault("metadata", {})
    if not old and new["metadata"].get("uid"):
        raise errors.conflict(
            info,
            call.name,
            "uid mismatch: the provided object specified uid "
            f"{new['metadata']['uid']}, and no existing object was found",
        )
    new["metadata"].setdefault("name", call.name)
    apply_defaults(info.api_version, info.kind, new)
    _check_name(call, new)
    return new


def _unreadable(patch: Any, new: Any, media: str, why: str) -> errors.StatusError:
    """The result of a patch is no object of its kind."""
    shown = _go_map(patch) if media == STRATEGIC else encode(new).decode()
    return errors.invalid("", "", "", [fields.invalid("patch", shown, why)])


def _go_map(value: Any) -> str:
    """A JSON value as Go's %+v prints it."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go_map(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_go_map, value)) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
