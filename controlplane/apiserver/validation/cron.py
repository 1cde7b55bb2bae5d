"""Whether a schedule can be read, and why not (the parser is robfig/cron's ParseStandard)."""

from __future__ import annotations

from controlplane.apiserver.fields import go_list, go_quote
from controlplane.clock import parse_duration

_MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_DAYS = {n: i for i, n in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


class _Wrong(Exception):
    pass


def schedule_error(schedule: str) -> str | None:
    """What is wrong with a schedule, in the parser's words; None for a good one.

    >>> schedule_error("*/5 * * * *")
    >>> schedule_error("60 * * * *")
    'end of range (60) above maximum (59): 60'
    """
    if not schedule:
        return "empty spec string"
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        schedule = schedule.partition(" ")[2].strip()
    if schedule.startswith("@"):
        return _descriptor(schedule)
    parts = schedule.split()
    if len(parts) != 5:
        return f"expected exactly 5 fields, found {len(parts)}: {go_list(parts)}"
    try:
        for part, (low, high, names) in zip(parts, _FIELDS, strict=True):
            for expression in part.split(","):
                if expression:
                    _check(expression, low, high, names)
    except _Wrong as wrong:
        return str(wrong)
    return None


def _descriptor(schedule: str) -> str | None:
    if schedule in _DESCRIPTORS:
        return None
    if schedule.startswith("@every "):
        try:
            parse_duration(schedule.removeprefix("@every "))
        except ValueError:
            duration = schedule.removeprefix("@every ")
            return f"failed to parse duration {schedule}: time: invalid duration {go_quote(duration)}"
        return None
    return f"unrecognized descriptor: {schedule}"


def _check(expression: str, low: int, high: int, names: dict[str, int]) -> None:
    range_and_step = expression.split("/")
    ends = range_and_step[0].split("-")
    if ends[0] in ("*", "?"):
        start, end = low, high
    else:
        start = end = _number(ends[0], names)
        if len(ends) == 2:
            end = _number(ends[1], names)
        elif len(ends) > 2:
            raise _Wrong(f"too many hyphens: {expression}")
    step = 1
    if len(range_and_step) == 2:
        step = _number(range_and_step[1], {})
        if len(ends) == 1:
            end = high
    elif len(range_and_step) > 2:
        raise _Wrong(f"too many slashes: {expression}")
    if start < low:
        raise _Wrong(f"beginning of range ({start}) below minimum ({low}): {expression}")
    if end > high:
        raise _Wrong(f"end of range ({end}) above maximum ({high}): {expression}")
    if start > end:
        raise _Wrong(f"beginning of range ({start}) beyond end of range ({end}): {expression}")
    if step == 0:
        raise _Wrong(f"step of range should be a positive number: {expression}")


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    digits = text[1:] if text[:1] in "+-" else text
    if not (digits.isascii() and digits.isdecimal()):
        raise _Wrong(f"failed to parse int from {text}: strconv.Atoi: parsing {go_quote(text)}: invalid syntax")
    if text.startswith("-") and int(digits):
        raise _Wrong(f"negative number ({int(text)}) not allowed: {text}")
    return int(digits)
