"""What a check says, and what it does not let through."""

import io
import logging
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.grading import check as checks
from controlplane.grading.check import Failed, Story, check
from controlplane.grading.words import shown, the_same


def said(test) -> str:
    """What the failure of a test says."""
    with pytest.raises(Failed) as caught:
        check(test)
    return str(caught.value)


def test_a_failure_says_what_was_expected_what_happened_and_what_led_there() -> None:
    def test(c: Story) -> None:
        """Sums."""
        c.note("two numbers are given")
        c.equal("the sum", c.call(max, 1, 2), 3)

    assert (
        said(test) == "Expected the sum to be 3, but got 2.\nWhat led there: two numbers are given; max(1, 2) gave 2."
    )


def test_the_docstring_is_the_behaviour_and_passing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    @check
    def test(c: Story) -> None:
        """One and
        one."""

    assert test is None
    assert capsys.readouterr().out == "✓ One and one.\n"


def test_hidden_data_does_not_tell_what_is_right() -> None:
    def test(c: Story) -> None:
        c.call(max, 1, 2)
        c.other_data("three numbers")
        c.equal("the sum", 2, 4321)

    assert said(test) == (
        "With other data the sum came out wrong: 2 is not what the task asks for.\nWhat led there: three numbers."
    )


def test_jupyter_shows_the_sentence_then_the_lines_of_the_learner() -> None:
    namespace: dict = {}
    exec(compile("def mine():\n    return {}['spec']", "cell 7", "exec"), namespace)

    def test(c: Story) -> None:
        """It answers."""
        c.call(namespace["mine"])

    with pytest.raises(Failed) as caught:
        check(test)
    assert caught.value._render_traceback_() == [
        "✗ It answers.",
        "",
        "Expected an answer, but your code raised KeyError: 'spec'.\nWhat led there: mine().",
        "",
        "In your code, the innermost call last:",
        "  line 2, in mine",
    ]


def test_what_is_not_written_yet_and_what_is_not_there() -> None:
    def stub() -> None:
        raise NotImplementedError

    def test(c: Story) -> None:
        c.raises(ValueError, stub)

    def nameless(c: Story) -> None:
        c.call(nothing)  # type: ignore[name-defined]  # noqa: F821

    assert said(test).startswith("Not written yet")
    assert said(nameless).startswith("There is no `nothing`: run the task's cell first")


def test_an_endless_loop_ends_even_if_it_catches_all_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SECONDS", 0.2)

    def test(c: Story) -> None:
        while True:
            try:
                while True:
                    pass
            except Exception:
                pass

    assert said(test).startswith("Expected an answer, but after 0.2 s there was none")


def test_an_interruption_that_was_made_into_another_error_is_told_as_what_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "SECONDS", 0.2)

    def test(c: Story) -> None:
        try:
            while True:
                pass
        except BaseException:
            raise ValueError("something else") from None

    assert said(test).startswith("Expected an answer, but after 0.2 s there was none")


def test_who_only_waits_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "WAITING", 0.1)
    assert "there was none" in said(lambda c: time.sleep(5))


def test_leaving_is_a_failure() -> None:
    assert "SystemExit" in said(lambda c: sys.exit(0))


def test_noise_goes_to_stdout() -> None:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        handler = logging.StreamHandler()  # takes hold of stderr now

        @check
        def test(c: Story) -> None:
            print("one", file=sys.stderr)
            handler.emit(logging.makeLogRecord({"msg": "two"}))

        print("after", file=sys.stderr)
    assert err.getvalue() == "after\n"
    assert all(word in out.getvalue() for word in ("one", "two"))


def test_what_must_stay_as_it_was() -> None:
    def test(c: Story) -> None:
        pods: Any = c.keeps("the Pods", [{"metadata": {"labels": {}}}])
        pods[0]["metadata"]["labels"]["mine"] = "yes"

    assert said(test).startswith("Expected the Pods to stay as given, but your code changed it")


def test_a_call_that_should_raise() -> None:
    assert said(lambda c: c.raises(KeyError, max, 1, 2)).startswith("Expected KeyError to be raised, but the last call")

    @check
    def test(c: Story) -> None:
        c.raises(KeyError, {}.__getitem__, "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON, JSON)
def test_the_same_is_equality_of_plain_data(one, other) -> None:
    assert the_same(one, one)
    assert the_same(one, other) == (repr(one) == repr(other) or _sorted(one) == _sorted(other))


def _sorted(value) -> object:
    """A form in which equality is the same: True is not 1 here."""
    if isinstance(value, dict):
        return {"dict": {key: _sorted(inner) for key, inner in value.items()}}
    if isinstance(value, list):
        return [_sorted(inner) for inner in value]
    return (type(value).__name__, value)


def test_an_object_that_equals_everything_does_not() -> None:
    class Everything:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    class Text(str):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    class Number(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    for wanted in (1, "web", None, True, [1], {"a": 1}, {1}):
        assert not the_same(Everything(), wanted)
    assert not the_same(Text("db"), "web")
    assert not the_same(Number(2), 1)
    assert the_same((1, "a"), [1, "a"])
    assert not the_same(1, True)


def test_values_in_few_words() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "web-1"}, "spec": {}}
    assert shown([pod, "x", None, (1,)]) == "[Pod web-1, 'x', None, (1,)]"
    assert shown({"a": max}) == "{'a': max}"
    assert shown(object()) == "a object"
    assert len(shown("x" * 1000)) <= 160
