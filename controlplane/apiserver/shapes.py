"""What a schema says of how values merge: which lists are maps or sets, and what is replaced as a whole.

(kube-openapi: schemaconv; structured-merge-diff: schema)  A built-in kind's shape comes from `schema`, a custom one's
from its OpenAPI schema.  Where there is no schema, maps merge and lists are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

from controlplane.apiserver.schema import Field, Type, named

Kind = Literal["scalar", "list", "map", "any"]
Obj = Mapping[str, Any]

_SCALARS = {
    "string": "string",
    "bytes": "string",
    "time": "string",
    "micro-time": "string",
    "bool": "boolean",
    "int32": "numeric",
    "int64": "numeric",
    "uint32": "numeric",
    "float64": "numeric",
    "quantity": "untyped",
    "int-or-string": "untyped",
}


class Shape:
    """How values of one type merge.

    `atomic` values are replaced as a whole.  A list that is not is a map by its `keys`, or a set if it has none.
    """

    __slots__ = ("kind", "scalar", "atomic", "keys", "_fields", "_rest", "_source")

    def __init__(self, kind: Kind, scalar: str = "untyped", atomic: bool = False, keys: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.scalar = scalar
        self.atomic = atomic
        self.keys = keys
        self._fields: dict[str, Shape] = {}
        self._rest: Shape | None = None  # what the items, or the values of no declared field, are
        self._source: Type | None = None  # whose fields get their shapes as they are asked for

    @property
    def item(self) -> Shape:
        """The shape of a list's items."""
        return self._rest or ANY

    def declares(self, key: str) -> bool:
        return key in self._fields or (self._source is not None and key in self._source.fields)

    def field(self, key: str) -> Shape | None:
        """The shape of a map's value; None if there can be no such key."""
        if (found := self._fields.get(key)) is not None:
            return found
        if self._source is not None and (field := self._source.fields.get(key)) is not None:
            found = self._fields[key] = _of_field(field)
            return found
        return self._rest

    def key_default(self, key: str) -> Any:
        """What an item without this key is taken to have there."""
        source = self.item._source
        field = source.fields.get(key) if source is not None else None
        return field.default if field is not None else None


ANY = Shape("any")
_CUSTOM: WeakKeyDictionary[object, Shape] = WeakKeyDictionary()  # as long as the definition is served


def shape_of(kind_type: object) -> Shape:
    """The shape of a kind: of a schema.Type, or of something with an `openapi` schema; else nothing is known."""
    if isinstance(kind_type, Type):
        return _of_type(kind_type.spelled, "", (), "")
    openapi = getattr(kind_type, "openapi", None)
    if not isinstance(openapi, Mapping):
        return _undeclared()
    if (shape := _CUSTOM.get(kind_type)) is None:
        shape = _CUSTOM[kind_type] = of_openapi(openapi, root=True)
    return shape


def empty_object(kind_type: object) -> dict[str, Any]:
    """What upstream compares a new object with: one of the kind in which nothing has been set."""
    empty = kind_type.zero() if isinstance(kind_type, Type) else {}
    return {**empty, "metadata": empty.get("metadata") or {}}


def _of_field(field: Field) -> Shape:
    return _of_type(field.spelled, field.list_type, field.list_map_keys, field.map_type)


@cache
def _of_type(spelled: str, list_type: str, keys: tuple[str, ...], map_type: str) -> Shape:
    found = named(spelled)
    if found.kind == "list" and found.elem is not None:
        shape = Shape("list", atomic=list_type not in ("map", "set"), keys=keys)
        shape._rest = _of_type(found.elem.spelled, "", (), found.elem.map_type)
    elif found.kind == "map" and found.elem is not None:
        shape = Shape("map", atomic=map_type == "atomic")
        shape._rest = _of_type(found.elem.spelled, "", (), found.elem.map_type)
    elif found.kind == "struct":
        shape = Shape("map", atomic=(map_type or found.map_type) == "atomic")
        shape._source = found
    elif found.kind == "raw":
        shape = Shape("any", atomic=True)
    else:
        shape = Shape("scalar", _SCALARS[found.kind]) if found.kind in _SCALARS else ANY
    return shape


# Custom resources --------------------------------------------------------------------------------------------------

_OPENAPI_SCALARS = {"string": "string", "boolean": "boolean", "integer": "numeric", "number": "numeric"}


@cache
def _undeclared() -> Shape:
    return of_openapi({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, root=True)


def of_openapi(schema: Obj, root: bool = False) -> Shape:
    """The shape that an OpenAPI v3 schema declares; `root` for that of a whole object, which has metadata."""
    type_ = schema.get("type")
    if type_ == "array":
        list_type = schema.get("x-kubernetes-list-type", "atomic")
        keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        shape = Shape("list", atomic=list_type not in ("map", "set"), keys=keys)
        shape._rest = of_openapi(schema.get("items") or {})
        return shape
    if type_ in _OPENAPI_SCALARS and not schema.get("x-kubernetes-int-or-string"):
        return Shape("scalar", _OPENAPI_SCALARS[str(type_)])
    if type_ != "object":
        return Shape("scalar") if schema.get("x-kubernetes-int-or-string") else ANY
    shape = Shape("map", atomic=schema.get("x-kubernetes-map-type") == "atomic")
    shape._fields = {key: of_openapi(value) for key, value in (schema.get("properties") or {}).items()}
    rest = schema.get("additionalProperties")
    if isinstance(rest, Mapping):
        shape._rest = of_openapi(rest)
    elif rest or schema.get("x-kubernetes-preserve-unknown-fields") or not (shape._fields or root):
        shape._rest = ANY
    if root or schema.get("x-kubernetes-embedded-resource"):
        text = Shape("scalar", "string")
        meta = _of_type("meta/v1.ObjectMeta", "", (), "")
        shape._fields = {**shape._fields, "apiVersion": text, "kind": text, "metadata": meta}
    return shape
