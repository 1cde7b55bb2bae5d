"""The types of the API's objects, as Kubernetes 1.36 declares them, from the table in data/schema.json.gz.

`type_of("apps/v1", "Deployment")` is the Type of Deployments.  Its `fields` tell the patch engine how lists and maps
merge; its `decode` makes of a JSON object what Go's decoder and encoder would: unknown fields dropped, zero values left
out where upstream leaves them out, quantities in canonical form.

Nothing is read before the first question, and types are made one by one as they are asked for.
"""

from __future__ import annotations

import gzip
import json
import os
from functools import cache, cached_property
from typing import Any

from controlplane.apiserver.codec import DecodeError
from controlplane.apiserver.schema_decode import Decoder, Mismatch, compile_type, zero

Obj = dict[str, Any]

# The kinds of values that JSON and protobuf have to tell apart.
PLAIN_KINDS: dict[str, str] = {
    "string": "string",
    "bool": "bool",
    "int32": "int32",
    "int64": "int64",
    "uint32": "uint32",
    "float64": "float64",
    "[]byte": "bytes",
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "int-or-string",
    "meta/v1.Time": "time",
    "meta/v1.MicroTime": "micro-time",
    "meta/v1.FieldsV1": "raw",
    "runtime.RawExtension": "raw",
    "apiextensions/v1.JSON": "raw",
    "apiextensions/v1.JSONSchemaPropsOrArray": "schema-or-list",
    "apiextensions/v1.JSONSchemaPropsOrBool": "schema-or-bool",
    "apiextensions/v1.JSONSchemaPropsOrStringArray": "schema-or-strings",
}
MAY_BE_EMPTY = ("drivers", "limits")  # of a CSINode and a LimitRange: required, and yet may have nothing in them


class Field:
    """One field of a struct, and what is said of it: `type` is its Type, whether or not Go has a pointer there."""

    __slots__ = (
        "name",
        "spelled",
        "pointer",
        "omit_empty",
        "omit_zero",
        "required",
        "number",
        "default",
        "patch_merge_key",
        "patch_strategy",
        "list_type",
        "list_map_keys",
        "_map_type",
    )

    def __init__(self, row: list[Any]) -> None:
        self.name: str = row[0]
        self.pointer: bool = row[1].startswith("*")
        self.spelled: str = row[1].removeprefix("*")
        self.number: int = row[2]  # in protobuf
        self.omit_empty: bool = "o" in row[3]
        self.omit_zero: bool = "z" in row[3]
        self.required: bool = "r" in row[3]
        self.default: Any = row[4] if len(row) > 4 else None
        extra: Obj = row[5] if len(row) > 5 else {}
        self.patch_merge_key: str = extra.get("merge", "")
        self.patch_strategy: str = extra.get("patch", "")  # "merge", "retainKeys", "merge,retainKeys", "replace" or ""
        self.list_type: str = extra.get("list", "")  # "atomic", "set", "map" or ""
        self.list_map_keys: tuple[str, ...] = tuple(extra.get("keys", ()))
        self._map_type: str = extra.get("map", "")

    @property
    def type(self) -> Type:
        return named(self.spelled)

    @property
    def never_null(self) -> bool:
        """Whether this is a list without which no object is valid: [] if it is not sent.

        *Note*: upstream has null there, but refuses the object before anybody sees it.
        """
        return self.required and self.type.kind == "list" and not self.omit_empty and self.name not in MAY_BE_EMPTY

    @property
    def map_type(self) -> str:
        """ "atomic", "granular" or "": said of the field, or else of its type."""
        return self._map_type or self.type.map_type

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.spelled!r})"


