"""The chain of admission plugins, and what each is told about a request (apiserver: pkg/admission/chain.go)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from controlplane.apiserver.api import UserInfo
from controlplane.apiserver.resources import ResourceInfo

Obj = dict[str, Any]
Operation = Literal["CREATE", "UPDATE", "DELETE"]


class Lookup(Protocol):
    """What a plugin may ask the server: the objects as they are now, shared, never to be changed."""

    def now(self) -> float: ...

    def read(self, plural: str, name: str, namespace: str = "") -> Obj | None: ...

    def read_all(self, plural: str, namespace: str = "") -> list[Obj]: ...

    def write_back(self, plural: str, obj: Obj) -> None: ...


@dataclass(slots=True)
class Attributes:
    """One write.  `obj` is None for a deletion, `old` for a creation; `old` is shared: never change it."""

    operation: Operation
    info: ResourceInfo
    namespace: str
    name: str
    obj: Obj | None
    old: Obj | None
    user: UserInfo
    subresource: str = ""
    dry_run: bool = False
    warnings: list[str] = field(default_factory=list)


class AdmissionPlugin:
    """Base of all plugins: by default it lets everything pass."""

    name = ""
    operations: tuple[Operation, ...] = ("CREATE", "UPDATE")
    resources: frozenset[tuple[str, str]] | None = None  # (group, plural); None for all
    subresources: tuple[str, ...] = ("",)  # the main resource only; "*" for all

    def __init__(self, server: Lookup) -> None:
        self.server = server

    def handles(self, operation: Operation, info: ResourceInfo, subresource: str) -> bool:
        return (
            operation in self.operations
            and (self.resources is None or (info.group, info.plural) in self.resources)
            and ("*" in self.subresources or subresource in self.subresources)
        )

    def admit(self, attributes: Attributes) -> None:
        """Change `attributes.obj` in place, or raise a StatusError."""

    def validate(self, attributes: Attributes) -> None:
        """Raise a StatusError to refuse."""


Step = Callable[[Attributes], None]


class Chain:
    """The plugins in their order; which of them look at a kind of request is worked out once."""

    def __init__(self, plugins: Iterable[AdmissionPlugin]) -> None:
        self.plugins = list(plugins)
        self._steps: dict[tuple[str, str, str, str], tuple[list[Step], list[Step]]] = {}

    def add(self, plugin: AdmissionPlugin) -> None:
        """One more plugin, the last in the order; it takes the place of one of the same name."""
        self.plugins = [p for p in self.plugins if p.name != plugin.name] + [plugin]
        self._steps.clear()

    def _for(self, a: Attributes) -> tuple[list[Step], list[Step]]:
        key = (a.operation, a.info.group, a.info.plural, a.subresource)
        steps = self._steps.get(key)
        if steps is None:
            plugins = [p for p in self.plugins if p.handles(a.operation, a.info, a.subresource)]
            steps = self._steps[key] = (
                [p.admit for p in plugins if type(p).admit is not AdmissionPlugin.admit],
                [p.validate for p in plugins if type(p).validate is not AdmissionPlugin.validate],
            )
        return steps

    def admit(self, attributes: Attributes) -> None:
        for step in self._for(attributes)[0]:
            step(attributes)

    def validate(self, attributes: Attributes) -> None:
        for step in self._for(attributes)[1]:
            step(attributes)
