"""Amounts of things, "100m" or "1.5Gi", read and written as Kubernetes does (apimachinery: pkg/api/resource).

A quantity is exact: a whole number of billionths, and the family of suffixes in which it was given and is written.
"""

from __future__ import annotations

from functools import lru_cache, total_ordering
from typing import Literal

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

NANO = 10**9
MAX_BINARY = (2**63 - 1) * NANO  # where a binary quantity is capped
MAX_TEXT = 256  # *Note*: upstream has no limit, but nothing sensible is longer

WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
WRONG_NUMBER = "unable to parse numeric part of quantity"
WRONG_SUFFIX = "unable to parse quantity's suffix"

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {0: "", **{exponent: suffix for suffix, exponent in _BINARY.items()}}
_DIGITS = frozenset("0123456789")


class QuantityError(ValueError):
    """A text that is no quantity, in upstream's words."""


@total_ordering
class Quantity:
    """An immutable amount.  `str()` gives the canonical text; zero is "0" in every format."""

    __slots__ = ("nanos", "format", "_text")

    def __init__(self, nanos: int, format: Format = "DecimalSI", text: str = "") -> None:
        self.nanos = nanos
        self.format: Format = format
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """QuantityError if `text` is no quantity.  Below a billionth, amounts are rounded up."""
        if not text or len(text) > MAX_TEXT:
            raise QuantityError(WRONG_FORMAT)
        number, places, suffix = _split(text)
        format, base, exponent = _meaning(suffix)
        mantissa = int(number)
        if base == 2:
            return cls._binary(text, mantissa, places, exponent)
        scale = exponent - places
        kept = scale >= -9 and len(number) <= 18 and scale % 3 == 0 and number[0] != "0" and not number.endswith("000")
        sign = -1 if text[0] == "-" else 1
        shift = scale + 9
        nanos = mantissa * 10**shift if shift >= 0 else -(-mantissa // 10**-shift)
        return cls(sign * nanos, format, text if kept else "")

    @classmethod
    def _binary(cls, text: str, mantissa: int, places: int, exponent: int) -> Quantity:
        sign = -1 if text[0] == "-" else 1
        nanos = -(-(mantissa * 2**exponent * NANO) // 10**places)
        kept = not places and mantissa & 7 and nanos <= MAX_BINARY and len(str(mantissa)) <= 14 - exponent * 3 // 10
        format: Format = "DecimalSI" if 0 < nanos < NANO else "BinarySI"
        return cls(sign * min(nanos, MAX_BINARY), format, text if kept else "")

    def value(self) -> int:
        """The whole number, rounded up (away from zero)."""
        return self._scaled(NANO)

    def milli_value(self) -> int:
        """The number of thousandths, rounded up (away from zero)."""
        return self._scaled(NANO // 1000)

    def _scaled(self, unit: int) -> int:
        return -(-self.nanos // unit) if self.nanos >= 0 else self.nanos // unit

    @property
    def is_zero(self) -> bool:
        return self.nanos == 0

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nanos, self.format)

    def __eq__(self, other: object) -> bool:
        return self.nanos == other.nanos if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: Quantity) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __str__(self) -> str:
        """The shortest text of the same value and format: 1000m is 1, 1.5Gi is 1536Mi, 0.1 is 100m."""
        if self._text:
            return self._text
        if not self.nanos:
            return "0"
        whole, rest = divmod(self.nanos, NANO)
        if self.format == "BinarySI" and abs(self.nanos) >= 1024 * NANO and not rest:
            exponent = 0
            while exponent < 60 and whole % 1024 == 0:
                whole, exponent = whole // 1024, exponent + 10
            return f"{whole}{_BINARY_SUFFIX[exponent]}"
        mantissa, exponent = self.nanos, -9
        while mantissa % 1000 == 0:
            mantissa, exponent = mantissa // 1000, exponent + 3
        if self.format == "DecimalExponent":
            return f"{mantissa}e{exponent}" if exponent else str(mantissa)
        while exponent > 18:  # there is no suffix past exa
            mantissa, exponent = mantissa * 1000, exponent - 3
        return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}"


@lru_cache(maxsize=8192)
def canonical(text: str) -> str:
    """`text` as the API server gives it back: QuantityError if it is no quantity."""
    return str(Quantity.parse(text))


def _split(text: str) -> tuple[str, int, str]:
    """(the digits without sign and point, how many were behind the point, the suffix)."""
    at, end = int(text[0] in "+-"), len(text)
    while at < end and text[at] == "0":
        at += 1
    if at == end:
        return "0", 0, ""
    start = at
    while at < end and text[at] in _DIGITS:
        at += 1
    number = text[start:at] or "0"
    places = 0
    if at < end and text[at] == ".":
        start = at + 1
        at = start
        while at < end and text[at] in _DIGITS:
            at += 1
        number += text[start:at]
        places = at - start
    suffix = at
    while at < end and text[at] in "eEinumkKMGTP":
        at += 1
    if at < end and text[at] in "+-":
        at += 1
    while at < end and text[at] in _DIGITS:
        at += 1
    if at < end:
        raise QuantityError(WRONG_FORMAT)
    return number, places, text[suffix:]


def _meaning(suffix: str) -> tuple[Format, int, int]:
    """(format, base, exponent) of a suffix."""
    if suffix in _DECIMAL:
        return "DecimalSI", 10, _DECIMAL[suffix]
    if suffix in _BINARY:
        return "BinarySI", 2, _BINARY[suffix]
    if suffix[0] in "eE" and suffix[1:].lstrip("+-").isdecimal() and abs(int(suffix[1:])) <= 999:
        return "DecimalExponent", 10, int(suffix[1:])
    raise QuantityError(WRONG_SUFFIX)
