"""Questions that are asked by creating an object, and answered in its status; nothing is stored.

(pkg/registry/authorization, pkg/registry/authentication)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import decoding, errors, fields, subresources
from controlplane.apiserver.api import Response, UserInfo
from controlplane.apiserver.negotiation import negotiate
from controlplane.apiserver.options import write_options
from controlplane.apiserver.presenting import one
from controlplane.apiserver.rbac import EVERYTHING
from controlplane.apiserver.registry import Call
from controlplane.apiserver.routes import Route

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]
Review = Callable[["ApiServer", Call, Obj], Obj]  # from the object that was sent to its status

AUTHORIZATION = "authorization.k8s.io"
AUTHENTICATION = "authentication.k8s.io"


def create(server: ApiServer, call: Call) -> Response:
    """POST to a resource that has no objects."""
    info = call.info
    form = negotiate(call.request.headers.get("accept", ""))
    call.options = write_options("CreateOptions", call.request.query, call.request.lists)
    if info.plural == "bindings":
        return _binding(server, call)
    review = TABLE.get((info.group, info.plural))
    if review is None:
        raise errors.method_not_allowed()
    obj = decoding.read_object(
        call.request, server.custom, info.api_version, info.kind, call.options.validation, call.warnings
    )
    status = review(server, call, obj)
    answer = {
        "kind": info.kind,
        "apiVersion": info.api_version,
        "metadata": obj.get("metadata") or {},
        **({"spec": obj["spec"]} if "spec" in obj else {}),
        "status": status,
    }
    return one(server, call, form, 201, answer, None)


def _binding(server: ApiServer, call: Call) -> Response:
    """POST bindings: the old way to bind a Pod, which the object's name names."""
    validation = call.options.validation
    value = decoding.read_object(call.request, server.custom, "v1", "Binding", validation, call.warnings)
    name = value["metadata"].get("name", "")
    if not name:
        raise errors.bad_request("name is required")
    pods = server.resources.by_name("pods")
    assert pods is not None
    call.info, call.name, call.subresource = pods, name, "binding"
    return subresources.binding(server, call, "create")


# Authorization ------------------------------------------------------------------------------------------------------


def _self_access(server: ApiServer, call: Call, obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    _check_attributes(call, spec)
    return _decide(server, call.user, spec)


def _access(server: ApiServer, call: Call, obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    problems = _problems(spec)
    if not spec.get("user") and not spec.get("groups"):
        problems.append(fields.invalid("spec.user", "", "at least one of user or group must be specified"))
    if problems:
        raise errors.invalid(AUTHORIZATION, call.info.kind, "", problems)
    return _decide(server, UserInfo(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", "")), spec)


def _local_access(server: ApiServer, call: Call, obj: Obj) -> Obj:
    namespace = ((obj.get("spec") or {}).get("resourceAttributes") or {}).get("namespace", "")
    if namespace != call.namespace:
        raise errors.bad_request(f"spec.resourceAttributes.namespace must match namespace: {call.namespace}")
    return _access(server, call, obj)


def _problems(spec: Obj) -> list[fields.FieldError]:
    has_resource, has_path = spec.get("resourceAttributes") is not None, spec.get("nonResourceAttributes") is not None
    if has_resource and has_path:
        return [
            fields.invalid(
                "spec.nonResourceAttributes",
                spec["nonResourceAttributes"],
                "cannot be specified in combination with resourceAttributes",
            )
        ]
    if not has_resource and not has_path:
        return [
            fields.invalid(
                "spec.resourceAttributes",
                spec.get("resourceAttributes"),
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )
        ]
    return []


def _check_attributes(call: Call, spec: Obj) -> None:
    if problems := _problems(spec):
        raise errors.invalid(AUTHORIZATION, call.info.kind, "", problems)


def _decide(server: ApiServer, user: UserInfo, spec: Obj) -> Obj:
    if server.authorizer is None:
        return {"allowed": True}
    if (asked := spec.get("nonResourceAttributes")) is not None:
        allowed, reason = server.authorizer.authorize(user, asked.get("verb", ""), None, None, asked.get("path", ""))
    else:
        asked = spec["resourceAttributes"]
        get = asked.get
        route = Route(
            get("group", ""),
            get("version", ""),
            get("namespace", ""),
            get("resource", ""),
            get("name", ""),
            get("subresource", ""),
        )
        info = server.resources.find(route.group, route.version, route.plural)
        allowed, reason = server.authorizer.authorize(user, get("verb", ""), info, route, "")
    return {"allowed": allowed, "reason": reason} if reason else {"allowed": allowed}


def _self_rules(server: ApiServer, call: Call, obj: Obj) -> Obj:
    namespace = (obj.get("spec") or {}).get("namespace", "")
    if not namespace:
        raise errors.bad_request("no namespace on request")
    incomplete = False
    if server.authorizer is None:
        rules = EVERYTHING
    else:
        list_rules = getattr(server.authorizer, "rules", None)
        incomplete = list_rules is None
        rules = list_rules(call.user, namespace) if list_rules else []
    return {
        "resourceRules": [rule for rule in rules if rule.get("resources")],
        "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
        "incomplete": incomplete,
    }


# Authentication -----------------------------------------------------------------------------------------------------


def _self_subject(server: ApiServer, call: Call, obj: Obj) -> Obj:
    return {"userInfo": _user(call.user)}


def _token(server: ApiServer, call: Call, obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    token = spec.get("token", "")
    if not token:
        raise errors.bad_request("token is required for TokenReview in authentication")
    for authenticate in server.authenticators:
        user = authenticate(token)
        if user is not None:
            return {"authenticated": True, "user": _user(user)}
    audiences = spec.get("audiences") or []
    if audiences and (user := server.tokens.check(token, audiences)) is not None:
        return {"authenticated": True, "user": _user(user), "audiences": audiences}
    return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}


def _user(user: UserInfo) -> Obj:
    shown: Obj = {"username": user.name}
    if user.uid:
        shown["uid"] = user.uid
    shown["groups"] = list(user.groups)
    return shown


TABLE: dict[tuple[str, str], Review] = {
    (AUTHORIZATION, "selfsubjectaccessreviews"): _self_access,
    (AUTHORIZATION, "subjectaccessreviews"): _access,
    (AUTHORIZATION, "localsubjectaccessreviews"): _local_access,
    (AUTHORIZATION, "selfsubjectrulesreviews"): _self_rules,
    (AUTHENTICATION, "selfsubjectreviews"): _self_subject,
    (AUTHENTICATION, "tokenreviews"): _token,
}
