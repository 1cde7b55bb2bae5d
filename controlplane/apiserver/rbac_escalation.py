"""Nobody can grant what they do not have (pkg/registry/rbac: escalation_check.go, role/policybased, validation).

Who writes a role, or binds one, must hold all of its rules, unless they may `escalate` roles or `bind` that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane.apiserver import errors
from controlplane.apiserver.admission import AdmissionPlugin, Attributes
from controlplane.apiserver.api import UserInfo
from controlplane.apiserver.rbac import GROUP, MASTERS, RbacAuthorizer, allows_path, allows_resource
from controlplane.apiserver.routes import Route

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

ROLES = frozenset({"roles", "clusterroles"})
BINDINGS = frozenset({"rolebindings", "clusterrolebindings"})
FIELDS = {
    "APIGroups": "apiGroups",
    "Resources": "resources",
    "NonResourceURLs": "nonResourceURLs",
    "ResourceNames": "resourceNames",
    "Verbs": "verbs",
}


class Escalation(AdmissionPlugin):
    """Refuses roles and bindings that give away more than their writer has."""

    name = "RBACEscalation"
    resources = frozenset((GROUP, plural) for plural in ROLES | BINDINGS)

    def __init__(self, server: ApiServer, authorizer: RbacAuthorizer) -> None:
        super().__init__(server)
        self._authorizer = authorizer

    def validate(self, attributes: Attributes) -> None:
        obj, user = attributes.obj, attributes.user
        if obj is None or MASTERS in user.groups:
            return
        old = attributes.old or {}
        if attributes.info.plural in ROLES:
            rules = obj.get("rules") or []
            if rules == (old.get("rules") or []) or self._may(user, "escalate", attributes, attributes.info.plural):
                return
        else:
            if old and (obj.get("subjects"), obj["roleRef"]) == (old.get("subjects"), old["roleRef"]):
                return
            ref = obj["roleRef"]
            plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
            if self._may(user, "bind", attributes, plural, ref["name"]):
                return
            role = self.server.read(f"{plural}.{GROUP}", ref["name"], attributes.namespace if plural == "roles" else "")
            if role is None:
                info = attributes.info
                raise errors.StatusError(
                    404,
                    "NotFound",
                    f'{plural}.{info.group} "{ref["name"]}" not found',
                    {"name": ref["name"], "group": info.group, "kind": plural},
                )
            rules = role.get("rules") or []
        held = self._authorizer.rules(user, attributes.namespace)
        if missing := [part for rule in rules for part in split(rule) if not any(covers(own, part) for own in held)]:
            groups = " ".join(f'"{group}"' for group in user.groups)
            raise errors.forbidden(
                attributes.info,
                attributes.name,
                f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n'
                + "\n".join(sorted(describe(rule) for rule in compact(missing))),
            )

    def _may(self, user: UserInfo, verb: str, attributes: Attributes, plural: str, name: str = "") -> bool:
        route = Route(GROUP, "v1", attributes.namespace, plural, name or attributes.name, "")
        return self._authorizer.authorize(user, verb, attributes.info, route, "")[0]


def split(rule: Obj) -> list[Obj]:
    """The rule as rules of one verb on one thing each."""
    verbs = rule.get("verbs") or []
    urls = [{"nonResourceURLs": [url], "verbs": [verb]} for url in rule.get("nonResourceURLs") or () for verb in verbs]
    names: list[list[str]] = [[name] for name in rule.get("resourceNames") or ()] or [[]]
    return urls + [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb], **({"resourceNames": name} if name else {})}
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for name in names
        for verb in verbs
    ]


def covers(own: Obj, part: Obj) -> bool:
    """Does a rule that somebody holds allow all that a rule of one thing does?"""
    verb = part["verbs"][0]
    if "nonResourceURLs" in part:
        return allows_path(own, verb, part["nonResourceURLs"][0])
    names = part.get("resourceNames")
    if own.get("resourceNames") and not names:  # what holds for some objects does not hold for all
        return False
    plural, _, subresource = part["resources"][0].partition("/")
    return allows_resource(
        own, verb, Route(part["apiGroups"][0], "", "", plural, names[0] if names else "", subresource)
    )


def compact(parts: list[Obj]) -> list[Obj]:
    """Rules that differ in their verbs alone, as one each."""
    found: dict[str, Obj] = {}
    for part in parts:
        key = describe({**part, "verbs": []})
        if key in found:
            found[key]["verbs"] += [verb for verb in part["verbs"] if verb not in found[key]["verbs"]]
        else:
            found[key] = {**part, "verbs": list(part["verbs"])}
    return list(found.values())


def describe(rule: Obj) -> str:
    """A rule in Go's short form."""
    shown = []
    for title, field in FIELDS.items():
        if values := rule.get(field):
            listed = " ".join(f'"{value}"' for value in values)
            shown.append(f"{title}:[{listed}]")
    return "{" + ", ".join(shown) + "}"
