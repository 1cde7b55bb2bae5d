"""Which backend an Ingress gives a request to, by host and path (docs: Concepts, Services, Ingress).

An exact host goes before a wildcard, and a wildcard before no host; of several paths that match, the longest wins,
and of two of one length the Exact one.  The oldest Ingress wins where two say different things about one host and
path.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controlplane.client.base import Obj


class Backend(NamedTuple):
    """A Service's port."""

    service: str  # namespace/name
    port: int | str


class PathRule(NamedTuple):
    """One path of one host, in the order in which they are tried."""

    path: str
    exact: bool
    backend: Backend

    def matches(self, path: str) -> bool:
        """Exact to the letter; Prefix element by element: /foo matches /foo, /foo/ and /foo/bar, not /foobar."""
        if self.exact:
            return path == self.path
        prefix = self.path.rstrip("/")
        return path == prefix or path.startswith(prefix + "/") or not prefix


class Routes:
    """All Ingresses of a controller, compiled."""

    def __init__(self, ingresses: Iterable[Obj]) -> None:
        self._hosts: dict[str, list[PathRule]] = {}
        self._default: Backend | None = None
        for ingress in sorted(ingresses, key=_age):
            self._add(ingress)
        for rules in self._hosts.values():
            rules.sort(key=lambda rule: (-len(rule.path), not rule.exact))  # stable: the oldest stays in front

    def _add(self, ingress: Obj) -> None:
        namespace, spec = ingress["metadata"]["namespace"], ingress.get("spec") or {}
        default = _backend(spec.get("defaultBackend"), namespace)
        if default is not None and self._default is None:
            self._default = default
        for rule in spec.get("rules") or ():
            paths = self._hosts.setdefault(rule.get("host") or "", [])
            for row in (rule.get("http") or {}).get("paths") or ():
                backend = _backend(row.get("backend"), namespace)
                if backend is not None:
                    paths.append(PathRule(row.get("path") or "/", row.get("pathType") == "Exact", backend))

    @property
    def hosts(self) -> list[str]:
        """The hosts that the rules name, wildcards left out."""
        return [host for host in self._hosts if host and not host.startswith("*.")]

    @property
    def backends(self) -> list[Backend]:
        """Every backend that a request may be given to, once."""
        named = [rule.backend for rules in self._hosts.values() for rule in rules]
        return list(dict.fromkeys([*named, *([self._default] if self._default is not None else [])]))

    def match(self, host: str, path: str) -> Backend | None:
        """Where the request goes, or None."""
        path = path.partition("?")[0]
        wildcard = "*." + host.partition(".")[2]
        for key in (host, wildcard, ""):
            for rule in self._hosts.get(key, ()):
                if rule.matches(path):
                    return rule.backend
        return self._default


def _age(ingress: Obj) -> tuple[str, str, str]:
    meta = ingress["metadata"]
    return (meta.get("creationTimestamp") or "", meta["namespace"], meta["name"])


def _backend(backend: Obj | None, namespace: str) -> Backend | None:
    service = (backend or {}).get("service")
    if not service:
        return None  # *Note*: resource backends are left out here
    port = service.get("port") or {}
    return Backend(f"{namespace}/{service['name']}", port.get("number") or port.get("name") or 0)
