"""What is behind the last part of a path: status, scale, binding, eviction, finalize, and the Pod's own ways in.

A handler takes (server, call, verb) and answers.  Other rooms add theirs (`server.subresources[...]`): a runtime
that can run commands serves log and exec.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import decoding, eviction, pod_exec, pod_logs, presenting, scale, tokens, verbs
from controlplane.apiserver.api import Response
from controlplane.apiserver.defaults import apply as apply_defaults
from controlplane.apiserver.errors import bad_request, conflict, invalid, not_found
from controlplane.apiserver.fields import forbidden, go_quote, not_supported, required
from controlplane.apiserver.negotiation import negotiate
from controlplane.apiserver.options import write_options
from controlplane.apiserver.patching import patched
from controlplane.apiserver.registry import Call, Written
from controlplane.clock import rfc3339

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]
Handler = Callable[["ApiServer", Call, str], Response]
Key = tuple[str, str, str]  # (group, plural, subresource); ("", "", subresource) for every resource that has it


def table() -> dict[Key, Handler]:
    """The subresources that the server serves by itself."""
    return {
        ("", "", "status"): status,
        ("", "", "scale"): scale.handle,
        ("", "pods", "binding"): binding,
        ("", "pods", "eviction"): eviction.handle,
        ("", "pods", "ephemeralcontainers"): ephemeral_containers,
        ("", "pods", "attach"): pod_exec.attach,
        ("", "pods", "exec"): pod_exec.exec_,
        ("", "pods", "log"): pod_logs.handle,
        ("", "pods", "resize"): main,
        ("", "namespaces", "finalize"): finalize,
        ("certificates.k8s.io", "certificatesigningrequests", "approval"): approval,
        ("", "serviceaccounts", "token"): tokens.request,
    }


def status(server: ApiServer, call: Call, verb: str) -> Response:
    """The object, of which a write changes the status alone."""
    if verb == "get":
        return verbs.get(server, call)
    return verbs.update(server, call, status=True) if verb == "update" else verbs.patch(server, call, status=True)


def approval(server: ApiServer, call: Call, verb: str) -> Response:
    """A CertificateSigningRequest, of which a write changes the conditions alone: `kubectl certificate approve`."""
    if verb == "get":
        return verbs.get(server, call)
    form = negotiate(call.request.headers.get("accept", ""))
    if verb == "update":
        call.options = write_options("UpdateOptions", call.request.query, call.request.lists)
        info = call.info
        wanted = decoding.read_object(
            call.request, server.custom, info.api_version, info.kind, call.options.validation, call.warnings
        )
        verbs.check_name(call, wanted)
        change: Callable[[Obj], Obj] = lambda csr: wanted  # noqa: E731
    else:
        change = patched(server, call, False).apply

    def decide(csr: Obj) -> Obj:
        conditions = [dict(c) for c in (change(csr).get("status") or {}).get("conditions") or ()]
        before = {c["type"]: c for c in (csr.get("status") or {}).get("conditions") or ()}
        now = rfc3339(server.now())
        for condition in conditions:
            was = before.get(condition["type"], {})
            condition.setdefault("lastUpdateTime", was.get("lastUpdateTime", now))
            condition.setdefault("lastTransitionTime", was.get("lastTransitionTime", now))
        return {**csr, "status": {**(csr.get("status") or {}), "conditions": conditions}}

    written = write_raw(server, call, decide)
    return presenting.one(server, call, form, 200, written.obj, written.entry)


def main(server: ApiServer, call: Call, verb: str) -> Response:
    """The object itself under another name.

    *Note*: upstream's pods/resize changes the resources of running containers alone; here the whole Pod's rules hold.
    """
    return verbs.TABLE[verb](server, call)


def binding(server: ApiServer, call: Call, verb: str) -> Response:
    """POST pods/NAME/binding: give the Pod its node, once (pkg/registry/core/pod/storage: BindingREST)."""
    call.options = write_options("CreateOptions", call.request.query, call.request.lists)
    wanted = decoding.read_object(call.request, server.custom, "v1", "Binding", call.options.validation, call.warnings)
    target = wanted.get("target") or {}
    if (wanted.get("metadata") or {}).get("name", "") not in ("", call.name):
        raise bad_request("name in URL does not match name in Binding object")
    problems = []
    if target.get("kind", "") not in ("", "Node"):
        problems.append(not_supported("target.kind", target["kind"], ["Node", "<empty>"]))
    if not target.get("name"):
        problems.append(required("target.name"))
    if problems:
        raise invalid("", "Binding", (wanted.get("metadata") or {}).get("name", ""), problems)
    uid = (wanted.get("metadata") or {}).get("uid")
    node = target["name"]

    def bind(pod: Obj) -> Obj:
        meta, spec = pod["metadata"], pod["spec"]
        if uid and uid != meta["uid"]:
            raise conflict(
                call.info,
                call.name,
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {meta['uid']}",
                "binding",
            )
        if "deletionTimestamp" in meta:
            raise conflict(
                call.info, call.name, f"pod {call.name} is being deleted, cannot be assigned to a host", "binding"
            )
        if spec.get("nodeName"):
            raise conflict(
                call.info, call.name, f'pod {call.name} is already assigned to node "{spec["nodeName"]}"', "binding"
            )
        if gates := spec.get("schedulingGates"):
            raise conflict(
                call.info, call.name, f"pod {call.name} has non-empty .spec.schedulingGates {gates}", "binding"
            )
        annotations = (wanted.get("metadata") or {}).get("annotations")
        bound = {**pod, "spec": {**spec, "nodeName": node}, "status": _scheduled(pod.get("status") or {}, server)}
        if annotations:
            bound["metadata"] = {**meta, "annotations": {**(meta.get("annotations") or {}), **annotations}}
        return bound

    write_raw(server, call, bind)
    return Response(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})


def _scheduled(status: Obj, server: ApiServer) -> Obj:
    """The Pod's status with the condition PodScheduled."""
    condition = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": rfc3339(server.loop.now()),
    }
    conditions = [c for c in status.get("conditions") or [] if c["type"] != "PodScheduled"]
    return {**status, "conditions": [*conditions, condition]}


