"""The verbs on objects and collections, one function each (apiserver: endpoints/handlers)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import decoding, deletion, errors, fields, presenting
from controlplane.apiserver.api import Response
from controlplane.apiserver.codec import DecodeError
from controlplane.apiserver.defaults import apply as apply_defaults
from controlplane.apiserver.negotiation import negotiate
from controlplane.apiserver.options import DeleteOptions, delete_options, list_options, write_options
from controlplane.apiserver.patching import patched
from controlplane.apiserver.registry import Call, Written
from controlplane.apiserver.selectors import parse_field_selector
from controlplane.apiserver.watch_cache import WatchStream

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]
Verb = Callable[["ApiServer", Call], Response]

NAMED = frozenset({"get", "update", "patch", "delete"})  # verbs on one object
WATCH_TIMEOUT = 1800.0  # seconds; upstream's min-request-timeout: each watch ends after one to two of them
# kinds whose deletion answers with the object rather than with a Status (Store.ReturnDeletedObject)
RETURNS_DELETED = frozenset(
    {
        "pods",
        "services",
        "persistentvolumes",
        "persistentvolumeclaims",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "namespaces",
    }
)


def get(server: ApiServer, call: Call) -> Response:
    form = negotiate(call.request.headers.get("accept", ""))
    entry = server.registry(call.info).entry(call.namespace, call.name)
    return presenting.one(server, call, form, 200, entry.obj, entry)


def list_(server: ApiServer, call: Call) -> Response:
    form = negotiate(call.request.headers.get("accept", ""))
    page = server.registry(call.info).list(call.namespace, list_options(call.request.query))
    return presenting.page(server, call, form, page)


def watch(server: ApiServer, call: Call) -> Response:
    form = negotiate(call.request.headers.get("accept", ""))
    options = list_options({**call.request.query, "watch": "true"})
    if call.name:  # /watch/.../NAME, and ?watch on one object: the same as selecting its name
        named = parse_field_selector(options.field_selector).requires_exact("metadata.name")
        if options.field_selector and named != call.name:
            raise errors.bad_request("fieldSelector metadata.name doesn't match requested name")
        options.field_selector = f"metadata.name={call.name}"
    registry = server.registry(call.info)
    try:
        stream = registry.watch(call.namespace, options)
    except errors.StatusError as refusal:
        if refusal.code not in (410, 504):
            raise
        # a watch that was asked for rightly fails with an event, as one that breaks later does
        stream = WatchStream.refusing(registry.storage.cache, refusal.status)
    timeout = options.timeout or WATCH_TIMEOUT * (1 + server.housekeeping.rng.random())
    server.housekeeping.end_after(stream, float(timeout))
    return Response(200, watch=stream, frame=presenting.frames(server, call, form, call.request.query))


def create(server: ApiServer, call: Call) -> Response:
    request, info = call.request, call.info
    form = negotiate(request.headers.get("accept", ""))
    call.options = write_options("CreateOptions", request.query, request.lists)
    obj = _read_pod(server, call) if info.kind == "Pod" else None
    if obj is None:
        obj = _read(server, call)
    if (info.group, info.plural) == ("", "namespaces"):
        call.namespace = (obj.get("metadata") or {}).get("name", "")
    written = server.registry(info).create(call, obj)
    call.name = written.obj["metadata"].get("name", "")
    return presenting.one(server, call, form, 201, written.obj, written.entry)


def _read(server: ApiServer, call: Call, old: Obj | None = None) -> Obj:
    """The body as an object of the call's kind, defaulted and ours to change, but for what it shares with `old`."""
    info = call.info
    obj = decoding.read_object(
        call.request, server.custom, info.api_version, info.kind, call.options.validation, call.warnings, old
    )
    apply_defaults(info.api_version, info.kind, obj)
    return obj


def _read_pod(server: ApiServer, call: Call) -> Obj | None:
    """A Pod sent from within this process, sharing its spec with those that were sent like it; None if it is none."""
    body = call.request.body
    if not isinstance(body, dict):
        return None
    key, spec = server.alike.find(body.get("spec"))
    if spec is None:
        obj = _read(server, call)
        if key and isinstance(obj.get("spec"), dict):
            server.alike.remember(key, obj["spec"])
        return obj
    body = {**body, "spec": spec}
    decoding.check_kind(body, server.custom, "v1", "Pod", body)
    return decoding.convert(body, server.custom, "v1", "Pod", call.options.validation, call.warnings, {"spec": spec})


