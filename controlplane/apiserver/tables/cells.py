"""What the printers share: durations for people, lists that end in "more...", selectors as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.clock import parse_time
from controlplane.labels import from_label_selector

Obj = dict[str, Any]
Cells = list[Any]

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"


def human_duration(seconds: float) -> str:
    """A duration in two or three figures (apimachinery: pkg/util/duration).

    >>> [human_duration(s) for s in (5, 125, 3600 * 5 + 120, 86400 * 3 + 7200)]
    ['5s', '2m5s', '5h2m', '3d2h']
    """
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return _two(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}{small}{small_unit}" if small else f"{big}{big_unit}"


def age(timestamp: str | None, now: float) -> str:
    """How long ago that was.  ValueError for text that is no time."""
    return human_duration(now - parse_time(timestamp)) if timestamp else UNKNOWN


def created(obj: Obj, now: float) -> str:
    """The Age column."""
    return age(obj["metadata"].get("creationTimestamp"), now)


def name(obj: Obj) -> str:
    return str(obj["metadata"].get("name", ""))


def at(obj: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value at a dotted path, or the default if it is not there or null."""
    value: Any = obj
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return default if value is None else value


def containers(template: Mapping[str, Any]) -> Cells:
    """The names and the images of a Pod template, in two columns."""
    found = at(template, "spec.containers", [])
    return [",".join(c.get("name", "") for c in found), ",".join(c.get("image", "") for c in found)]


def label_text(labels: Mapping[str, str] | None) -> str:
    """labels.FormatLabels."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector_text(selector: Mapping[str, Any] | None, none: str = NONE, wrong: str = "<error>") -> str:
    """metav1.FormatLabelSelector."""
    try:
        return str(from_label_selector(selector)) or none
    except ValueError:
        return wrong


def first_few(items: Sequence[str], most: int, count: int | None = None) -> str:
    """`a,b,c + 2 more...`"""
    text = ",".join(items[:most])
    count = len(items) if count is None else count
    return f"{text} + {count - most} more..." if count > most else text
