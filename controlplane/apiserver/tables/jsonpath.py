"""The JSONPath of printer columns (client-go: util/jsonpath).

*Note*: recursive descent, unions and ranges are left out here: no column can use them sensibly, as it shows one value.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any], Iterator[Any]]

_STEP = re.compile(
    r"""\.?(?:
        \[\s*(?P<quote>['"])(?P<quoted>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\s*\]
      | \[\s*(?P<index>-?\d+|\*)\s*\]
      | \[\?\(\s*@(?P<left>[^=!<>]*?)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<right>[^)]*?))?\s*\)\]
      | (?P<key>(?:\\.|[^.\[\]\\])+)
    )""",
    re.VERBOSE,
)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class JsonPath:
    """A path such as `.status.conditions[?(@.type=="Ready")].status`.  One that cannot be read finds nothing."""

    def __init__(self, text: str) -> None:
        self._steps: list[Step] | None = []
        text = text.strip()
        position = 0
        while position < len(text) and text != ".":
            match = _STEP.match(text, position)
            if match is None or match.end() == position:
                self._steps = None
                return
            self._steps.append(_step(match))
            position = match.end()

    def first(self, value: Any) -> Any:
        """The first value that the path finds, or None."""
        return next(self.find(value), None)

    def find(self, value: Any) -> Iterator[Any]:
        found = iter(() if self._steps is None else (value,))
        for step in self._steps or ():
            found = _each(step, found)
        return found


def _each(step: Step, values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        yield from step(value)


def _step(match: re.Match[str]) -> Step:
    if (index := match["index"]) is not None:
        return _all if index == "*" else _at_index(int(index))
    if match["left"] is not None:
        return _filter(JsonPath(match["left"]), match["op"], match["right"])
    key = match["quoted"] if match["quoted"] is not None else match["key"]
    return _all if key == "*" else _at_key(re.sub(r"\\(.)", r"\1", key))


def _all(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _at_index(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _at_key(key: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and key in value:
            yield value[key]

    return step


def _filter(left: JsonPath, op: str | None, right: str | None) -> Step:
    wanted = _literal(right or "")

    def step(value: Any) -> Iterator[Any]:
        for item in _all(value):
            found = list(left.find(item))
            if bool(found) if op is None else any(_compares(op, one, wanted) for one in found):
                yield item

    return step


def _compares(op: str, value: Any, wanted: Any) -> bool:
    try:
        return _OPERATORS[op](value, wanted)
    except TypeError:
        return False


def _literal(text: str) -> Any:
    if text[:1] in ("'", '"'):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
