"""CustomResourceDefinitions (apiextensions-apiserver: pkg/registry)."""

from __future__ import annotations

from controlplane.apiserver.strategies.base import Obj, Strategy
from controlplane.apiserver.strategies.context import Context


def _stored(obj: Obj, before: list[str]) -> list[str]:
    names = [v.get("name", "") for v in (obj.get("spec") or {}).get("versions") or () if v.get("storage")]
    return before + [n for n in names if n not in before]


class DefinitionStrategy(Strategy):
    """The status knows every version that something was ever stored in."""

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        obj["status"] = {
            "acceptedNames": {"kind": "", "plural": ""},
            "conditions": None,
            "storedVersions": _stored(obj, []),
        }

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_update(new, old, ctx)
        status = old.get("status") or {}
        new["status"] = {**status, "storedVersions": _stored(new, status.get("storedVersions") or [])}
