"""Pictures of spans and of curves: each tells in words what it was drawn from."""

from __future__ import annotations

from controlplane.view.lines import lines
from controlplane.view.spans import held, spans


def test_spans_are_told_row_by_row() -> None:
    alt = spans({"first": [(0, 3), (4, 7)], "second": []}, marks={"deleted": 2}, notes={"first": "twice"})
    assert alt == "Bars over seconds. first: 0 to 3, 4 to 7 (twice); second: nothing; deleted at 2 seconds."


def test_only_the_first_of_many_spans_are_told() -> None:
    assert spans({"row": [(n, n + 0.5) for n in range(20)]}).endswith("11 to 11.5 and 8 more.")


def test_curves_are_told_point_by_point() -> None:
    alt = lines({"p50": [(1, 5), (2, 7.5)]}, "requests a second", "milliseconds", levels={"limit": 30})
    assert alt == ("Line chart of milliseconds by requests a second. p50: 5 at 1, 7.5 at 2; limit at 30.")


def test_a_logarithmic_axis_tells_the_same() -> None:
    points = {"p99": [(1.0, 10.0), (2.0, 1000.0)]}
    assert lines(points, "x", "y") == lines(points, "x", "y", log="xy")


def test_a_measure_is_held_while_it_is_not_zero() -> None:
    series = {"ready": [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (5.0, 0.0), (7.0, 1.0), (9.0, 1.0)], "never": [(0.0, 0.0)]}
    assert held(series) == {"ready": [(1.0, 5.0), (7.0, 9.0)], "never": []}
