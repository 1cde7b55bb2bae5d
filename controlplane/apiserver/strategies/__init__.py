"""The rules of every kind: what changes before it is stored, and what is refused.  Which kind has which: table.py."""

from controlplane.apiserver.strategies.base import Strategy
from controlplane.apiserver.strategies.context import Context

__all__ = ["Context", "Strategy"]
