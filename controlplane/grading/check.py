"""What a graded cell is written with: `check` runs one behaviour's test and says in words what went wrong.

    @check
    def queue_once(c):
        '''A key that is added again while it waits is handed out once.'''
        queue = WorkQueue()
        for key in ("web", "db", "web"):
            c.call(queue.add, key)
        c.equal("the keys that get() hands out", [c.call(queue.get) for _ in range(3)], ["web", "db", None])

The docstring names the behaviour.  The test runs at once, and its names stay its own: nothing that it defines gets in
the way of what a learner wrote.  If it fails it raises `Failed`, of which Jupyter shows the sentence first.

Designed around what was measured of nbgrader: whatever a learner's code writes to stderr goes to stdout (nbgrader
gives no points to a cell that wrote to stderr), nothing is left as the cell's value (it takes a number for partial
credit), and an endless loop ends after some seconds (its own limit of 30 would cost the whole notebook time).
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, TypeVar

from controlplane.grading.words import shown, the_same

T = TypeVar("T")
SECONDS = 10.0  # of computing, for one behaviour
WAITING = 20.0  # seconds in all; nbgrader would stop after 30
EVENTS = 8  # that a message tells, the last ones
PACKAGE = Path(__file__).parents[1]


class Failed(AssertionError):
    """A behaviour that is not there.  `str()` is all that a learner reads: the behaviour, then what happened."""

    def __init__(self, behaviour: str, sentence: str, frames: list[str] | None = None) -> None:
        super().__init__(sentence)
        self.behaviour = behaviour
        self.sentence = sentence
        self.frames = frames or []

    def _render_traceback_(self) -> list[str]:
        """What Jupyter prints in place of a traceback."""
        lines = [f"✗ {self.behaviour}", "", self.sentence]
        return [*lines, "", "In your code, the innermost call last:", *self.frames] if self.frames else lines


class OutOfTime(BaseException):
    """No Exception: a learner's `except Exception` must not swallow it."""


