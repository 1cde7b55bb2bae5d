"""Label selectors: the grammar, the matching and the errors (apimachinery: pkg/labels, LabelSelectorAsSelector).

>>> parse_selector("tier in (web,db), !canary").matches({"tier": "db"})
True
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Labels = Mapping[str, str] | None
Match = Callable[[Mapping[str, str]], bool]

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_QUALIFIED = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_PREFIX = (
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def check_key(key: str) -> list[str]:
    """What is wrong with a label key, in upstream's words; empty if nothing is."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return [
            f"a valid label key {_QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    errors = []
    if slash and not prefix:
        errors.append("prefix part must be non-empty")
    elif slash:
        if len(prefix) > 253:
            errors.append("prefix part must be no more than 253 bytes")
        if not _SUBDOMAIN.fullmatch(prefix):
            errors.append(_PREFIX)
    if not name:
        errors.append("name part must be non-empty")
    elif len(name) > 63:
        errors.append("name part must be no more than 63 bytes")
    if not _NAME.fullmatch(name):
        errors.append("name part " + _QUALIFIED)
    return errors


def check_value(value: str) -> list[str]:
    """What is wrong with a label value, in upstream's words; empty if nothing is."""
    errors = ["must be no more than 63 bytes"] if len(value) > 63 else []
    if value and not _NAME.fullmatch(value):
        errors.append(_VALUE)
    return errors


