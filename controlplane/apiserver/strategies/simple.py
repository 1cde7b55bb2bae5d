"""Kinds that differ from the others in one thing (kubernetes: pkg/registry/*/*/strategy.go)."""

from __future__ import annotations

from controlplane.apiserver.strategies.base import Obj, Strategy
from controlplane.apiserver.strategies.context import Context

_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


class NamespaceStrategy(Strategy):
    """Every Namespace has the finalizer `kubernetes` until what is in it is gone."""

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        spec = obj.setdefault("spec", {})
        if "kubernetes" not in (spec.get("finalizers") or ()):
            spec["finalizers"] = [*(spec.get("finalizers") or ()), "kubernetes"]
        name = obj["metadata"].get("name", "")
        obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_update(new, old, ctx)
        spec = dict(new.get("spec") or {})
        spec.pop("finalizers", None)
        if "finalizers" in (old.get("spec") or {}):
            spec["finalizers"] = old["spec"]["finalizers"]
        new["spec"] = spec


class NodeStrategy(Strategy):
    """A kubelet creates its Node with the status; updates leave that alone."""

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_update(new, old, ctx)
        self._keep_status(new, old)


class DaemonSetStrategy(Strategy):
    """The generation of the template alone, in an annotation of old."""

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        super().prepare_for_create(obj, ctx)
        _annotate(obj, 1)

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        super().prepare_for_update(new, old, ctx)
        text = str((old["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "1"))
        before = int(text) if text.isdecimal() and text.isascii() else 1
        changed = (new.get("spec") or {}).get("template") != (old.get("spec") or {}).get("template")
        _annotate(new, before + changed)


def _annotate(obj: Obj, generation: int) -> None:
    annotations = {**(obj["metadata"].get("annotations") or {}), _TEMPLATE_GENERATION: str(generation)}
    obj["metadata"]["annotations"] = annotations
