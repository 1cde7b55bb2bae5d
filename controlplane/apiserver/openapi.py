"""/openapi/v3: an index, and a document for each group version (kube-openapi: pkg/handler3, pkg/builder3).

kubectl needs them to validate, to explain, and to know how the lists of a kind merge.  The documents are made when
first asked for, and again when a definition changes.
*Note*: every answer is JSON; /openapi/v2 has the definitions without the paths.  Its protobuf form, which kubectl asks
for when /openapi/v3 does not have a kind yet, has no definitions at all: the checking is then left to the server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from controlplane.apiserver import errors
from controlplane.apiserver.api import Request, Response
from controlplane.apiserver.codec import encode
from controlplane.apiserver.openapi_paths import Operations
from controlplane.apiserver.openapi_schemas import PATCH, PATCH_NAME, REF, published_name, schemas, unions
from controlplane.apiserver.resources import ResourceInfo, ResourceRegistry
from controlplane.apiserver.schema import Type, type_of

Obj = dict[str, Any]

JSON = "application/json"
VERSION = "v1.36.0"
PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
# openapi.v2.Document: swagger "2.0" (1), info (2) with a title (1) and a version (2), no paths (8)
EMPTY_SWAGGER = b"\x0a\x032.0\x12\x15\x0a\x0aKubernetes\x12\x07v1.36.0\x42\x00"


class CustomTypes(Protocol):
    """Finds the schema of a custom resource."""

    def type_of(self, api_version: str, kind: str) -> Any: ...


def handle(registry: ResourceRegistry, custom: CustomTypes, parts: list[str], request: Request) -> Response | None:
    """The answer to GET /openapi/`parts`; None if there is no such path."""
    if not parts or parts[0] not in ("v2", "v3") or (parts[0] == "v2" and len(parts) > 1):
        return None
    accept = request.headers.get("accept", "") or "*/*"
    if parts[0] == "v2" and PROTOBUF in accept:
        return Response(200, EMPTY_SWAGGER, content_type=PROTOBUF.replace("@", "."))  # "@" is no part of a media type
    if not any(media in accept for media in (JSON, "*/*", "application/*")):
        raise errors.not_acceptable((JSON,))
    where = "/".join(parts)
    if where == "v3":
        return Response(200, _kept(registry, "openapi", lambda: encode(index(registry, custom))))
    if where == "v2":
        return Response(200, _kept(registry, "openapi v2", lambda: encode(swagger(registry, custom))))
    found = _group_version(registry, parts[1:])
    if found is None:
        return None
    raw = _document(registry, custom, *found)
    headers = {"etag": f'"{_digest(raw)}"', "vary": "Accept"}
    if request.query.get("hash") == _digest(raw):
        headers["cache-control"] = "public, immutable, max-age=31536000"
    return Response(200, raw, headers=headers)


def index(registry: ResourceRegistry, custom: CustomTypes) -> Obj:
    """Where each document is.  Its hash is in the URL, so that clients may keep it for ever."""
    paths = {}
    for group in ("", *registry.groups()):
        for version in registry.versions(group):
            name = f"apis/{group}/{version}" if group else f"api/{version}"
            digest = _digest(_document(registry, custom, group, version))
            paths[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={digest}"}
    return {"paths": dict(sorted(paths.items()))}


def _digest(raw: bytes) -> str:
    return hashlib.sha512(raw).hexdigest().upper()


def _document(registry: ResourceRegistry, custom: CustomTypes, group: str, version: str) -> bytes:
    return _kept(registry, f"openapi {group}/{version}", lambda: encode(document(registry, custom, group, version)))


def _kept(registry: ResourceRegistry, name: str, make: Callable[[], bytes]) -> bytes:
    if name not in registry.documents:
        registry.documents[name] = make()
    kept: bytes = registry.documents[name]
    return kept


def _group_version(registry: ResourceRegistry, parts: list[str]) -> tuple[str, str] | None:
    group, version = ("", parts[-1]) if parts[0] == "api" else (parts[1] if len(parts) == 3 else "", parts[-1])
    known = registry.in_version(group, version) and len(parts) == (3 if group else 2) and parts[0][:3] == "api"
    return (group, version) if known else None


def document(registry: ResourceRegistry, custom: CustomTypes, group: str, version: str) -> Obj:
    """The OpenAPI 3.0 document of one group version."""
    infos = registry.in_version(group, version)
    paths: Obj = {}
    for info in infos:
        paths.update(Operations(info, lambda kind, info=info: _name(info, kind)).paths())  # type: ignore[misc]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": components(registry, custom, infos), "securitySchemes": SECURITY},
    }


SECURITY: Obj = {
    "BearerToken": {
        "type": "apiKey",
        "description": "Bearer Token authentication",
        "name": "authorization",
        "in": "header",
    }
}


def components(registry: ResourceRegistry, custom: CustomTypes, infos: list[ResourceInfo]) -> dict[str, Obj]:
    """All schemas that the paths of `infos` speak of, and those that these are made of."""
    wanted: dict[str, Type] = {}
    kinds: dict[str, list[Obj]] = {}
    own: dict[str, Obj] = {}
    for info in infos:
        spoken = [(info.group, info.version, info.kind), (info.group, info.version, info.list_kind)]
        spoken += [(sub.group, sub.version, sub.kind) for sub in info.subresources.values()]
        for group, version, kind in spoken:
            type = None if info.custom and group == info.group else type_of(_joined(group, version), kind)
            if type is not None:
                wanted[type.spelled] = type
                kinds[published_name(type.spelled)] = [{"group": group, "kind": kind, "version": version}]
        if info.custom:
            own.update(_custom_schemas(info, custom))
    shared = {"Status": type_of("v1", "Status"), "DeleteOptions": type_of("v1", "DeleteOptions")}
    types = [*wanted.values(), *(type for type in shared.values() if type is not None)]
    if own:
        types += [type for type in (type_of("v1", "PartialObjectMetadataList"),) if type is not None]
    if any(info.kind == "CustomResourceDefinition" for info in infos):
        types += unions()
    found, spelled = schemas(types)
    served = [
        {"group": group, "kind": "DeleteOptions", "version": v}
        for group in ("", *registry.groups())
        for v in registry.versions(group)
    ]
    kinds[published_name("meta/v1.DeleteOptions")] = served
    kinds[published_name("meta/v1.Status")] = [{"group": "", "kind": "Status", "version": "v1"}]
    for name in spelled:
        if name in kinds:
            found[name]["x-kubernetes-group-version-kind"] = kinds[name]
    return dict(sorted({**found, **own, PATCH_NAME: PATCH}.items()))


def _custom_schemas(info: ResourceInfo, custom: CustomTypes) -> dict[str, Obj]:
    name, list_name = _name(info, info.kind), _name(info, info.list_kind)
    schema: Obj = custom.type_of(info.api_version, info.kind).published()
    kind = {"group": info.group, "kind": info.kind, "version": info.version}
    items = {"type": "array", "items": {"allOf": [{"$ref": REF + name}]}}
    listing = {
        "description": f"{info.list_kind} is a list of {info.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": REF + published_name("meta/v1.ListMeta")}]},
            "items": {"description": f"List of {info.plural}.", **items},
        },
        "x-kubernetes-group-version-kind": [{**kind, "kind": info.list_kind}],
    }
    return {name: {**schema, "x-kubernetes-group-version-kind": [kind]}, list_name: listing}


def _name(info: ResourceInfo, kind: str) -> str:
    """The published name of a kind that the paths of `info` speak of."""
    if info.custom and kind in (info.kind, info.list_kind):
        return f"{'.'.join(reversed(info.group.split('.')))}.{info.version}.{kind}"
    versions = [(info.group, info.version)]
    versions += [(sub.group, sub.version) for sub in info.subresources.values() if sub.kind == kind]
    for group, version in [*versions, ("", "v1")]:
        if (type := type_of(_joined(group, version), kind)) is not None:
            return published_name(type.spelled)
    return PATCH_NAME


def _joined(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def swagger(registry: ResourceRegistry, custom: CustomTypes) -> Obj:
    """The definitions of all kinds in the older form."""
    found = components(registry, custom, list(registry))
    text = encode(found).replace(REF.encode(), b"#/definitions/")
    from controlplane.apiserver.codec import decode

    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": {},
        "definitions": decode(text),
    }
