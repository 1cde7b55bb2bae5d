"""What every custom resource does before it is stored (apiextensions-apiserver: pkg/registry/customresource).

Its own rules are in the schema that its definition declares.
"""

from __future__ import annotations

from typing import Any, Protocol

from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.strategies import Context, Strategy

Obj = dict[str, Any]


class Validator(Protocol):
    def validate(self, obj: Obj, old: Obj | None = None) -> list[FieldError]: ...


class CustomStrategy(Strategy):
    """The rules of one custom resource.  With a status subresource, other writes leave the status alone."""

    def __init__(self, info: ResourceInfo, type: Validator | None) -> None:
        super().__init__(info.kind, namespaced=info.namespaced, unconditional=False, custom=True)
        self._has_status = "status" in info.subresources
        self._type = type

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        if self._has_status:
            obj.pop("status", None)
        obj["metadata"]["generation"] = 1

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_update(new, old, ctx)
        if self._has_status:
            self._keep_status(new, old)
        apart = ("metadata", "status") if self._has_status else ("metadata",)
        if {k: v for k, v in new.items() if k not in apart} != {k: v for k, v in old.items() if k not in apart}:
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def prepare_for_status_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        """The status is new, and nothing else: not even labels."""
        meta, status = {**old["metadata"]}, new.get("status")
        for key in ("managedFields", "resourceVersion"):
            if key in new["metadata"]:
                meta[key] = new["metadata"][key]
        new.clear()
        new.update(old, metadata=meta)
        new.pop("status", None)
        if status is not None:
            new["status"] = status

    def validate_create(self, obj: Obj, ctx: Context) -> list[FieldError]:
        return super().validate_create(obj, ctx) + self._by_schema(obj, None)

    def validate_update(self, new: Obj, old: Obj, ctx: Context) -> list[FieldError]:
        return super().validate_update(new, old, ctx) + self._by_schema(new, old)

    def validate_status_update(self, new: Obj, old: Obj, ctx: Context) -> list[FieldError]:
        return super().validate_status_update(new, old, ctx) + self._by_schema(new, old)

    def _by_schema(self, obj: Obj, old: Obj | None) -> list[FieldError]:
        return self._type.validate(obj, old) if self._type is not None else []
