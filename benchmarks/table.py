"""What all benchmarks print: a table of what was measured, what was measured beside it, and what was wanted."""

from __future__ import annotations

import os
import platform
from datetime import date
from typing import NamedTuple


class Row(NamedTuple):
    """One figure with its unit, and the floor that it is held to, if there is one."""

    what: str
    measured: str
    wanted: str = ""


def machine() -> str:
    """The date and the machine, for the line above a table."""
    return f"{date.today()}, {os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}"


def show(title: str, rows: list[Row]) -> None:
    """Print a table in Markdown."""
    table = [("what", "measured", "wanted"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    print(f"## {title}\n\n{machine()}\n")
    for number, row in enumerate(table):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if not number:
            print("| " + " | ".join("-" * width for width in widths) + " |")
    print(flush=True)
