"""The paths of a resource as OpenAPI operations (apiserver: pkg/endpoints/installer.go)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.apiserver.openapi_schemas import PATCH_NAME, REF
from controlplane.apiserver.resources import ResourceInfo, Subresource

Obj = dict[str, Any]

JSON = "application/json"
PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
STRATEGIC = "application/strategic-merge-patch+json"  # only where there are merge keys: kubectl goes by this list
STATUS = "Status"
DELETE_OPTIONS = "DeleteOptions"

# Query parameters: what each is for, and its type.
_TEXT = {"type": "string", "uniqueItems": True}
_FLAG = {"type": "boolean", "uniqueItems": True}
_COUNT = {"type": "integer", "uniqueItems": True}
PARAMETERS: dict[str, tuple[str, Obj]] = {
    "pretty": ("Whether the answer is indented ('true' or 'false').", _TEXT),
    "allowWatchBookmarks": ("Whether a watch may have events of type BOOKMARK.", _FLAG),
    "continue": ("The token of an earlier answer, to get the next part of a list.", _TEXT),
    "fieldSelector": ("Selects objects by their fields. Defaults to everything.", _TEXT),
    "labelSelector": ("Selects objects by their labels. Defaults to everything.", _TEXT),
    "limit": ("How many objects a part of a list has at most.", _COUNT),
    "resourceVersion": ("How recent the answer must be, or from where to watch.", _TEXT),
    "resourceVersionMatch": ("How resourceVersion constrains a list: Exact or NotOlderThan.", _TEXT),
    "sendInitialEvents": ("Whether a watch begins with what there is, and then a bookmark.", _FLAG),
    "timeoutSeconds": ("How long a list or watch may take.", _COUNT),
    "watch": ("Whether to get changes as a stream instead of a list.", _FLAG),
    "dryRun": ("'All': go through everything, and store nothing.", _TEXT),
    "fieldManager": ("The name of whoever makes the change, for managedFields.", _TEXT),
    "fieldValidation": ("What becomes of unknown and repeated fields: Ignore, Warn or Strict.", _TEXT),
    "force": ("Whether an apply takes over fields that others manage.", _FLAG),
    "gracePeriodSeconds": ("How long the object may take to end; 0 is at once.", _COUNT),
    "orphanDependents": ("Deprecated: use propagationPolicy.", _FLAG),
    "propagationPolicy": ("What becomes of dependents: Orphan, Background or Foreground.", _TEXT),
}
_LIST = tuple(name for name in PARAMETERS if name not in ("pretty",))[:10]
_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_DELETE = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_STREAMS = {"exec", "attach", "portforward", "proxy"}


class Operations:
    """Makes the paths of one resource; `name` gives the published name of a kind."""

    def __init__(self, info: ResourceInfo, name: Callable[[str], str]) -> None:
        self.info = info
        self.name = name
        self.tag = f"{_camel(info.group.partition('.')[0] or 'core', first=False)}_{info.version}"

    def paths(self) -> Obj:
        info = self.info
        paths: Obj = {}
        in_namespace = info.path("{namespace}") if info.namespaced else info.path()
        whole = self._collection(namespaced=info.namespaced)
        paths[in_namespace] = whole
        if info.namespaced and "list" in info.verbs:
            paths[info.path()] = {
                "get": self._list("ForAllNamespaces"),
                "parameters": [_query(name) for name in ("pretty", *_LIST)],
            }
        if "get" in info.verbs:
            paths[f"{in_namespace}/{{name}}"] = self._object()
        for subresource in info.subresources.values():
            if subresource.name not in _STREAMS:
                paths[f"{in_namespace}/{{name}}/{subresource.name}"] = self._subresource(subresource)
        return paths

    def _collection(self, *, namespaced: bool) -> Obj:
        info = self.info
        item: Obj = {}
        if "list" in info.verbs:
            item["get"] = self._list("", parameters=[_query(name) for name in _LIST])
        if "create" in info.verbs:
            item["post"] = self._operation("post", "create", info.kind, body=info.kind, query=_WRITE)
        if "deletecollection" in info.verbs:
            item["delete"] = self._operation(
                "deletecollection", "delete collection of", STATUS, body=DELETE_OPTIONS, query=(*_LIST, *_DELETE)
            )
        item["parameters"] = [*([_path("namespace")] if namespaced else []), _query("pretty")]
        return item

    def _object(self) -> Obj:
        info = self.info
        item: Obj = {}
        if "get" in info.verbs:
            item["get"] = self._operation("get", "read the specified", info.kind)
        if "update" in info.verbs:
            item["put"] = self._operation("put", "replace the specified", info.kind, body=info.kind, query=_WRITE)
        if "patch" in info.verbs:
            item["patch"] = self._patch(info.kind)
        if "delete" in info.verbs:
            item["delete"] = self._operation("delete", "delete", STATUS, body=DELETE_OPTIONS, query=_DELETE)
        return {**item, "parameters": self._path_parameters()}

    def _subresource(self, sub: Subresource) -> Obj:
        item: Obj = {}
        if "get" in sub.verbs:
            item["get"] = self._operation("get", f"read {sub.name} of the specified", sub.kind, sub=sub)
        if "create" in sub.verbs:
            item["post"] = self._operation("post", f"create {sub.name} of", sub.kind, sub.kind, _WRITE, sub)
        if "update" in sub.verbs:
            item["put"] = self._operation(
                "put", f"replace {sub.name} of the specified", sub.kind, sub.kind, _WRITE, sub
            )
        if "patch" in sub.verbs:
            item["patch"] = self._patch(sub.kind, sub)
        return {**item, "parameters": self._path_parameters()}

    def _path_parameters(self) -> list[Obj]:
        return [_path("name"), *([_path("namespace")] if self.info.namespaced else []), _query("pretty")]

    def _list(self, suffix: str, parameters: list[Obj] | None = None) -> Obj:
        operation = self._operation("list", "list or watch objects of kind", self.info.list_kind, suffix=suffix)
        return {**operation, "parameters": parameters} if parameters else operation

    def _patch(self, kind: str, sub: Subresource | None = None) -> Obj:
        operation = self._operation("patch", "partially update the specified", kind, query=(*_WRITE, "force"), sub=sub)
        schema = {"$ref": REF + PATCH_NAME}
        accepted = PATCHES if self.info.custom else (*PATCHES, STRATEGIC)
        operation["requestBody"] = {"content": {media: {"schema": schema} for media in accepted}, "required": True}
        return operation

    def _operation(
        self,
        action: str,
        verb: str,
        answer: str,
        body: str = "",
        query: tuple[str, ...] = (),
        sub: Subresource | None = None,
        suffix: str = "",
    ) -> Obj:
        info = self.info
        scope = "Namespaced" if info.namespaced and not suffix else ""
        verb_id = {"post": "create", "put": "replace", "get": "read", "deletecollection": "deleteCollection"}
        of = _camel(sub.name) if sub else ""
        version = _camel(self.tag.replace("_", "-"))
        codes = {
            "post": ("200", "201", "202"),
            "put": ("200", "201"),
            "patch": ("200", "201"),
            "delete": ("200", "202"),
        }
        content: Obj = {JSON: {"schema": {"$ref": REF + self.name(answer)}}}
        if sub and sub.name == "log":
            content = {"text/plain": {"schema": {"type": "string"}}}
        responses = {code: {"description": _SAID[code], "content": content} for code in codes.get(action, ("200",))}
        kind = (sub.group, sub.version, sub.kind) if sub else (info.group, info.version, info.kind)
        operation: Obj = {
            "tags": [self.tag],
            "description": f"{verb} {info.kind}",
            "operationId": f"{verb_id.get(action, action)}{version}{scope}{info.kind}{of}{suffix}",
        }
        if query:
            operation["parameters"] = [_query(name) for name in query]
        if body:
            operation["requestBody"] = {"content": {JSON: {"schema": {"$ref": REF + self.name(body)}}}}
            if body != DELETE_OPTIONS:
                operation["requestBody"]["required"] = True
        operation["responses"] = {**responses, "401": {"description": "Unauthorized"}}
        operation["x-kubernetes-action"] = action
        operation["x-kubernetes-group-version-kind"] = dict(zip(("group", "version", "kind"), kind, strict=True))
        return operation


_SAID = {"200": "OK", "201": "Created", "202": "Accepted"}


def _query(name: str) -> Obj:
    description, schema = PARAMETERS[name]
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path(name: str) -> Obj:
    said = {"name": "name of the object", "namespace": "object name and auth scope, such as for teams and projects"}
    return {"name": name, "in": "path", "description": said[name], "required": True, "schema": _TEXT}


def _camel(text: str, *, first: bool = True) -> str:
    words = text.split("-")
    head = words[0][:1].upper() + words[0][1:] if first else words[0]
    return head + "".join(word[:1].upper() + word[1:] for word in words[1:])
