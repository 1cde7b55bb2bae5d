"""What the server makes of an object before it stores it, and what it says is wrong."""

from __future__ import annotations

import copy
import random
from typing import Any

from controlplane.apiserver import defaults
from controlplane.apiserver.schema import type_of
from controlplane.apiserver.strategies import Context
from controlplane.apiserver.strategies.table import STRATEGIES

Obj = dict[str, Any]


def decoded(obj: Obj) -> Obj:
    """Decoded, with its defaults."""
    of = type_of(obj["apiVersion"], obj["kind"])
    assert of is not None
    new = of.decode(copy.deepcopy(obj), "Strict", None)[0]
    defaults.apply(obj["apiVersion"], obj["kind"], new)
    return new


def _strategy(obj: Obj) -> Any:
    return STRATEGIES[obj["apiVersion"].rpartition("/")[0], obj["kind"]]


def context() -> Context:
    return Context(0.0, random.Random(1))


def created(obj: Obj, ctx: Context | None = None) -> tuple[Obj, list[str]]:
    """The object as it would be stored, and what is wrong with it."""
    new, ctx = decoded(obj), ctx or context()
    strategy = _strategy(obj)
    new["metadata"].setdefault("uid", "u1")
    if strategy.namespaced:
        new["metadata"].setdefault("namespace", "default")
    strategy.prepare_for_create(new, ctx)
    return new, [str(e) for e in strategy.validate_create(new, ctx)]


def updated(old: Obj, change: Any, *, status: bool = False, ctx: Context | None = None) -> tuple[Obj, list[str]]:
    """The object after `change(obj)`, and what is wrong with that."""
    old["metadata"].setdefault("resourceVersion", "1")
    new, ctx = copy.deepcopy(old), ctx or context()
    change(new)
    new, strategy = decoded(new), _strategy(old)
    prepare = strategy.prepare_for_status_update if status else strategy.prepare_for_update
    check = strategy.validate_status_update if status else strategy.validate_update
    prepare(new, old, ctx)
    return new, list(dict.fromkeys(str(e) for e in check(new, old, ctx)))


def pod(spec: Obj | None = None, **container: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a", "image": "i:1", **container}], **(spec or {})},
    }


def workload(kind: str, spec: Obj | None = None, pod_spec: Obj | None = None) -> Obj:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "a", "image": "i:1"}], **(pod_spec or {})},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **(spec or {})},
    }


def of_kind(api_version: str, kind: str, **fields: Any) -> Obj:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}
