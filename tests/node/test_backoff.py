"""Delays that double, end at a maximum, and start over after a quiet time."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.clock import Loop
from controlplane.node.backoff import Backoff


@given(st.lists(st.floats(0, 700), max_size=30))
def test_the_delay_doubles_up_to_five_minutes_and_ten_quiet_minutes_clear_it(runs: list[float]) -> None:
    """Each container runs for so long, fails, waits for its turn, and is started again."""
    loop = Loop()
    backoff = Backoff(loop)
    expected = 0.0
    for ran in runs:
        loop.run_for(ran)
        if ran > 600:
            expected = 0.0
        failed = loop.now()
        assert abs(max(backoff.remaining("c", failed), 0.0) - expected) < 1e-3
        loop.run_for(expected)
        backoff.raise_delay("c", failed)
        expected = min(expected * 2, 300.0) if expected else 10.0
        assert backoff.delay("c") == expected


def test_keys_do_not_disturb_each_other() -> None:
    backoff = Backoff(Loop())
    backoff.raise_delay("a", 0.0)
    assert backoff.delay("a") == 10.0 and backoff.delay("b") == 0.0
    backoff.forget("a")
    assert backoff.delay("a") == 0.0