class Type:
    """One type, as the API's declarations name it.

    `kind` is "struct", "list", "map" or one of PLAIN_KINDS' values; `elem` is what a list or map holds.
    """

    def __init__(self, spelled: str) -> None:
        self.spelled = spelled
        meant = spelled
        while meant not in PLAIN_KINDS and meant in _table()["names"]:
            meant = _table()["names"][meant]
        self.elem: Type | None = None
        self.wrapped = meant != spelled  # a type with a name of its own: protobuf makes a message of such a list
        if meant in PLAIN_KINDS:
            self.kind = PLAIN_KINDS[meant]
        elif meant.startswith("[]"):
            self.kind, self.elem = "list", named(meant[2:].removeprefix("*"))
        elif meant.startswith("map["):
            self.kind, self.elem = "map", named(meant[meant.index("]") + 1 :].removeprefix("*"))
        else:
            self.kind = "struct"

    @property
    def name(self) -> str:
        """As Go prints it in messages: v1.PodSpec, []v1.Container, map[string]string, []uint8."""
        if self.kind == "bytes":
            return "[]uint8"
        return "".join(part.rpartition("/")[2] for part in _parts(self.spelled))

    @cached_property
    def fields(self) -> dict[str, Field]:
        """The fields by their JSON names, those of embedded structs among them; {} unless this is a struct."""
        found: dict[str, Field] = {}
        for field in self.rows:
            found.update(field.type.fields if not field.name else {field.name: field})
        return found

    @cached_property
    def rows(self) -> list[Field]:
        """The fields as declared: an embedded struct is one without a name."""
        return [Field(row) for row in _table()["structs"].get(self.spelled, ())] if self.kind == "struct" else []

    @property
    def map_type(self) -> str:
        return "atomic" if self.spelled in _table()["atomic"] else ""

    @property
    def enum(self) -> list[str]:
        """The values of a string type that has but a few; the decoder takes others too (validation refuses them)."""
        values: list[str] = _table()["enums"].get(self.spelled, [])
        return values

    @cached_property
    def decoder(self) -> Decoder:
        """(value, a value decoded before or None, where unknown fields are noted) -> what Go would write."""
        return compile_type(self)

    def zero(self) -> Any:
        """What Go writes for a value that was never set."""
        return zero(self)

    def decode(self, obj: Any, mode: str = "Ignore", old: Any = None) -> tuple[Any, list[str]]:
        """(the value as the API server would store it, what fieldValidation has to say of it).

        `mode` is "Strict", "Warn" or "Ignore"; only for the last nothing is said.
        A value of the wrong type raises DecodeError, in Go's words.  `old` is the result of an earlier decode: parts
        of `obj` that are the very same objects as in it are taken as they are.  Nothing else is shared with `obj`.
        """
        from controlplane.apiserver.schema_problems import first_mismatch, strict_problems

        noted: list[str] = []
        try:
            value = self.decoder(obj, old, noted)
        except Mismatch:
            raise DecodeError(first_mismatch(self, obj)) from None
        except RecursionError:
            raise DecodeError("exceeded max depth") from None
        return head_first(value), strict_problems(self, obj) if noted and mode != "Ignore" else []

    def __repr__(self) -> str:
        return f"Type({self.spelled!r})"


def type_of(api_version: str, kind: str) -> Type | None:
    """The Type of a kind.  The options of requests (DeleteOptions, ...) belong to every version, Status to v1."""
    kinds = _table()["kinds"]
    found = kinds.get(api_version, {}).get(kind)
    if found is None and (kind.endswith("Options") or api_version == "v1"):
        found = kinds["meta.k8s.io/v1"].get(kind)
    return named(found) if found else None


def kinds_of(api_version: str) -> dict[str, Type]:
    """All kinds of one group version, lists and options among them."""
    return {kind: named(name) for kind, name in _table()["kinds"].get(api_version, {}).items()}


def head_first(obj: Any) -> Any:
    """`obj` with apiVersion, kind and metadata before all else, as every object is stored."""
    if obj.__class__ is not dict or "metadata" not in obj:
        return obj
    head = {name: obj[name] for name in ("apiVersion", "kind", "metadata") if name in obj}
    if all(a == b for a, b in zip(head, obj, strict=False)):
        return obj
    return {**head, **obj}


@cache
def named(spelled: str) -> Type:
    """The Type with that name: core/v1.PodSpec, []string, map[string]resource.Quantity."""
    return Type(spelled)


@cache
def _table() -> Obj:
    table = read_data("schema.json.gz")
    table["atomic"] = frozenset(table["atomic"])
    return table


def read_data(name: str) -> Obj:
    """One of the files in data/."""
    with gzip.open(os.path.join(os.path.dirname(__file__), "data", name)) as file:
        value: Obj = json.load(file)
    return value


def _parts(spelled: str) -> list[str]:
    """The names in a Go type and what is between them."""
    parts, start = [], 0
    for at, char in enumerate(spelled):
        if char in "[]*":
            parts += [spelled[start:at], char]
            start = at + 1
    return [*parts, spelled[start:]]
