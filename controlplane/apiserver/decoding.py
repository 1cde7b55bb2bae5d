"""From the body of a request to an object of the kind that the path names (apiserver: endpoints/handlers/rest.go)."""

from __future__ import annotations

from typing import Any, Protocol

from controlplane.apiserver import errors, schema
from controlplane.apiserver.api import Request
from controlplane.apiserver.codec import (
    DecodeError,
    YamlError,
    decode,
    decode_noting_duplicates,
    decode_yaml,
    encode,
)
from controlplane.apiserver.fields import go_quote
from controlplane.apiserver.negotiation import ACCEPTED_BODIES, JSON, PROTOBUF, YAML, body_type

Obj = dict[str, Any]

MAX_BODY = 3 * 1024 * 1024  # bytes; upstream's MaxRequestBodyBytes
SUMMARY = 30  # bytes of an unrecognised body that are shown
PACKAGES = {"": "core", "rbac.authorization.k8s.io": "rbac", "events.k8s.io": "core"}  # of the internal Go types


class KindType(Protocol):
    """What decoding needs to know about a kind: `schema.Type`, or the schema of a custom resource."""

    def decode(self, obj: Obj, mode: str, old: Obj | None = None) -> tuple[Obj, list[str]]: ...


class Types(Protocol):
    """Finds the types of kinds."""

    def type_of(self, api_version: str, kind: str) -> KindType | None: ...

    def is_registered(self, api_version: str, kind: str) -> bool: ...


def read_value(request: Request, *, accepted: tuple[str, ...] = ACCEPTED_BODIES, note_duplicates: bool = False) -> Any:
    """The body as a JSON value of our own; DecodeError if it is none, 413 and 415 as upstream."""
    if not isinstance(request.body, bytes | bytearray):
        if request.body is None:
            raise DecodeError("unexpected end of JSON input")
        try:
            return decode(encode(request.body))  # a copy: the caller may go on changing what it handed in
        except (TypeError, ValueError, RecursionError) as error:
            raise errors.bad_request(f"the body is no JSON value: {error}") from None
    media = body_type(request.headers.get("content-type", ""), accepted)
    raw = bytes(request.body)
    if len(raw) > MAX_BODY:
        raise errors.too_large(f"Request entity too large: limit is {MAX_BODY}")
    if media == PROTOBUF:
        from controlplane.apiserver import protobuf

        return protobuf.decode(raw)
    if media == YAML:
        return decode_yaml(raw)
    return decode_noting_duplicates(raw) if note_duplicates else decode(raw)


def read_object(
    request: Request,
    types: Types,
    api_version: str,
    kind: str,
    validation: str,
    warnings: list[str],
    old: Obj | None = None,
) -> Obj:
    """The body as an object of `kind`; 400 in upstream's words for anything else.

    Parts of a body from within this process that are the very same objects as in `old` are taken as they are.  Unknown
    and repeated fields are refused ("Strict"), warned of ("Warn") or dropped ("Ignore").
    """
    try:
        if isinstance(request.body, dict) and isinstance(types.type_of(api_version, kind), schema.Type):
            value = dict(request.body)  # decoding by the schema copies everything below
        else:
            value = read_value(request, note_duplicates=validation != "Ignore" and _may_repeat(request))
    except DecodeError as error:
        said = error if isinstance(error, YamlError) else f"couldn't get version/kind; json parse error: {error}"
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {kind}): {said} ({_summary(request.body)})"
        ) from None
    if not isinstance(value, dict):
        what = _go_kind(value)
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse "
            f"error: json: cannot unmarshal {what} into Go value of type struct {{ APIVersion string "
            '"json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
            f" ({_summary(request.body)})"
        )
    check_kind(value, types, api_version, kind, request.body)
    return convert(value, types, api_version, kind, validation, warnings, old)


def check_kind(value: Obj, types: Types, api_version: str, kind: str, body: Any) -> None:
    """The object's own apiVersion and kind, where it names them, must be those of the path."""
    for key in ("apiVersion", "kind"):
        if not isinstance(value.get(key, ""), str) and value[key] is not None:
            raise errors.bad_request(
                f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse "
                f"error: json: cannot unmarshal {_go_kind(value[key])} into Go struct field .{key} of type string "
                f"({_summary(body)})"
            )
    said_version, said_kind = value.get("apiVersion") or api_version, value.get("kind") or kind
    if (said_version, said_kind) == (api_version, kind):
        value["apiVersion"], value["kind"] = api_version, kind
        return
    if not types.is_registered(said_version, said_kind):
        raise errors.bad_request(
            f"{said_kind} in version {go_quote(said_version.rpartition('/')[2])} cannot be handled as a {kind}: "
            f"no kind {go_quote(said_kind)} is registered for version {go_quote(said_version)} in scheme "
            '"pkg/api/legacyscheme/scheme.go:30"'
        )
    group = api_version.rpartition("/")[0]
    said_group, _, said = said_version.rpartition("/")
    if said_kind != kind or said_group != group:
        package = PACKAGES.get(group, group.partition(".")[0])
        raise errors.bad_request(
            f"{said_kind} in version {go_quote(said)} cannot be handled as a {kind}: converting "
            f"({said}.{said_kind}) to ({package}.{kind}): unknown conversion"
        )
    raise errors.bad_request(
        f"the API version in the data ({said_version}) does not match the expected API version ({api_version})"
    )


def convert(
    value: Obj, types: Types, api_version: str, kind: str, validation: str, warnings: list[str], old: Obj | None = None
) -> Obj:
    """`value` as the kind's Go type would have read it; parts that are identical in `old` are taken as they are."""
    version = api_version.rpartition("/")[2]
    of_kind = types.type_of(api_version, kind)
    if of_kind is None:
        return value
    try:
        obj, problems = of_kind.decode(value, validation, old)
    except DecodeError as error:
        raise errors.bad_request(
            f"{kind} in version {go_quote(version)} cannot be handled as a {kind}: {error}"
        ) from None
    if problems and validation == "Strict":
        raise errors.bad_request(
            f"{kind} in version {go_quote(version)} cannot be handled as a {kind}: strict decoding "
            f"error: {', '.join(problems)}"
        )
    if validation == "Warn":
        warnings += problems
    return obj


def _may_repeat(request: Request) -> bool:
    """Only bytes that came over the wire can name a key twice."""
    return isinstance(request.body, bytes | bytearray) and body_type(request.headers.get("content-type", "")) == JSON


def _summary(body: Any) -> str:
    raw = bytes(body) if isinstance(body, bytes | bytearray) else b"" if body is None else encode(body)
    if not raw:
        return "<empty>"
    more = " ..." if len(raw) > SUMMARY else ""
    if raw[:1] == b"{":
        return raw[:SUMMARY].decode("utf-8", "replace") + more
    return raw[:SUMMARY].hex() + more


def _go_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object"
