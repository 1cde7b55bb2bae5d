"""Quantities are kept to a thousandth: what is finer is rounded up (SetDefaults_ResourceList)."""

from __future__ import annotations

import re
from typing import Any



_fine = re.compile(r"[nu]|\.\d{4}|[eE]-").search


def round_up(amounts: dict[str, Any]) -> None:
    """In place; quantities that have no finer part are not looked at."""
    for name, value in amounts.items():
        if isinstance(value, str) and _fine(value):
            from controlplane.quantity import Quantity
            amounts[name] = str(Quantity.parse(value).round_up(-3))
