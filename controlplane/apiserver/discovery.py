"""What the server has to offer: /api, /apis and below, and both in one document for clients that ask for that.

(apiserver: pkg/endpoints/discovery, pkg/endpoints/discovery/aggregated)
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any

from controlplane.apiserver import errors
from controlplane.apiserver.api import Response
from controlplane.apiserver.resources import ResourceInfo, ResourceRegistry, Subresource

Obj = dict[str, Any]

JSON = "application/json"
AGGREGATED = ("v2", "v2beta1")


def handle(registry: ResourceRegistry, parts: list[str], accept: str, address: str) -> Response | None:
    """The answer to GET /`parts`; None if there is no such path."""
    if len(parts) == 1 and (version := aggregated_version(accept)):
        document = _kept(registry, f"{parts[0]} {version}", lambda: aggregated(registry, parts[0], version))
        return Response(
            200, document, content_type=f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
        )
    body = _kept(registry, f"{'/'.join(parts)} {address}", lambda: legacy(registry, parts, address))
    return Response(200, body) if body is not None else None


def _kept(registry: ResourceRegistry, name: str, make: Any) -> Any:
    """The document called `name`, made anew after every change of the registry."""
    if name not in registry.documents:
        document = make()
        if document is None:
            return None
        registry.documents[name] = document
    return registry.documents[name]


@lru_cache(maxsize=256)
def aggregated_version(accept: str) -> str:
    """ "v2" or "v2beta1" if that is the first form in the header that we have, "" for the plain one; 406 for none.

    A client that asks for v2beta1 must not get v2: it would see no resources at all.
    """
    for clause in (accept or "*/*").split(","):
        media, *rest = (part.strip() for part in clause.lower().split(";"))
        params = dict(part.split("=", 1) for part in rest if "=" in part)
        if media not in (JSON, "*/*", "application/*"):
            continue
        if "as" not in params:
            return ""
        wanted = params["as"] == "apigroupdiscoverylist" and params.get("g") == "apidiscovery.k8s.io"
        if wanted and params.get("v") in AGGREGATED:
            return params["v"]
    raise errors.not_acceptable((JSON,))


def legacy(registry: ResourceRegistry, parts: list[str], address: str) -> Obj | None:
    """The documents that every version of every client knows."""
    if parts == ["api"]:
        servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}
    if parts == ["apis"]:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(registry, g) for g in registry.groups()]}
    if parts[0] == "apis" and len(parts) == 2:
        found = parts[1] in registry.groups()
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, parts[1])} if found else None
    if parts[0] == "api" and len(parts) == 2:
        return _resource_list(registry, "", parts[1])
    return _resource_list(registry, parts[1], parts[2]) if len(parts) == 3 and parts[0] == "apis" else None


def _group(registry: ResourceRegistry, group: str) -> Obj:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in registry.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(registry: ResourceRegistry, group: str, version: str) -> Obj | None:
    infos = registry.in_version(group, version)
    if not infos:
        return None
    resources = []
    for info in infos:
        resources.append(_api_resource(info))
        resources += [_api_subresource(info, info.subresources[name]) for name in sorted(info.subresources)]
    head: Obj = {"kind": "APIResourceList", "apiVersion": "v1"} if group else {"kind": "APIResourceList"}
    return {**head, "groupVersion": infos[0].api_version, "resources": resources}


def _api_resource(info: ResourceInfo) -> Obj:
    resource: Obj = {
        "name": info.plural,
        "singularName": info.singular,
        "namespaced": info.namespaced,
        "kind": info.kind,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        resource["shortNames"] = list(info.short_names)
    if info.categories:
        resource["categories"] = list(info.categories)
    if info.stored:
        resource["storageVersionHash"] = storage_version_hash(info)
    return resource


def _api_subresource(info: ResourceInfo, subresource: Subresource) -> Obj:
    resource: Obj = {
        "name": f"{info.plural}/{subresource.name}",
        "singularName": "",
        "namespaced": info.namespaced,
        "kind": subresource.kind,
        "verbs": list(subresource.verbs),
    }
    if (subresource.group, subresource.version) != (info.group, info.version):
        resource["group"], resource["version"] = subresource.group, subresource.version
    return resource


def storage_version_hash(info: ResourceInfo) -> str:
    """Tells clients when the stored form of a kind changes."""
    group, _, version = info.storage_version.rpartition("/")
    digest = hashlib.sha256(f"{group}/{version}/{info.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def aggregated(registry: ResourceRegistry, root: str, version: str) -> Obj:
    """Everything below /api or /apis at once: an APIGroupDiscoveryList."""
    items: list[Obj] = []
    for group in [""] if root == "api" else registry.groups():
        versions = [
            {
                "version": v,
                "resources": [_discovered(info) for info in registry.in_version(group, v)],
                "freshness": "Current",
            }
            for v in registry.versions(group)
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _discovered(info: ResourceInfo) -> Obj:
    """A kind without group and version is of those in which it is listed."""
    resource: Obj = {
        "resource": info.plural,
        "responseKind": {"group": "", "version": "", "kind": info.kind},
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        resource["shortNames"] = list(info.short_names)
    if info.categories:
        resource["categories"] = list(info.categories)
    subresources = []
    for name, subresource in sorted(info.subresources.items()):
        own = (subresource.group, subresource.version) == (info.group, info.version)
        kind = {
            "group": "" if own else subresource.group,
            "version": "" if own else subresource.version,
            "kind": subresource.kind,
        }
        subresources.append({"subresource": name, "responseKind": kind, "verbs": list(subresource.verbs)})
    if subresources:
        resource["subresources"] = subresources
    return resource