def write_raw(server: ApiServer, call: Call, change: Callable[[Obj], Obj]) -> Written:
    """A write by the server itself: compare-and-swap of `change(object)`, without the rules for clients."""
    registry = server.registry(call.info)
    while True:
        entry = registry.entry(call.namespace, call.name)
        new = change(entry.obj)
        if new == entry.obj:
            return Written(new, entry)
        if call.options.dry_run:
            return Written(new, None)
        written = registry.storage.replace(entry, new)
        if written is not None:
            call.revision = str(written.revision)
            server.stored(call.info, written)
            return Written(written.obj, written)


def ephemeral_containers(server: ApiServer, call: Call, verb: str) -> Response:
    """Debug containers of a running Pod: the one part of its spec that may grow."""
    if verb == "get":
        return verbs.get(server, call)
    info = call.info
    form = negotiate(call.request.headers.get("accept", ""))
    if verb == "update":
        call.options = write_options("UpdateOptions", call.request.query, call.request.lists)
        wanted = decoding.read_object(
            call.request, server.custom, info.api_version, info.kind, call.options.validation, call.warnings
        )
        apply_defaults(info.api_version, info.kind, wanted)
        change: Callable[[Obj], Obj] = lambda pod: wanted  # noqa: E731
    else:
        change = patched(server, call, False).apply

    def add(pod: Obj) -> Obj:
        containers = (change(pod).get("spec") or {}).get("ephemeralContainers") or []
        before = pod["spec"].get("ephemeralContainers") or []
        if containers[: len(before)] != before:
            raise invalid(
                "",
                "Pod",
                call.name,
                [
                    forbidden(
                        "spec.ephemeralContainers",
                        f"existing ephemeral containers {go_quote(before[0]['name'])} may not be changed\n",
                    )
                ],
            )
        return {**pod, "spec": {**pod["spec"], "ephemeralContainers": containers}}

    written = write_raw(server, call, add)
    return presenting.one(server, call, form, 200, written.obj, written.entry)


def finalize(server: ApiServer, call: Call, verb: str) -> Response:
    """PUT namespaces/NAME/finalize: the namespace controller says that the namespace is empty."""
    form = negotiate(call.request.headers.get("accept", ""))
    call.options = write_options("UpdateOptions", call.request.query, call.request.lists)
    wanted = decoding.read_object(
        call.request, server.custom, "v1", "Namespace", call.options.validation, call.warnings
    )
    verbs.check_name(call, wanted)
    finalizers = (wanted.get("spec") or {}).get("finalizers") or []
    registry = server.registry(call.info)
    entry = registry.storage.get(registry.storage.key("", call.name))
    if entry is None:
        raise not_found(call.info, call.name)
    version = wanted["metadata"].get("resourceVersion")
    if version and version != entry.obj["metadata"]["resourceVersion"]:
        raise conflict(call.info, call.name)
    spec = {**(entry.obj.get("spec") or {}), "finalizers": finalizers}
    if not finalizers:
        del spec["finalizers"]
    changed = {**entry.obj, "spec": spec}
    meta = entry.obj["metadata"]
    if not finalizers and "deletionTimestamp" in meta and not meta.get("finalizers"):
        call.revision = str(registry.storage.remove(entry))
        server.removed(call.info, entry)
        return presenting.one(server, call, form, 200, changed, None)
    written = write_raw(server, call, lambda _: changed)
    return presenting.one(server, call, form, 200, written.obj, written.entry)
