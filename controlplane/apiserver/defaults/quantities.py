"""Quantities are kept to a thousandth: what is finer is rounded up (SetDefaults_ResourceList)."""

from __future__ import annotations

import re
from typing import Any

from controlplane.quantity import NANO, Quantity

_fine = re.compile(r"[nu]|\.\d{4}|[eE]-").search


def round_up(amounts: dict[str, Any]) -> None:
    """In place; quantities that have no finer part are not looked at."""
    for name, value in amounts.items():
        if isinstance(value, str) and _fine(value):
            amounts[name] = _rounded(value)


def _rounded(text: str) -> str:
    quantity = Quantity.parse(text)
    step = NANO // 1000
    rest = quantity.nanos % step
    if not rest:
        return text
    away = step - rest if quantity.nanos > 0 else -rest
    return str(Quantity(quantity.nanos + away, quantity.format))
