"""Which resources there are: how each is named, scoped, stored and served (apimachinery: RESTMapper, APIResource)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from controlplane.apiserver.resource_table import GROUPS, STORED_AS

ALL_VERBS: tuple[str, ...] = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
SUBRESOURCE_VERBS = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Subresource:
    """What is behind the last part of pods/NAME/status: the kind it speaks, and the verbs."""

    name: str
    kind: str
    group: str
    version: str
    verbs: tuple[str, ...] = SUBRESOURCE_VERBS


@dataclass(frozen=True, eq=False)
class ResourceInfo:
    """One resource in one version of its group.

    `etcd_prefix` is where its objects are stored ("/registry/minions/"), `storage_version` the apiVersion in which they
    are written there: another one than its own for the second of two versions that are served from the same objects.
    """

    group: str  # "" for core
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: Mapping[str, Subresource] = field(default_factory=dict)
    etcd_prefix: str = ""
    storage_version: str = ""
    list_kind: str = ""
    custom: bool = False  # defined by a CustomResourceDefinition
    selectable_fields: tuple[str, ...] = ()  # JSON paths that a definition opens to field selectors
    scale_paths: tuple[str, str, str] | None = None  # of a custom one: replicas wanted, replicas there, label selector

    @cached_property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def qualified(self) -> str:
        """deployments.apps, pods: the resource as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def stored(self) -> bool:
        """Whether there are objects of it: a Binding or a SubjectAccessReview is only ever sent."""
        return bool(self.etcd_prefix)

    def key(self, namespace: str, name: str) -> str:
        """The object's key in etcd."""
        return f"{self.etcd_prefix}{namespace}/{name}" if self.namespaced else f"{self.etcd_prefix}{name}"

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of the collection, or of one object."""
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            path += f"/namespaces/{namespace}"
        path += f"/{self.plural}"
        return f"{path}/{name}" if name else path


class ResourceRegistry:
    """All resources that the server serves: the built-in ones and those that CustomResourceDefinitions add.

    `generation` grows with every change.  `documents` is for those who keep what they made of the table (discovery,
    OpenAPI): it is emptied then.
    """

    def __init__(self, infos: Iterable[ResourceInfo] | None = None) -> None:
        self._found: dict[tuple[str, str, str], ResourceInfo] = {}
        self._kinds: dict[tuple[str, str], ResourceInfo] = {}
        self._names: dict[str, ResourceInfo] = {}
        self.generation = 0
        self.documents: dict[str, Any] = {}
        for info in BUILT_IN if infos is None else infos:
            self._found[info.group, info.version, info.plural] = info
        self._index()

    def __iter__(self) -> Iterator[ResourceInfo]:
        return iter(self._found.values())

    def find(self, group: str, version: str, plural: str) -> ResourceInfo | None:
        return self._found.get((group, version, plural))

    def for_kind(self, api_version: str, kind: str) -> ResourceInfo | None:
        return self._kinds.get((api_version, kind))

    def by_name(self, name: str) -> ResourceInfo | None:
        """By any name that kubectl takes: deployments, deployment, deploy, deployments.apps, deployments.v1.apps."""
        return self._names.get(name.lower())

    def groups(self) -> list[str]:
        """The named groups, in the order of /apis (core is none of them)."""
        return list(dict.fromkeys(group for group, _, _ in self._found if group))

    def versions(self, group: str) -> list[str]:
        """The versions of a group, the preferred one first."""
        found = dict.fromkeys(version for name, version, _ in self._found if name == group)
        return sorted(found, key=version_rank) if any(i.custom and i.group == group for i in self) else list(found)

    def in_version(self, group: str, version: str) -> list[ResourceInfo]:
        """The resources of one group version, by name."""
        found = (info for (g, v, _), info in self._found.items() if g == group and v == version)
        return sorted(found, key=lambda info: info.plural)

    def add(self, info: ResourceInfo) -> None:
        self._found[info.group, info.version, info.plural] = info
        self._index()

    def remove(self, info: ResourceInfo) -> None:
        self._found.pop((info.group, info.version, info.plural), None)
        self._index()

    def _index(self) -> None:
        self.generation += 1
        self.documents.clear()
        self._kinds = {(info.api_version, info.kind): info for info in self._found.values() if info.stored}
        for info in self._found.values():
            self._kinds.setdefault((info.api_version, info.kind), info)
        self._names = {}
        for names in (_full_names, _short_names):  # a short name never hides a full one
            for info in self._found.values():
                for name in names(info):
                    self._names.setdefault(name, info)


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sorts v2 before v1 before v1beta2 before v1alpha1 before anything else (apimachinery: pkg/version)."""
    digits = version[1:]
    for stage, word in ((0, ""), (1, "beta"), (2, "alpha")):
        major, found, minor = digits.partition(word) if word else (digits, "", "0")
        if version[:1] == "v" and major.isdecimal() and minor.isdecimal() and (found or not word):
            return stage, -int(major), -int(minor), ""
    return 3, 0, 0, version


def _full_names(info: ResourceInfo) -> tuple[str, ...]:
    return (
        info.plural,
        info.singular,
        f"{info.plural}.{info.group}",
        f"{info.singular}.{info.group}",
        f"{info.plural}.{info.version}.{info.group}",
    )


def _short_names(info: ResourceInfo) -> tuple[str, ...]:
    return (*info.short_names, *(f"{short}.{info.group}" for short in info.short_names))


def _parse(api_version: str, line: str) -> ResourceInfo:
    plural, kind, *words = line.split()
    group, _, version = api_version.rpartition("/")
    subresources: dict[str, Subresource] = {}
    verbs, at = ALL_VERBS, plural
    for word in words:
        if word.startswith("verbs="):
            verbs = tuple(word[6:].split(","))
        elif word.startswith("at="):
            at = word[3:]
        elif word.startswith("/"):
            name, _, speaks = word[1:].partition("=")
            subresources[name] = _subresource(name, speaks, Subresource(name, kind, group, version))
    stored_as = STORED_AS.get((api_version, plural), api_version)
    return ResourceInfo(
        group,
        version,
        kind,
        plural,
        singular="endpoints" if plural == "endpoints" else kind.lower(),
        namespaced="cluster" not in words,
        short_names=tuple(word[1:] for word in words if word[0] == "~"),
        categories=tuple(word[1:] for word in words if word[0] == "+"),
        verbs=verbs,
        subresources=subresources,
        etcd_prefix=f"/registry/{at}/" if verbs != ("create",) else "",
        storage_version=stored_as,
        list_kind=f"{kind}List",
    )


def _subresource(name: str, speaks: str, own: Subresource) -> Subresource:
    if not speaks:
        return own
    kind, _, verbs = speaks.partition(":")
    own = replace(own, verbs=tuple(verbs.split(",")))
    if "." not in kind:
        return replace(own, kind=kind)
    api_version, _, kind = kind.rpartition(".")
    group, _, version = api_version.rpartition("/")
    return replace(own, kind=kind, group=group, version=version)


BUILT_IN: tuple[ResourceInfo, ...] = tuple(
    _parse(api_version, line)
    for api_version, lines in GROUPS.items()
    for line in lines.replace("\n    ", " ").strip().splitlines()
)
