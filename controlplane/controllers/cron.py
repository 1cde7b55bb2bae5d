"""Cron schedules: five fields, or a name such as @hourly (upstream: github.com/robfig/cron/v3, standard parser)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = dict(
    zip(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], range(1, 13), strict=True)
)
_DAYS = dict(zip(["sun", "mon", "tue", "wed", "thu", "fri", "sat"], range(7), strict=True))
_FIELDS: list[tuple[int, int, dict[str, int]]] = [
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
]
_HORIZON = 5 * 366  # days to look ahead


class Schedule:
    """When a cron text comes up, in a time zone (a name such as "Europe/Zurich"; UTC if not given).

    Raises ValueError for a text that is no schedule, and for a zone that is not known.
    """

    def __init__(self, text: str, zone: str = "") -> None:
        self.zone: tzinfo = _zone(zone)
        fields = _NAMES.get(text, text).split()
        if len(fields) != 5:
            raise ValueError(f"expected exactly 5 fields, found {len(fields)}: {fields}")
        parsed = [_field(field, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True)]
        self.minutes, self.hours, self.days, self.months, self.weekdays = parsed
        self._any_day = fields[2].startswith(("*", "?"))
        self._any_weekday = fields[4].startswith(("*", "?"))

    def next(self, after: float) -> float | None:
        """The first time after `after`, in seconds since the Unix epoch; None if it never comes up."""
        moment = datetime.fromtimestamp(after, self.zone).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for _ in range(_HORIZON):
            if moment.month in self.months and self._day(moment):
                for hour in self.hours:
                    for minute in self.minutes:
                        if (hour, minute) >= (moment.hour, moment.minute):
                            found = moment.replace(hour=hour, minute=minute).timestamp()
                            if found > after:
                                return found
            moment = (moment + timedelta(days=1)).replace(hour=0, minute=0)
        return None

    def _day(self, moment: datetime) -> bool:
        """A day of the month and a weekday that are both restricted: either will do."""
        day, weekday = moment.day in self.days, (moment.weekday() + 1) % 7 in self.weekdays
        return day and weekday if self._any_day or self._any_weekday else day or weekday


def _field(text: str, low: int, high: int, names: dict[str, int]) -> list[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first in ("*", "?"):
            begin, end = low, high
        else:
            begin = _number(first, names)
            end = _number(last, names) if last else high if step else begin
        stride = _number(step, {}) if step else 1
        if begin < low:
            raise ValueError(f"beginning of range ({begin}) below minimum ({low}): {part}")
        if end > high:
            raise ValueError(f"end of range ({end}) above maximum ({high}): {part}")
        if begin > end:
            raise ValueError(f"beginning of range ({begin}) beyond end of range ({end}): {part}")
        if stride == 0:
            raise ValueError(f"step of range should be a positive number: {part}")
        found.update(range(begin, end + 1, stride))
    return sorted(found)


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not text.isdecimal():
        raise ValueError(f"failed to parse int from {text}")
    return int(text)


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC", "Etc/UTC"):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # only who names a zone needs the tables

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"unknown time zone {name}") from error
