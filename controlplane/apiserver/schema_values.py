"""Times as metav1.Time and metav1.MicroTime read and write them: Go's time.Parse, its messages, and UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

RFC3339 = "2006-01-02T15:04:05Z07:00"
RFC3339_MICRO = "2006-01-02T15:04:05.000000Z07:00"

_USUAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
# Each element of the layout, and what it matches.  An hour may have one digit; seconds may have a fraction.
_ELEMENTS = (
    ("2006", r"[0-9]{4}"),
    ("-", "-"),
    ("01", r"[0-9]{2}"),
    ("-", "-"),
    ("02", r"[0-9]{2}"),
    ("T", "T"),
    ("15", r"[0-9]{1,2}"),
    (":", ":"),
    ("04", r"[0-9]{2}"),
    (":", ":"),
    ("05", r"[0-9]{2}"),
)
_FRACTION = re.compile(r"[.,][0-9]+")
_MICROS = re.compile(r"[.,][0-9]{6}")
_ZONE = re.compile(r"Z|([+-])([0-9]{2}):([0-9]{2})")
_LIMITS = {"01": (1, 12, "month"), "15": (0, 23, "hour"), "04": (0, 59, "minute"), "05": (0, 59, "second")}


@lru_cache(maxsize=4096)
def time(text: str) -> str:
    """The moment in UTC, in whole seconds; ValueError in Go's words."""
    moment = _parse(text, RFC3339)
    if _USUAL.fullmatch(text):
        return text
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


@lru_cache(maxsize=1024)
def micro_time(text: str) -> str:
    """The moment in UTC, in microseconds, all six digits of which have to be there; ValueError in Go's words."""
    moment = _parse(text, RFC3339_MICRO)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _parse(text: str, layout: str) -> datetime:
    numbers: dict[str, int] = {}
    rest = text
    for element, pattern in _ELEMENTS:
        match = re.match(pattern, rest)
        if match is None:
            raise _cannot(text, layout, rest, element)
        rest = rest[match.end() :]
        if len(element) > 1:
            number = numbers[element] = int(match[0])
            low, high, name = _LIMITS.get(element, (0, 9999, ""))
            if not low <= number <= high:
                raise ValueError(f'parsing time "{text}": {name} out of range')
    micros = 0
    fraction = (_MICROS if layout == RFC3339_MICRO else _FRACTION).match(rest)
    if fraction is not None:
        rest = rest[fraction.end() :]
        micros = int(fraction[0][1:7].ljust(6, "0"))
    elif layout == RFC3339_MICRO:
        raise _cannot(text, layout, rest, ".000000")
    zone = _ZONE.match(rest)
    if zone is None or int(zone[2] or 0) > 23 or int(zone[3] or 0) > 59:
        raise _cannot(text, layout, rest, "Z07:00")
    if rest[zone.end() :]:
        raise ValueError(f'parsing time "{text}": extra text: "{rest[zone.end() :]}"')
    offset = timedelta(hours=int(zone[2] or 0), minutes=int(zone[3] or 0)) * (-1 if zone[1] == "-" else 1)
    date = numbers["2006"], numbers["01"], numbers["02"]
    try:
        local = datetime(*date, numbers["15"], numbers["04"], numbers["05"], micros, timezone(offset))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f'parsing time "{text}": day out of range') from None


def _cannot(text: str, layout: str, rest: str, element: str) -> ValueError:
    return ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{element}"')
