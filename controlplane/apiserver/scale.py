"""The scale subresource: one small object for everything that has replicas (pkg/registry/apps/*/storage: ScaleREST)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane import labels
from controlplane.apiserver import decoding, errors, fields, presenting
from controlplane.apiserver.api import Response
from controlplane.apiserver.negotiation import negotiate
from controlplane.apiserver.options import write_options
from controlplane.apiserver.registry import Call

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

API_VERSION = "autoscaling/v1"


def handle(server: ApiServer, call: Call, verb: str) -> Response:
    """GET, PUT and PATCH of the Scale of a Deployment, ReplicaSet, StatefulSet, or a custom resource that has one."""
    form = negotiate(call.request.headers.get("accept", ""))
    registry = server.registry(call.info)
    if verb == "get":
        return presenting.one(server, call, form, 200, scale_of(registry.entry(call.namespace, call.name).obj), None)
    if verb == "update":
        call.options = write_options("UpdateOptions", call.request.query, call.request.lists)
        wanted = decoding.read_object(
            call.request, server.custom, API_VERSION, "Scale", call.options.validation, call.warnings
        )
        written = registry.update(call, lambda old: _with_replicas(call, old, wanted))
    else:
        written = registry.update(call, _patch(server, call))
    return presenting.one(server, call, form, 200, scale_of(written.obj), None)


def scale_of(obj: Obj) -> Obj:
    """The Scale of an object: its replicas as wanted and as they are, and the selector of its Pods."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    shown = {
        key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in meta
    }
    replicas = spec.get("replicas", 0)
    scale: Obj = {
        "kind": "Scale",
        "apiVersion": API_VERSION,
        "metadata": shown,
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": status.get("replicas", 0)},
    }
    selector = spec.get("selector")
    if selector:
        is_plain = obj["kind"] == "ReplicationController"
        text = str(labels.from_label_selector({"matchLabels": selector} if is_plain else selector))
        if text:
            scale["status"]["selector"] = text
    return scale


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
    return {**old, "spec": {**old["spec"], "replicas": replicas}}


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
        scale = scale_of(old)
        if media == patching.JSON_PATCH:
            scale = apply_json_patch(scale, body)
        elif media == patching.STRATEGIC:
            scale = apply_strategic_merge(scale, body, of_kind)  # type: ignore[arg-type]
        else:  # *Note*: an apply of a Scale is merged; the ownership of spec.replicas is not tracked by it here
            scale = apply_merge_patch(scale, body)
        scale = decoding.convert(scale, server.custom, API_VERSION, "Scale", call.options.validation, call.warnings)
        return _with_replicas(call, old, scale)

    return change
