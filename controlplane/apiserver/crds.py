"""Kinds that users define: a CustomResourceDefinition becomes a resource as soon as it is stored.

(kubernetes: staging/src/k8s.io/apiextensions-apiserver)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane.apiserver import schema
from controlplane.apiserver.crd_status import status_of
from controlplane.apiserver.decoding import KindType
from controlplane.apiserver.resources import ALL_VERBS, ResourceInfo, Subresource
from controlplane.apiserver.watch_cache import Entry

if TYPE_CHECKING:
    from controlplane.apiserver.crd_schema import CustomType
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


class CustomResources:
    """The types of all kinds: those of the published schema, and those that CustomResourceDefinitions declare."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self._types: dict[tuple[str, str], CustomType] = {}
        self._columns: dict[tuple[str, str], list[Obj]] = {}
        self._served: dict[str, list[ResourceInfo]] = {}  # by the definition's name
        self._specs: dict[str, Obj] = {}

    def type_of(self, api_version: str, kind: str) -> KindType | None:
        """How to decode a kind; None for one that has no schema."""
        return self._types.get((api_version, kind)) or schema.type_of(api_version, kind)

    def custom_type(self, api_version: str, kind: str) -> CustomType | None:
        """The schema of a custom kind."""
        return self._types.get((api_version, kind))

    def is_registered(self, api_version: str, kind: str) -> bool:
        return self.type_of(api_version, kind) is not None

    def columns(self, info: ResourceInfo) -> list[Obj] | None:
        """The additionalPrinterColumns of a custom resource; None for a built-in one."""
        return self._columns.get((info.api_version, info.kind), []) if info.custom else None

    def defined(self, info: ResourceInfo, entry: Entry) -> None:
        """A definition was written: say in its status whether its names are free, and serve it if they are."""
        crd = entry.obj
        storage = self.server.registry(info).storage
        status = status_of(crd, self.server.read_all(DEFINITIONS), self.server.now())
        if status != crd.get("status"):
            written = storage.replace(entry, {**crd, "status": status})
            assert written is not None  # nobody writes in between: we are within a write
            crd = written.obj
        if _is_established(crd):
            self._serve(crd)

    def load(self) -> None:
        """Serve the definitions that are in the store already."""
        for crd in self.server.read_all(DEFINITIONS):
            if _is_established(crd):
                self._serve(crd)

    def _serve(self, crd: Obj) -> None:
        name = crd["metadata"]["name"]
        if self._specs.get(name) == crd["spec"]:
            return
        self._specs[name] = crd["spec"]
        before = {info.api_version: info for info in self._served.get(name, ())}
        versions = [version for version in crd["spec"]["versions"] if version.get("served")]
        infos = [_info(crd, version) for version in versions]
        for info in before.values():
            if info.api_version not in {new.api_version for new in infos}:
                self._withdraw(info)
        self._served[name] = infos
        for info, version in zip(infos, versions, strict=True):
            from controlplane.apiserver import crd_schema  # loaded with the first definition

            self._types[info.api_version, info.kind] = crd_schema.CustomType(crd, version["name"])
            self._columns[info.api_version, info.kind] = version.get("additionalPrinterColumns") or []
            if info.api_version in before:  # its schema may have changed: watches end, clients look again
                self.server.forget(before[info.api_version])
            self.server.resources.add(info)

    def _withdraw(self, info: ResourceInfo) -> None:
        self.server.resources.remove(info)
        self.server.forget(info)
        self._types.pop((info.api_version, info.kind), None)
        self._columns.pop((info.api_version, info.kind), None)

    def undefined(self, crd: Obj) -> None:
        """A definition is gone: so are its objects."""
        self._specs.pop(crd["metadata"]["name"], None)
        for info in self._served.pop(crd["metadata"]["name"], ()):
            registry = self.server.registry(info)
            for entry in list(registry.storage.cache.entries.values()):
                registry.storage.remove(entry)
            self._withdraw(info)


def _is_established(crd: Obj) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _info(crd: Obj, version: Obj) -> ResourceInfo:
    spec, names = crd["spec"], crd["spec"]["names"]
    subresources: dict[str, Subresource] = {}
    declared = version.get("subresources") or {}
    if "status" in declared:
        subresources["status"] = Subresource("status", names["kind"], spec["group"], version["name"])
    scale = declared.get("scale")
    if scale is not None:
        subresources["scale"] = Subresource("scale", "Scale", "autoscaling", "v1")
        scale = (scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath", ""))
    storage = next(v["name"] for v in spec["versions"] if v.get("storage"))
    return ResourceInfo(
        spec["group"],
        version["name"],
        names["kind"],
        names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=ALL_VERBS,
        subresources=subresources,
        etcd_prefix=f"/registry/{spec['group']}/{names['plural']}/",
        storage_version=f"{spec['group']}/{storage}",
        list_kind=names.get("listKind") or names["kind"] + "List",
        custom=True,
        selectable_fields=tuple(f["jsonPath"] for f in version.get("selectableFields") or ()),
        scale_paths=scale,
    )
