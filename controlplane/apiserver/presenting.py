"""Objects and lists in the form that a client asked for: as they are, as a Table, as metadata alone, as YAML.

(apiserver: endpoints/handlers/response.go)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from controlplane.apiserver import errors
from controlplane.apiserver.api import Listing, Response
from controlplane.apiserver.codec import encode
from controlplane.apiserver.negotiation import YAML, Form
from controlplane.apiserver.registry import Call
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.storage import Page
from controlplane.apiserver.watch_cache import Entry

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]


def one(server: ApiServer, call: Call, form: Form, code: int, obj: Obj, entry: Entry | None) -> Response:
    """An answer with one object; `entry` is its stored form, if that is what is shown."""
    if not form.kind and form.media_type != YAML:
        return Response(code, obj, entry=entry)
    return _in_form(code, _converted(server, call, form, [obj], None, call.request.query, obj), form)


def page(server: ApiServer, call: Call, form: Form, found: Page) -> Response:
    """An answer with a list."""
    meta: Obj = {"resourceVersion": str(found.revision)}
    if found.continue_:
        meta["continue"] = found.continue_
    if found.remaining is not None:
        meta["remainingItemCount"] = found.remaining
    info = call.info
    listing = Listing(info.api_version, info.list_kind, meta, found.entries, typed=info.custom)
    if not form.kind and form.media_type != YAML:
        return Response(200, listing=listing)
    if not form.kind:
        items = [
            entry.obj if info.custom else {k: v for k, v in entry.obj.items() if k not in ("apiVersion", "kind")}
            for entry in found.entries
        ]
        return _in_form(
            200, {"kind": info.list_kind, "apiVersion": info.api_version, "metadata": meta, "items": items}, form
        )
    objects = [entry.obj for entry in found.entries]
    return _in_form(200, _converted(server, call, form, objects, meta, call.request.query, None), form)


def _in_form(code: int, body: Obj, form: Form) -> Response:
    if form.media_type == YAML:
        import yaml  # only those who ask for YAML wait for it

        return Response(code, yaml.safe_dump(body, sort_keys=True), content_type=YAML)
    return Response(code, body)


def _converted(
    server: ApiServer,
    call: Call,
    form: Form,
    objects: list[Obj],
    meta: Obj | None,
    query: Mapping[str, str],
    single: Obj | None,
    headers: bool = True,
) -> Obj:
    api_version = f"meta.k8s.io/{form.version}"
    if form.kind == "Table":
        from controlplane.apiserver import tables

        include = query.get("includeObject") or "Metadata"
        if include not in ("None", "Metadata", "Object"):
            raise errors.bad_request(f'unrecognized includeObject value: "{include}"')
        table = tables.render(
            call.info if single is None else _kind_of(call.info, single),
            objects,
            server.loop.now(),
            include_object=include,
            headers=headers,
            columns=server.custom.columns(call.info),
        )
        table["apiVersion"] = api_version
        if meta is not None:
            table["metadata"] = meta
        elif single is not None:
            table["metadata"] = {"resourceVersion": single["metadata"].get("resourceVersion", "")}
        return table
    if form.kind == "PartialObjectMetadata" and single is not None:
        return _metadata_only(single, api_version)
    if form.kind == "PartialObjectMetadataList" and meta is not None:
        return {
            "kind": form.kind,
            "apiVersion": api_version,
            "metadata": meta,
            "items": [_metadata_only(obj, api_version) for obj in objects],
        }
    if form.kind:
        raise errors.not_acceptable([])
    assert single is not None
    return single


class _Kind(NamedTuple):
    """The kind of what is shown, where it is not the resource's own: a Scale."""

    group: str
    kind: str
    custom: bool = False


def _kind_of(info: ResourceInfo, obj: Obj) -> ResourceInfo | _Kind:
    if obj["kind"] == info.kind:
        return info
    return _Kind(obj["apiVersion"].rpartition("/")[0], obj["kind"])


def _metadata_only(obj: Obj, api_version: str) -> Obj:
    return {"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": obj["metadata"]}


def frames(server: ApiServer, call: Call, form: Form, query: Mapping[str, str]) -> Callable[[str, Entry], bytes]:
    """How one event of a watch is written: a JSON object on a line."""
    shown = False

    def frame(type: str, entry: Entry) -> bytes:
        nonlocal shown
        raw = entry.raw
        if form.kind and (type != "BOOKMARK" or form.kind != "Table"):
            single = {**form._asdict(), "kind": form.kind.removesuffix("List")}
            converted = _converted(server, call, Form(**single), [entry.obj], None, query, entry.obj, not shown)
            shown = True
            raw = encode(converted)
        return b'{"type":"%s","object":%s}\n' % (type.encode(), raw)

    return frame