class Story:
    """The `c` of a test: what it does and expects, with the events that a failure tells."""

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.events: list[str] = []
        self._hidden = False
        self._kept: list[tuple[str, Any, Any]] = []

    # What happens -----------------------------------------------------------------------------------------------------

    def note(self, event: str) -> None:
        """Remember an event, in words, for the message of a failure."""
        self.events.append(event)

    def call(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        """Call the learner's function; the call and what came of it are events."""
        words = [shown(arg) for arg in args] + [f"{name}={shown(value)}" for name, value in named.items()]
        self.events.append(f"{getattr(function, '__name__', 'the call')}({', '.join(words)})")
        result = function(*args, **named)
        if result is not None:
            self.events[-1] += f" gave {shown(result)}"
        return result

    def keeps(self, what: str, value: T) -> T:
        """Give `value` to the learner's code, which must not change it; compared when the test ends."""
        self._kept.append((what, value, deepcopy(value)))
        return value

    def other_data(self, note: str = "") -> None:
        """From here on the data is hidden: a failure does not say what would have been right."""
        self._hidden = True
        self.events = [note] if note else []

    def again(self, note: str = "") -> None:
        """A new trial: the events so far are forgotten."""
        self.events = [note] if note else []
        self._check_kept()
        self._kept = []

    # What is expected -------------------------------------------------------------------------------------------------

    def that(self, holds: bool, expected: str, happened: str) -> None:
        """Fail unless `holds`: "Expected {expected}, but {happened}."."""
        if not holds:
            self.fail(f"Expected {expected}, but {happened}.")

    def equal(self, what: str, got: Any, wanted: Any) -> None:
        """Fail unless `got` is, as plain data, the same as `wanted`."""
        if the_same(got, wanted):
            return
        if self._hidden:
            self.fail(f"With other data {what} came out wrong: {shown(got)} is not what the task asks for.")
        self.fail(f"Expected {what} to be {shown(wanted)}, but got {shown(got)}.")

    def raises(self, kind: type[Exception], function: Callable[..., Any], *args: Any) -> Exception:
        """Call, and fail unless that raises `kind`."""
        try:
            result = self.call(function, *args)
        except NotImplementedError:
            raise
        except kind as error:
            self.events[-1] += f" raised {kind.__name__}"
            return error
        self.fail(f"Expected {kind.__name__} to be raised, but the last call gave {shown(result)}.")

    def fail(self, sentence: str, frames: list[str] | None = None) -> NoReturn:
        told = [*(["..."] if len(self.events) > EVENTS else []), *self.events[-EVENTS:]]
        before = f"\nWhat led there: {'; '.join(told)}." if told else ""
        raise Failed(self.behaviour, sentence + before, frames) from None

    def _check_kept(self) -> None:
        for what, value, before in self._kept:
            if not the_same(value, before):
                self.fail(f"Expected {what} to stay as given, but your code changed it: copy before you change.")


def check(test: Callable[[Story], None]) -> None:
    """Run a test now (a decorator).  Raises Failed, or prints that the behaviour is there."""
    behaviour = " ".join((test.__doc__ or test.__name__).split())
    story = Story(behaviour)
    limit = Limit(SECONDS)
    try:
        with _nothing_on_stderr(), limit:
            test(story)
            story._check_kept()
    except (Exception, OutOfTime, SystemExit) as error:
        if limit.over:  # whatever was made of the interruption on its way
            sentence = f"Expected an answer, but after {SECONDS:g} s there was none: does a loop never end?"
            raise Failed(behaviour, sentence) from None
        if isinstance(error, Failed):
            raise
        raise _explained(story, error, test) from None
    print(f"✓ {behaviour}")


def _explained(story: Story, error: BaseException, test: Callable[[Story], None]) -> Failed:
    """An exception that came out of the learner's code, as a failure in words."""
    frames = _frames(error.__traceback__, test.__code__.co_filename)
    if isinstance(error, NotImplementedError):
        sentence = "Not written yet: the task's cell still raises NotImplementedError, or has not been run."
    elif isinstance(error, NameError) and error.name:
        sentence = f"There is no `{error.name}`: run the task's cell first, and keep the names that it gives."
    else:
        words = f"{type(error).__name__}: {error}".rstrip(": ")
        sentence = f"Expected an answer, but your code raised {words}."
    try:
        story.fail(sentence, frames)
    except Failed as failure:
        return failure


def _frames(trace: TracebackType | None, test: str) -> list[str]:
    """The lines of the learner's own code that an exception came through."""
    frames = traceback.extract_tb(trace)
    own = [f for f in frames if f.filename != test and not Path(f.filename).is_relative_to(PACKAGE)]
    return [f"  line {frame.lineno}, in {frame.name}: {frame.line or ''}".rstrip(": ") for frame in own]


@contextlib.contextmanager
def _nothing_on_stderr() -> Iterator[None]:
    """stderr goes to stdout, also for those who took hold of the stream earlier, as logging's handlers do."""
    stream: Any = sys.stderr
    with contextlib.redirect_stderr(sys.stdout):
        with contextlib.suppress(AttributeError):
            stream.write = lambda text: sys.stdout.write(text)
        try:
            yield
        finally:
            with contextlib.suppress(AttributeError):
                del stream.write


class Limit:
    """Raises OutOfTime in the code inside, once its time is up and then every second, should it have been swallowed.

    Computing counts, not waiting, so that a busy machine changes no score; who only waits is stopped after WAITING.
    Without signals (on Windows, outside the main thread) there is no limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.over = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Limit:
        if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
            for number, timer, seconds in (
                (signal.SIGPROF, signal.ITIMER_PROF, self.seconds),
                (signal.SIGALRM, signal.ITIMER_REAL, WAITING),
            ):
                self._before[number] = signal.signal(number, self._ring)
                signal.setitimer(timer, seconds, 1)
        return self

    def _ring(self, number: int, frame: FrameType | None) -> None:
        self.over = True
        raise OutOfTime

    def __exit__(self, *error: object) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