def update(server: ApiServer, call: Call, *, status: bool = False) -> Response:
    request, info = call.request, call.info
    form = negotiate(request.headers.get("accept", ""))
    call.options = write_options("UpdateOptions", request.query, request.lists)
    if status and isinstance(request.body, dict):  # what a status update ignores need not be read
        ours = ("apiVersion", "kind", "metadata", "status")
        request.body = {name: request.body[name] for name in ours if name in request.body}
    there = None
    if isinstance(request.body, dict):
        storage = server.registry(info).storage
        there = storage.get(storage.key(call.namespace, call.name))
    obj = _read(server, call, there.obj if there is not None else None)
    check_name(call, obj)
    written = server.registry(info).update(call, lambda old: obj, status=status)
    return _written(server, call, form, written)


def patch(server: ApiServer, call: Call, *, status: bool = False) -> Response:
    request, info = call.request, call.info
    form = negotiate(request.headers.get("accept", ""))
    change = patched(server, call, status)  # reads the body and checks the options
    written = server.registry(info).update(
        call, change.apply, status=status, allow_create=change.creates, from_apply=change.manages
    )
    return _written(server, call, form, written)


def _written(server: ApiServer, call: Call, form: Any, written: Written) -> Response:
    return presenting.one(server, call, form, 201 if written.created else 200, written.obj, written.entry)


def delete(server: ApiServer, call: Call) -> Response:
    form = negotiate(call.request.headers.get("accept", ""))
    options = read_delete_options(server, call)
    written = deletion.delete(server.registry(call.info), call, options)
    code = 202 if written.entry is not None and options.orphan is False else 200
    if written.entry is not None and "deletionTimestamp" in written.obj["metadata"]:
        return presenting.one(server, call, form, code, written.obj, written.entry)
    if call.info.plural in RETURNS_DELETED and not call.info.group:
        return presenting.one(server, call, form, code, written.obj, None)
    details: Obj = {"name": call.name, "kind": call.info.plural, "uid": written.obj["metadata"]["uid"]}
    if call.info.group:
        details["group"] = call.info.group
    return Response(
        code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


def delete_collection(server: ApiServer, call: Call) -> Response:
    """Delete what the selectors select, one by one; the answer is the list of what was there."""
    form = negotiate(call.request.headers.get("accept", ""))
    listing = list_options(call.request.query)
    options = read_delete_options(server, call)
    registry = server.registry(call.info)
    page = registry.list(call.namespace, listing)
    for entry in page.entries:
        meta = entry.obj["metadata"]
        one = Call(call.request, call.info, meta.get("namespace", ""), meta["name"], "", call.user)
        try:
            deletion.delete(registry, one, options)
        except errors.StatusError as refusal:
            if refusal.code != 404:
                raise
    return presenting.page(server, call, form, page)


def read_delete_options(server: ApiServer, call: Call) -> DeleteOptions:
    """DeleteOptions from the body or the query string."""
    request = call.request
    if request.body in (None, b"", ""):
        return delete_options(None, request.query, request.lists)
    try:
        body = decoding.read_value(request)
    except DecodeError as error:
        raise errors.bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    if not isinstance(body, dict):
        raise errors.bad_request("decoded object cannot be converted to DeleteOptions")
    if body.get("kind", "DeleteOptions") != "DeleteOptions":
        raise errors.bad_request(
            f"no kind {fields.show(body['kind'])} is registered for the internal version of group "
            '"meta.k8s.io" in scheme'
        )
    body = {**body, "apiVersion": "meta.k8s.io/v1", "kind": "DeleteOptions"}
    return delete_options(
        decoding.convert(body, server.custom, "meta.k8s.io/v1", "DeleteOptions", "Ignore", []),
        request.query,
        request.lists,
    )


def check_name(call: Call, obj: Obj) -> None:
    """The object must be the one that the URL names."""
    meta = obj.setdefault("metadata", {})
    name = meta.get("name", "")
    if not name:
        raise errors.bad_request(
            f"the name of the object ({call.name} based on URL) was undeterminable: name must be provided"
        )
    if name != call.name:
        raise errors.bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.name})")
    namespace = meta.get("namespace", "")
    if call.namespace and namespace and namespace != call.namespace:
        raise errors.bad_request(
            f"the namespace of the object ({namespace}) does not match the namespace on the request ({call.namespace})"
        )


TABLE: dict[str, Verb] = {
    "get": get,
    "list": list_,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}
