"""The scale subresource: one small object for everything that has replicas (pkg/registry/apps/*/storage: ScaleREST)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane import labels
from controlplane.apiserver import decoding, errors, fields, presenting
from controlplane.apiserver.api import Response
from controlplane.apiserver.negotiation import negotiate
from controlplane.apiserver.options import write_options
from controlplane.apiserver.registry import Call
from controlplane.apiserver.resources import ResourceInfo

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

API_VERSION = "autoscaling/v1"


def handle(server: ApiServer, call: Call, verb: str) -> Response:
    """GET, PUT and PATCH of the Scale of a Deployment, ReplicaSet, StatefulSet, or a custom resource that has one."""
    form = negotiate(call.request.headers.get("accept", ""))
    registry = server.registry(call.info)
    if verb == "get":
        return presenting.one(
            server, call, form, 200, scale_of(call.info, registry.entry(call.namespace, call.name).obj), None
        )
    if verb == "update":
        call.options = write_options("UpdateOptions", call.request.query, call.request.lists)
        wanted = decoding.read_object(
            call.request, server.custom, API_VERSION, "Scale", call.options.validation, call.warnings
        )
        written = registry.update(call, lambda old: _with_replicas(call, old, wanted))
    else:
        written = registry.update(call, _patch(server, call))
    return presenting.one(server, call, form, 200, scale_of(call.info, written.obj), None)


def scale_of(info: ResourceInfo, obj: Obj) -> Obj:
    """The Scale of an object: its replicas as wanted and as they are, and the selector of its Pods."""
    meta = obj["metadata"]
    shown = {
        key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in meta
    }
    wanted, there, selects = info.scale_paths or (".spec.replicas", ".status.replicas", "")
    replicas = _at(obj, wanted) or 0
    scale: Obj = {
        "kind": "Scale",
        "apiVersion": API_VERSION,
        "metadata": shown,
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": _at(obj, there) or 0},
    }
    text = (_at(obj, selects) or "") if info.scale_paths else _selector(obj)
    if text:
        scale["status"]["selector"] = text
    return scale


def _selector(obj: Obj) -> str:
    selector = (obj.get("spec") or {}).get("selector")
    if not selector:
        return ""
    is_plain = obj["kind"] == "ReplicationController"
    return str(labels.from_label_selector({"matchLabels": selector} if is_plain else selector))


def _at(obj: Any, path: str) -> Any:
    """The value at a path like ".spec.replicas"; None if there is none."""
    for key in path.strip(".").split("."):
        obj = obj.get(key) if isinstance(obj, dict) else None
    return obj


def _replaced(obj: Obj, keys: list[str], value: Any) -> Obj:
    first, *rest = keys
    return {**obj, first: _replaced(obj.get(first) or {}, rest, value) if rest else value}


def _with_replicas(call: Call, old: Obj, scale: Obj) -> Obj:
    meta = scale.get("metadata") or {}
    if meta.get("name") != call.name:
        raise errors.bad_request(
            f"the name of the object ({meta.get('name', '')}) does not match the name on the URL ({call.name})"
        )
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        raise errors.invalid(
            "autoscaling",
            "Scale",
            call.name,
            [fields.invalid("spec.replicas", replicas, "must be greater than or equal to 0")],
        )
    for key in ("uid", "resourceVersion"):
        if meta.get(key) and meta[key] != old["metadata"][key]:
            raise errors.conflict(call.info, call.name)
    wanted = call.info.scale_paths[0] if call.info.scale_paths else ".spec.replicas"
    return _replaced(old, wanted.strip(".").split("."), replicas)


def _patch(server: ApiServer, call: Call) -> Any:
    """The patch is applied to the Scale, and the result to the object."""
    from controlplane.apiserver import patching
    from controlplane.apiserver.patch import apply_json_patch, apply_merge_patch
    from controlplane.apiserver.strategic import apply_strategic_merge

    media = call.request.headers.get("content-type", "").partition(";")[0].strip()
    if media not in patching.ACCEPTED:
        raise errors.unsupported_media_type(patching.ACCEPTED)
    call.options = write_options("PatchOptions", call.request.query, call.request.lists, apply=media == patching.APPLY)
    body = patching.read_patch(call.request.body, media)
    of_kind = server.custom.type_of(API_VERSION, "Scale")

    def change(old: Obj) -> Obj:
        scale = scale_of(call.info, old)
        if media == patching.JSON_PATCH:
            scale = apply_json_patch(scale, body)
        elif media == patching.STRATEGIC:
            scale = apply_strategic_merge(scale, body, of_kind)  # type: ignore[arg-type]
        else:  # *Note*: an apply of a Scale is merged; the ownership of spec.replicas is not tracked by it here
            scale = apply_merge_patch(scale, body)
        scale = decoding.convert(scale, server.custom, API_VERSION, "Scale", call.options.validation, call.warnings)
        return _with_replicas(call, old, scale)

    return change
