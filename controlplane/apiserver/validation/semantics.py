"""When two values mean the same (apimachinery: pkg/api/equality.Semantic): what is empty is what is missing."""

from __future__ import annotations

from typing import Any


def same(a: Any, b: Any) -> bool:
    """
    >>> same({"a": 1, "b": {}}, {"a": 1})
    True
    """
    if a is b:
        return True
    if isinstance(a, dict) and isinstance(b, dict):
        for key, value in a.items():
            if key not in b:
                if not nothing(value):
                    return False
            elif not same(value, b[key]):
                return False
        return all(key in a or nothing(value) for key, value in b.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if a is None or b is None:
        return nothing(a) and nothing(b)
    return bool(a == b)


def nothing(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}
