"""Acting as somebody else, for those who may: `kubectl --as` (apiserver: endpoints/filters/impersonation)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from controlplane.apiserver import errors
from controlplane.apiserver.api import UserInfo
from controlplane.apiserver.http.authentication import AUTHENTICATED
from controlplane.apiserver.routes import Route
from controlplane.apiserver.server import ApiServer

USER, GROUP, UID = "impersonate-user", "impersonate-group", "impersonate-uid"
SERVICE_ACCOUNT = "system:serviceaccount:"


class _Asked(NamedTuple):
    """What one must be allowed to impersonate, named as errors name a resource."""

    group: str
    plural: str
    kind: str
    name: str
    namespace: str = ""


def impersonated(server: ApiServer, user: UserInfo, headers: Mapping[str, str]) -> UserInfo:
    """Who the request is from, for everything that follows.  StatusError 403 if `user` may not be them."""
    name = headers.get(USER, "")
    groups = tuple(group.strip() for group in headers.get(GROUP, "").split(",") if group.strip())
    uid = headers.get(UID, "")
    if not name:
        if groups or uid:
            raise errors.bad_request("requested groups or a uid without impersonating a user")
        return user
    for asked in _asked(name, groups, uid):
        _check(server, user, asked)
    parts = name.removeprefix(SERVICE_ACCOUNT).split(":") if name.startswith(SERVICE_ACCOUNT) else []
    if len(parts) == 2 and not groups:
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{parts[0]}")
    if name != "system:anonymous" and AUTHENTICATED not in groups:
        groups = (*groups, AUTHENTICATED)
    return UserInfo(name, groups, uid)


def _asked(name: str, groups: tuple[str, ...], uid: str) -> Iterator[_Asked]:
    parts = name.removeprefix(SERVICE_ACCOUNT).split(":")
    if name.startswith(SERVICE_ACCOUNT) and len(parts) == 2:
        yield _Asked("", "serviceaccounts", "ServiceAccount", parts[1], parts[0])
    else:
        yield _Asked("", "users", "User", name)
    for group in groups:
        yield _Asked("", "groups", "Group", group)
    if uid:
        yield _Asked("authentication.k8s.io", "uids", "UID", uid)


def _check(server: ApiServer, user: UserInfo, asked: _Asked) -> None:
    if server.authorizer is None:
        return
    route = Route(asked.group, "v1", asked.namespace, asked.plural, asked.name, "")
    allowed, reason = server.authorizer.authorize(user, "impersonate", None, route, "")
    if not allowed:
        where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        raise errors.forbidden(
            asked,
            asked.name,
            f'User "{user.name}" cannot impersonate resource "{asked.plural}" in API group "{asked.group}" {where}'
            + (f": {reason}" if reason else ""),
        )
