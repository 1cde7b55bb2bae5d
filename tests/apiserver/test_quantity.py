"""Quantities: read strictly, kept exactly, written in the shortest way."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.quantity import Quantity, QuantityError, canonical

SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E-2"]
TEXTS = st.builds(
    lambda sign, whole, point, suffix: f"{sign}{whole}{point}{suffix}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**9),
    st.sampled_from(["", ".", ".5", ".125", ".001"]),
    st.sampled_from(SUFFIXES),
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0", "0"),
        ("0m", "0"),
        ("1000m", "1"),
        ("0.1", "100m"),
        ("100m", "100m"),
        ("1.5", "1500m"),
        ("1.500", "1.500"),  # upstream takes this for canonical
        ("1000", "1k"),
        ("1024", "1024"),
        ("1Gi", "1Gi"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("1.1Ki", "1126400m"),
        ("2000Ki", "2000Ki"),
        ("10e2", "1e3"),
        ("12e6", "12e6"),
        ("1E", "1E"),
        ("1E3", "1E3"),
        ("+5", "+5"),
        ("-1.5", "-1500m"),
        (".5", "500m"),
        ("0.0000000001", "1n"),
        ("9Ei", "9223372036854775807"),
    ],
)
def test_canonical_form(text, written):
    assert canonical(text) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must match the regular expression"),
        ("abc", "must match the regular expression"),
        ("1 Gi", "must match the regular expression"),
        ("1_0", "must match the regular expression"),
        ("1.2.3", "must match the regular expression"),
        ("\uff11", "must match the regular expression"),
        ("1ki", "unable to parse quantity's suffix"),
        ("1KB", "must match the regular expression"),
        ("1e", "unable to parse quantity's suffix"),
        ("1e99999999", "unable to parse quantity's suffix"),
    ],
)
def test_what_is_none_is_refused(text, message):
    with pytest.raises(QuantityError, match=message):
        Quantity.parse(text)


@pytest.mark.parametrize(
    ("text", "value", "milli"), [("100m", 1, 100), ("1", 1, 1000), ("1Gi", 2**30, 2**30 * 1000), ("-1.5", -2, -1500)]
)
def test_values_are_rounded_up(text, value, milli):
    quantity = Quantity.parse(text)
    assert (quantity.value(), quantity.milli_value()) == (value, milli)


@given(TEXTS)
def test_the_written_form_means_the_same(text):
    quantity = Quantity.parse(text)
    assert Quantity.parse(str(quantity)) == quantity
    again = str(Quantity(quantity.nanos, quantity.format))
    assert str(Quantity.parse(again)) == again


@given(TEXTS, TEXTS)
def test_sums_are_exact(a, b):
    x, y = Quantity.parse(a), Quantity.parse(b)
    total = x + y
    assert Fraction(total.nanos) == Fraction(x.nanos) + Fraction(y.nanos)
    assert total - y == x
    assert -(-x) == x  # noqa: B002
    assert (x < y) == (x.nanos < y.nanos)


def test_a_sum_is_written_as_its_first_part_is():
    assert str(Quantity.parse("1Gi") + Quantity.parse("1G")) == "2073741824"
    assert str(Quantity.parse("500m") + Quantity.parse("500m")) == "1"
    assert str(Quantity.parse("0") + Quantity.parse("1Mi")) == "1Mi"


@given(st.text(max_size=12))
def test_no_text_raises_anything_else(text):
    try:
        canonical(text)
    except QuantityError as problem:
        assert str(problem)
