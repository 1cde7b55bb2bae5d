"""A limit on how long a learner's plugin may think.

There are no threads here that could be abandoned, so the interpreter counts for us: while code from outside this
package runs, every instruction is counted, and past `BUDGET` an exception is raised in its midst.  Counting
instructions and not seconds gives the same answer on every machine.  (Lines would not do: `while True: pass` is
one.)  Our own plugins are not counted: they pay nothing.

*Note*: a single call into C that never returns (`sum(itertools.count())`) executes no instruction and is not stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from controlplane.scheduler.status import PluginError

BUDGET = 5_000_000  # instructions of the interpreter for one call of one extension point, around a second
OURS = "controlplane.scheduler."
METHODS = (
    "pre_enqueue",
    "less",
    "pre_filter",
    "add_pod",
    "remove_pod",
    "filter",
    "filter_nodes",
    "post_filter",
    "pre_score",
    "score",
    "score_nodes",
    "normalize",
    "reserve",
    "unreserve",
    "permit",
    "pre_bind",
    "bind",
    "post_bind",
)


class OverBudget(BaseException):
    """Raised inside the plugin; not an Exception, so that `except Exception` does not swallow it."""


def limited(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, stopped with a PluginError once it has executed `BUDGET` instructions."""

    def run(*args: Any, **kwargs: Any) -> Any:
        left = BUDGET

        def count(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal left
            left -= 1
            if event == "call":
                frame.f_trace_opcodes, frame.f_trace_lines = True, False
            if left < 0:
                raise OverBudget
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            return function(*args, **kwargs)
        except OverBudget:
            raise PluginError(f'plugin "{name}" ran past its budget of {BUDGET:,} instructions') from None
        except SystemExit:
            raise PluginError(f'plugin "{name}" tried to exit') from None
        finally:
            sys.settrace(before)

    return run


def guarded(plugin: Any) -> None:
    """Put a limit on every method of `plugin` that is not our own."""
    for method in METHODS:
        function = getattr(plugin, method)
        if not getattr(function, "__module__", "").startswith(OURS):
            setattr(plugin, method, limited(plugin.name, function))