def _quote(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _invalid(path: str, value: object, detail: str) -> str:
    return f"{path}: Invalid value: {_quote(value)}: {detail}"


class Requirement(NamedTuple):
    """One condition.  `op` is one of = == != in notin exists ! gt lt, as upstream's selection.Operator."""

    key: str
    op: str
    values: tuple[str, ...] = ()

    def errors(self) -> list[str]:
        """What is wrong with it, each as field, value and reason."""
        found = [_invalid("key", self.key, "; ".join(wrong))] if (wrong := check_key(self.key)) else []
        count = len(self.values)
        if self.op in ("in", "notin") and not count:
            found.append(_invalid("values", [], "for 'in', 'notin' operators, values set can't be empty"))
        elif self.op in ("=", "==", "!=") and count != 1:
            found.append(_invalid("values", list(self.values), "exact-match compatibility requires one single value"))
        elif self.op in ("exists", "!") and count:
            found.append(
                _invalid("values", list(self.values), "values set must be empty for exists and does not exist")
            )
        elif self.op in ("gt", "lt"):
            if count != 1:
                found.append(
                    _invalid("values", list(self.values), "for 'Gt', 'Lt' operators, exactly one value is required")
                )
            found += [
                _invalid(f"values[{i}]", value, "for 'Gt', 'Lt' operators, the value must be an integer")
                for i, value in enumerate(self.values)
                if _integer(value) is None
            ]
        found += [
            _invalid(f"values[{i}][{self.key}]", value, "; ".join(wrong))
            for i, value in enumerate(self.values)
            if (wrong := check_value(value))
        ]
        return found

    def compile(self) -> Match:
        """A function of one mapping that tells whether it meets the condition."""
        key, values = self.key, frozenset(self.values)
        if self.op in ("=", "==", "in"):
            if len(values) == 1:
                (only,) = values
                return lambda labels: labels.get(key) == only
            return lambda labels: labels.get(key) in values
        if self.op in ("!=", "notin"):
            return lambda labels: labels.get(key) not in values
        if self.op == "exists":
            return lambda labels: key in labels
        if self.op == "!":
            return lambda labels: key not in labels
        bound = _integer(self.values[0]) or 0
        above = self.op == "gt"

        def compare(labels: Mapping[str, str]) -> bool:
            number = _integer(labels.get(key, ""))
            return number is not None and (number > bound if above else number < bound)

        return compare

    def __str__(self) -> str:
        values = ",".join(sorted(self.values))
        if self.op in ("in", "notin"):
            return f"{self.key} {self.op} ({values})"
        if self.op == "exists":
            return self.key
        if self.op == "!":
            return f"!{self.key}"
        return f"{self.key}{ {'gt': '>', 'lt': '<'}.get(self.op, self.op) }{values}"


def _integer(text: str) -> int | None:
    """strconv.ParseInt(text, 10, 64)."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text) if len(text) < 25 else 1 << 64
    return number if -(1 << 63) <= number < 1 << 63 else None


class Selector:
    """All of some requirements, in the order of their keys.  `EVERYTHING` has none; `NOTHING` matches nothing."""

    __slots__ = ("requirements", "_match", "_nothing")

    def __init__(self, requirements: Iterable[Requirement] = (), nothing: bool = False) -> None:
        self.requirements = tuple(sorted(requirements, key=lambda r: r.key))
        self._nothing = nothing
        self._match = _all([r.compile() for r in self.requirements])

    def matches(self, labels: Labels) -> bool:
        """Whether an object with these labels is selected."""
        return not self._nothing and self._match(labels or {})

    @property
    def empty(self) -> bool:
        """It restricts nothing."""
        return not self.requirements and not self._nothing

    def requires_exact(self, key: str) -> str | None:
        """The one value that `key` must have, if the first requirement on it says so."""
        for requirement in self.requirements:
            if requirement.key == key:
                exact = requirement.op in ("=", "==", "in") and len(requirement.values) == 1
                return requirement.values[0] if exact else None
        return None

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return "NOTHING" if self._nothing else f"Selector({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Selector) and self.requirements == other.requirements and self._nothing == other._nothing
        )

    def __hash__(self) -> int:
        return hash((self.requirements, self._nothing))


def _all(matches: list[Match]) -> Match:
    if not matches:
        return lambda labels: True
    if len(matches) == 1:
        return matches[0]

    def match(labels: Mapping[str, str]) -> bool:
        for one in matches:  # noqa: SIM110 - a loop is faster here than all() with a generator
            if not one(labels):
                return False
        return True

    return match


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)
_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def from_set(labels: Labels) -> Selector:
    """Exactly these labels, as a Service selects; none select everything, so ask first."""
    return Selector(Requirement(k, "=", (v,)) for k, v in labels.items()) if labels else EVERYTHING


def from_label_selector(selector: Mapping[str, Any] | None) -> Selector:
    """A metav1.LabelSelector: None selects nothing, an empty one everything.  ValueError in upstream's words."""
    if selector is None:
        return NOTHING
    requirements = [Requirement(k, "=", (v,)) for k, v in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        op = _OPERATORS.get(operator := expression.get("operator", ""))
        if op is None:
            raise ValueError(f"{_quote(operator)} is not a valid label selector operator")
        requirements.append(Requirement(expression.get("key", ""), op, tuple(expression.get("values") or ())))
    for requirement in requirements:
        _check(requirement)
    return Selector(requirements) if requirements else EVERYTHING


def _check(requirement: Requirement) -> None:
    if errors := requirement.errors():
        raise ValueError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")


# The grammar -----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+)")
_BINARY = {"=": "=", "==": "==", "!=": "!=", "in": "in", "notin": "notin", ">": "gt", "<": "lt"}
_SPECIAL = frozenset(["=", "==", "!=", "!", "(", ")", ",", "<", ">"])
_END = ""


def parse_selector(text: str) -> Selector:
    """The selector of a `labelSelector` parameter.  Raises ValueError in upstream's words."""
    return _Parser(text).parse() if text else EVERYTHING


class _Parser:
    def __init__(self, text: str) -> None:
        text = text.partition("\0")[0]
        self.tokens = _TOKEN.findall(text.rstrip(" \t\r\n"))
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def next(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def parse(self) -> Selector:
        requirements: list[Requirement] = []
        while (token := self.peek()) != _END:
            if token in _SPECIAL and token != "!":
                raise ValueError(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                requirements.append(self.requirement())
            except ValueError as problem:
                raise ValueError(f"unable to parse requirement: {problem}") from None
            token = self.next()
            if token == _END:
                break
            if token != ",":
                raise ValueError(f"found '{token}', expected: ',' or 'end of string'")
            token = self.peek()
            if token == _END or (token in _SPECIAL and token != "!"):
                raise ValueError(f"found '{token}', expected: identifier after ','")
        return Selector(requirements)

    def requirement(self) -> Requirement:
        token = self.next()
        absent = token == "!"
        key = self.next() if absent else token
        if key == _END or key in _SPECIAL:
            raise ValueError(f"found '{key}', expected: identifier")
        if wrong := check_key(key):
            raise ValueError(_invalid("<nil>", key, "; ".join(wrong)))
        if absent:
            requirement = Requirement(key, "!")
        elif self.peek() in (_END, ","):
            requirement = Requirement(key, "exists")
        else:
            op = _BINARY.get(token := self.next())
            if op is None:
                raise ValueError(f"found '{token}', expected: in, notin, =, ==, !=, gt, lt")
            values = self.values() if op in ("in", "notin") else {self.exact_value()}
            requirement = Requirement(key, op, tuple(sorted(values)))
        _check(requirement)
        return requirement

    def exact_value(self) -> str:
        if self.peek() in (_END, ","):
            return ""
        token = self.next()
        if token in _SPECIAL:
            raise ValueError(f"found '{token}', expected: identifier")
        return token

    def values(self) -> set[str]:
        """The list in parentheses, in which empty values count: `(,a)` is "" or "a"."""
        if (token := self.next()) != "(":
            raise ValueError(f"found '{token}' expected: '('")
        token = self.peek()
        if token == ")":
            self.next()
            return {""}
        if token == _END or (token in _SPECIAL and token != ","):
            raise ValueError(f"found '{token}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while True:
            token = self.next()
            following = self.peek()
            if token == ",":
                if not values or following in (",", ")"):
                    values.add("")
            elif token == _END or token in _SPECIAL:
                raise ValueError(f"found '{token}', expected: ',', or identifier")
            else:
                values.add(token)
                if following not in (",", ")"):
                    raise ValueError(f"found '{following}', expected: ',' or ')'")
            if following == ")":
                self.next()
                return values
