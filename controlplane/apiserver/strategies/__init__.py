"""The rules of every kind: what changes before it is stored, and what is refused."""

from __future__ import annotations

from controlplane.apiserver.strategies.base import Strategy
from controlplane.apiserver.strategies.context import Context
from controlplane.apiserver.strategies.table import STRATEGIES, custom

__all__ = ["Context", "Strategy", "custom", "for_kind"]


def for_kind(group: str, kind: str) -> Strategy:
    """The strategy of a kind; one that asks little for kinds that have none of their own.

    Custom resources have `custom(...)`, made from their definition.
    """
    return STRATEGIES.get((group, kind)) or _plain(kind)


def _plain(kind: str) -> Strategy:
    return Strategy(kind)
