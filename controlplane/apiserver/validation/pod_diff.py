"""Pod specs as refusals show them: in the form that the API server has inside (apimachinery: pkg/util/diff).

An update that changes what may not change is answered with the difference of the two specs, as JSON of the server's
own structs.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from typing import Any, NamedTuple

from controlplane.apiserver.fields import Raw
from controlplane.apiserver.validation.pod_layout import LAYOUT

Obj = dict[str, Any]

_ZEROS: dict[str, Any] = {"s": "", "b": False, "0": 0, "q": "0", "i": 0}
_FROM_SPEC = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
_META = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
)


class _Field(NamedTuple):
    name: str  # of the struct; "" for a struct that is taken in
    key: str  # in the API
    kind: str


@cache
def _structs() -> dict[str, list[_Field]]:
    structs: dict[str, list[_Field]] = {}
    current: list[_Field] = []
    for line in LAYOUT.strip().splitlines():
        if not line.startswith(" "):
            name, _, line = line.partition(" | ")
            current = structs[name] = []
        for word in line.split():
            if word.startswith("+"):
                current.append(_Field("", "", word[1:]))
                continue
            word, _, kind = word.partition(":")
            name, _, key = word.partition("=")
            current.append(_Field(name, key or name[0].lower() + name[1:], kind or "s"))
    return structs


def _struct(name: str, value: Obj) -> Obj:
    out: Obj = {}
    for field in _structs()[name]:
        if not field.name:
            out.update(_meta(value.get("metadata") or {}) if field.kind == "meta" else _struct(field.kind, value))
        else:
            out[field.name] = _value(field.kind, value.get(field.key))
    return out


def _value(kind: str, value: Any) -> Any:
    if kind.startswith("*"):
        return None if value is None else _value(kind[1:], value)
    if kind.startswith("["):
        return [_value(kind[1:], item) for item in value] if value else None
    if kind == "{":
        return {k: value[k] for k in sorted(value)} if value else None
    if kind == "L":
        return {
            k: v
            for k, v in (("matchLabels", value.get("matchLabels")), ("matchExpressions", value.get("matchExpressions")))
            if v
        }
    if kind in _ZEROS:
        return _ZEROS[kind] if value is None else value
    return _struct(kind, value or {})


def _meta(metadata: Obj) -> Obj:
    return {k: metadata[k] for k in _META if metadata.get(k)}


def _internal(spec: Obj) -> Obj:
    """What the API has in the spec and the server in its securityContext moves there."""
    if spec.get("securityContext") is None and not any(k in spec for k in _FROM_SPEC):
        return _struct("PodSpec", spec)
    context = {**(spec.get("securityContext") or {}), **{k: spec[k] for k in _FROM_SPEC if k in spec}}
    return _struct("PodSpec", {**spec, "securityContext": context})


def _escaped(text: str) -> str:
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _lines(name: str, value: Obj) -> list[str]:
    shown = _internal(value) if name == "PodSpec" else _struct(name, value)
    text = _escaped(json.dumps(shown, indent=1, ensure_ascii=False))
    return [line + "\n" for line in text.split("\n")]


def struct_diff(name: str, old: Obj, new: Obj) -> str:
    """The unified difference of two values of the struct `name`."""
    return "".join(list(difflib.unified_diff(_lines(name, old), _lines(name, new)))[2:])


def pod_spec_diff(old: Obj, new: Obj) -> str:
    return struct_diff("PodSpec", old, new)


def show_template(template: Obj) -> Raw:
    """A Pod template in a message: the metadata's fields, then the spec."""
    shown = {**_meta(template.get("metadata") or {}), "Spec": _internal(template.get("spec") or {})}
    return Raw(_escaped(json.dumps(shown, ensure_ascii=False, separators=(",", ":"))))


def show_struct(name: str, value: Obj) -> Raw:
    """A value of the struct `name` in a message."""
    return Raw(_escaped(json.dumps(_struct(name, value), ensure_ascii=False, separators=(",", ":"))))
