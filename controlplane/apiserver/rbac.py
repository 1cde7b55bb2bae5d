"""Role-based access control: who may do what, from Roles and bindings (plugin/pkg/auth/authorizer/rbac).

`enable(server)` switches it on.  Members of system:masters may always do everything.  *Note*: aggregated ClusterRoles
are left out here: the default ones list their rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from controlplane.apiserver.api import Request, UserInfo
from controlplane.apiserver.bootstrap import SELF
from controlplane.apiserver.rbac_roles import default_objects
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.routes import Route

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
SERVICE_ACCOUNT = "system:serviceaccount:"


class Objects(Protocol):
    """Where the roles and bindings are: the server has it."""

    def read(self, plural: str, name: str, namespace: str = "") -> Obj | None: ...

    def read_all(self, plural: str, namespace: str = "") -> list[Obj]: ...


class RbacAuthorizer:
    """Decides by the roles that are bound to a user or to one of the user's groups."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def authorize(
        self, user: UserInfo, verb: str, info: ResourceInfo | None, route: Route | None, path: str
    ) -> tuple[bool, str]:
        """(allowed, why): the binding that allows it, or what went wrong while looking for one.

        `route` None asks about a path that is no resource.
        """
        if MASTERS in user.groups:
            return True, ""
        problems: list[str] = []
        for binding, subject, rule in self._bound(user, route.namespace if route else "", problems):
            allows = allows_path(rule, verb, path) if route is None else allows_resource(rule, verb, route)
            if allows:
                return True, f"RBAC: allowed by {_describe(binding, subject)}"
        if not problems:
            return False, ""
        text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        return False, f"RBAC: {text}"

    def rules(self, user: UserInfo, namespace: str) -> list[Obj]:
        """All rules that hold for a user in a namespace."""
        if MASTERS in user.groups:
            return EVERYTHING
        return [rule for _, _, rule in self._bound(user, namespace, [])]

    def _bound(self, user: UserInfo, namespace: str, problems: list[str]) -> Iterator[tuple[Obj, Obj, Obj]]:
        """(binding, its subject that is this user, a rule of its role) of every rule that may apply."""
        bindings = self._objects.read_all(f"clusterrolebindings.{GROUP}")
        if namespace:
            bindings = bindings + self._objects.read_all(f"rolebindings.{GROUP}", namespace)
        for binding in bindings:
            within = binding["metadata"].get("namespace", "")
            subject = next((s for s in binding.get("subjects") or () if _is_subject(s, user, within)), None)
            if subject is None:
                continue
            for rule in self._role_rules(binding["roleRef"], within, problems):
                yield binding, subject, rule

    def _role_rules(self, ref: Obj, namespace: str, problems: list[str]) -> list[Obj]:
        kind, name = ref["kind"], ref["name"]
        plural = "clusterroles" if kind == "ClusterRole" else "roles"
        role = self._objects.read(f"{plural}.{GROUP}", name, "" if kind == "ClusterRole" else namespace)
        if role is None:
            problems.append(f'{kind.lower()}.{GROUP} "{name}" not found')
            return []
        return role.get("rules") or []


EVERYTHING: list[Obj] = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
]


def allows_resource(rule: Obj, verb: str, route: Route) -> bool:
    """Does a rule allow a verb on what a route names?"""
    names = rule.get("resourceNames")
    return (
        _has(rule.get("verbs"), verb)
        and _has(rule.get("apiGroups"), route.group)
        and _has_resource(rule.get("resources") or (), route.plural, route.subresource)
        and (not names or route.name in names)
    )


def allows_path(rule: Obj, verb: str, path: str) -> bool:
    """Does a rule allow a verb on a path that is no resource?"""
    if not _has(rule.get("verbs"), verb):
        return False
    urls = rule.get("nonResourceURLs") or ()
    return any(url == "*" or url == path or (url.endswith("*") and path.startswith(url[:-1])) for url in urls)


def _has(values: list[str] | None, value: str) -> bool:
    return values is not None and ("*" in values or value in values)


def _has_resource(resources: list[str] | tuple[str, ...], plural: str, subresource: str) -> bool:
    if "*" in resources:
        return True
    if not subresource:
        return plural in resources
    return f"{plural}/{subresource}" in resources or f"*/{subresource}" in resources


def _is_subject(subject: Obj, user: UserInfo, namespace: str) -> bool:
    kind, name = subject["kind"], subject["name"]
    if kind == "User":
        return bool(name == user.name)
    if kind == "Group":
        return name in user.groups
    where = subject.get("namespace") or namespace
    return bool(where) and user.name == f"{SERVICE_ACCOUNT}{where}:{name}"


def _describe(binding: Obj, subject: Obj) -> str:
    meta, ref = binding["metadata"], binding["roleRef"]
    namespace = meta.get("namespace")
    kind, name = ("RoleBinding", f"{meta['name']}/{namespace}") if namespace else ("ClusterRoleBinding", meta["name"])
    who = subject["name"]
    if subject["kind"] == "ServiceAccount" and subject.get("namespace"):
        who = f"{who}/{subject['namespace']}"
    return f'{kind} "{name}" of {ref["kind"]} "{ref["name"]}" to {subject["kind"]} "{who}"'


def enable(server: ApiServer) -> None:
    """Make the default roles and bindings, those that are missing, and let them decide from now on."""
    server.authorizer = None
    for path, obj in default_objects():
        answer = server.handle(Request("POST", path, body=obj, user=SELF))
        if answer.status not in (201, 409):
            raise RuntimeError(f"cannot create {obj['kind']} {obj['metadata']['name']}: {answer.body}")
    authorizer = server.authorizer = RbacAuthorizer(server)
    from controlplane.apiserver.rbac_escalation import Escalation  # which asks this module

    server.admission.add(Escalation(server, authorizer))
