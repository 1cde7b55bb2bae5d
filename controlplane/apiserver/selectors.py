"""Field selectors, and which fields of which kind they may name (apimachinery: pkg/fields; each kind's conversion.go).

>>> select = object_selector("spec.nodeName=a,status.phase!=Failed", "", "Pod")
>>> select({"spec": {"nodeName": "a"}, "status": {"phase": "Running"}})
True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from controlplane import labels
from controlplane.apiserver.errors import bad_request

Obj = dict[str, Any]
Getter = Callable[[Obj], str]

_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)
_COMMA = re.compile(r"(?:[^\\,]|\\.?)+", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\,=])")


def label_selector(text: str) -> labels.Selector:
    """The `labelSelector` parameter of a request; 400 for what cannot be read."""
    try:
        return labels.parse_selector(text)
    except ValueError as problem:
        raise bad_request(str(problem)) from None


class FieldRequirement(NamedTuple):
    """One term.  `op` is = or !=."""

    field: str
    op: str
    value: str

    def __str__(self) -> str:
        return self.field + self.op + re.sub(r"([\\,=])", r"\\\1", self.value)


class FieldSelector:
    """All of some terms, in the order of their text."""

    __slots__ = ("requirements",)

    def __init__(self, requirements: tuple[FieldRequirement, ...] = ()) -> None:
        self.requirements = requirements

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether these fields meet all the terms; a field that is not there is empty."""
        return all((fields.get(field, "") == value) == (op == "=") for field, op, value in self.requirements)

    @property
    def empty(self) -> bool:
        return not self.requirements

    def requires_exact(self, field: str) -> str | None:
        """The one value that `field` must have, if a term says so."""
        return next((r.value for r in self.requirements if r.field == field and r.op == "="), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


def parse_field_selector(text: str) -> FieldSelector:
    """The terms of a `fieldSelector` parameter; 400 for what cannot be read."""
    requirements = []
    for part in sorted(_COMMA.findall(text)):
        term = _TERM.fullmatch(part)
        if term is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        field, op, value = term.groups()
        requirements.append(FieldRequirement(field, "!=" if op == "!=" else "=", _unescape(value)))
    return FieldSelector(tuple(requirements))


def _unescape(value: str) -> str:
    if not ("\\" in value or "=" in value):
        return value
    for match in re.finditer(r"\\(.?)|=", value, re.DOTALL):
        if match[0] == "=":  # upstream prints the rune as a number
            raise bad_request(f"invalid field selector: unescaped character in value: {ord('=')}")
        if match[1] not in ("\\", ",", "=") or not match[1]:
            raise bad_request(f"invalid field selector: invalid escape sequence: {match[0]}")
    return _ESCAPED.sub(r"\1", value)


# Which kind has which fields ---------------------------------------------------------------------------------------


def _path(path: str, default: str = "") -> Getter:
    """The text at a path, as Go prints it."""
    *parents, last = path.split(".")

    def get(obj: Obj) -> str:
        for parent in parents:
            obj = obj.get(parent) or {}
        value = obj.get(last)
        if value is None:
            return default
        return str(value).lower() if isinstance(value, bool) else str(value)

    return get


def _event_source(event: Obj) -> str:
    source = event.get("source") or event.get("deprecatedSource") or {}
    return source.get("component") or event.get("reportingComponent") or event.get("reportingController") or ""


def _paths(*paths: str) -> dict[str, Getter]:
    return {path: _path(path) for path in paths}


_NAME = _paths("metadata.name")
_META = _paths("metadata.name", "metadata.namespace")
_EVENT_OBJECT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: dict[tuple[str, str], dict[str, Getter]] = {
    ("", "Pod"): {
        **_META,
        **_paths("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        "spec.host": _path("spec.nodeName"),
        "spec.hostNetwork": _path("spec.hostNetwork", "false"),
        **_paths("status.phase", "status.podIP", "status.nominatedNodeName"),
        "status.podIPs": lambda pod: "",  # accepted, but no Pod has it among its selectable fields
    },
    ("", "Node"): {**_NAME, "spec.unschedulable": _path("spec.unschedulable", "false")},
    ("", "ReplicationController"): {**_META, "status.replicas": _path("status.replicas", "0")},
    ("", "Event"): {
        **_META,
        **_paths(*(f"involvedObject.{field}" for field in _EVENT_OBJECT)),
        **_paths("reason", "reportingComponent", "type"),
        "source": _event_source,
    },
    ("events.k8s.io", "Event"): {
        **_META,
        **_paths(*(f"regarding.{field}" for field in _EVENT_OBJECT)),
        **_paths("reason", "reportingController", "type"),
        "source": _event_source,
    },
    ("", "Namespace"): {**_NAME, **_paths("status.phase")},
    ("", "Secret"): {**_META, **_paths("type")},
    ("", "Service"): {**_META, **_paths("spec.clusterIP", "spec.type")},
    ("batch", "Job"): {**_META, "status.successful": _path("status.succeeded", "0")},
    ("certificates.k8s.io", "CertificateSigningRequest"): {**_NAME, **_paths("spec.signerName")},
}


def object_selector(
    text: str, group: str, kind: str, custom: tuple[str, ...] | None = None, namespaced: bool = True
) -> Callable[[Obj], bool] | None:
    """A function that tells whether an object of the kind is selected; None where everything is.

    `custom` is for a kind that a CustomResourceDefinition declares: the paths of its selectableFields (".spec.color").
    Such a kind, if it is not `namespaced`, cannot be selected by a namespace; built-in ones can, and match none.
    Raises 400 for a field that the kind cannot be selected by.
    """
    selector = parse_field_selector(text)
    if selector.empty:
        return None
    known = _FIELDS.get((group, kind))
    if custom is not None:
        known = {**(_META if namespaced else _NAME), **_paths(*(path.removeprefix(".") for path in custom))}
    tests: list[tuple[Getter, bool, str]] = []
    for field, op, value in selector.requirements:
        getter = (known or _META).get(field)
        if getter is None:
            raise bad_request(_unsupported(field, kind, known is not None))
        tests.append((getter, op == "=", value))
    return lambda obj: all((get(obj) == value) == equal for get, equal, value in tests)


def _unsupported(field: str, kind: str, has_own: bool) -> str:
    if kind == "Job":
        return f'field label "{field}" not supported for Job'
    if has_own:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
