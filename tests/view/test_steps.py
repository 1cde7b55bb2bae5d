"""Numbers over time, measured and drawn."""

import pytest

from controlplane.clock import Loop
from controlplane.view import steps as view


class Machine:
    def __init__(self) -> None:
        self.loop = Loop()
        self.pods = 0
        for second in (1, 2, 4):
            self.loop.call_later(second, self.add)

    def add(self) -> None:
        self.pods += 1


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The figures that would have been shown."""
    figures: list[object] = []

    def show(figure: object, alt: str) -> str:
        figures.append(figure)
        return alt

    monkeypatch.setattr(view, "show", show)
    return figures


def test_a_record_holds_the_changes_and_the_end() -> None:
    machine = Machine()
    assert view.record(machine, "5s", every=0.5, pods=lambda: machine.pods) == {
        "pods": [(0.0, 0), (1.0, 1), (2.0, 2), (4.0, 3), (5.0, 3)]
    }
    assert machine.loop.now() == machine.loop.start + 5


def test_records_follow_each_other() -> None:
    machine = Machine()
    parts = [view.record(machine, "3s", every=1, pods=lambda: machine.pods) for _ in range(2)]
    assert view.joined(*parts) == {"pods": [(0, 0), (1, 1), (2, 2), (3, 2), (3, 2), (4, 3), (6, 3)]}


def test_the_alternative_text_tells_what_is_drawn(drawn: list[object]) -> None:
    text = view.steps({"ready": [(0, 0), (2.5, 4), (9, 4)]}, "Pods", {"wanted": 4}, {"deleted": 7})
    assert text == "Line chart of Pods over seconds. ready: 0 from 0, 4 from 2.5; wanted at 4; deleted at 7 seconds."
    [axes] = drawn[0].axes  # type: ignore[attr-defined]
    assert [line.get_xydata().tolist() for line in axes.get_lines()[:1]] == [[[0, 0], [2.5, 4], [9, 4]]]


def test_a_last_change_can_be_seen(drawn: list[object]) -> None:
    view.steps({"new": [(0, 0), (1, 3), (2, 10)]}, "Pods")
    [axes] = drawn[0].axes  # type: ignore[attr-defined]
    assert axes.get_lines()[0].get_xdata()[-1] > 2
