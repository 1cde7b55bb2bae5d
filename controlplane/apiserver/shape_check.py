"""Whether an applied configuration fits its kind (structured-merge-diff: typed/validate.go)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controlplane.apiserver.field_sets import element_text
from controlplane.apiserver.shapes import Shape
from controlplane.apiserver.strategic import go
from controlplane.apiserver.structured_merge import Invalid, list_element


def check(value: Any, shape: Shape) -> None:
    """Raises Invalid if an applied value does not fit: fields that nobody declared, wrong types, duplicates."""
    problems = list(_problems(value, shape, ""))
    if len(problems) == 1:
        raise Invalid(problems[0])
    if problems:
        raise Invalid("errors:\n" + "\n".join(f"  {problem}" for problem in problems))


def _problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if value is None or shape.kind == "any":
        return
    if shape.kind == "scalar":
        if problem := _scalar_problem(value, shape.scalar):
            yield f"{path}: {problem}"
    elif shape.kind == "map":
        if not isinstance(value, dict):
            yield f"{path}: expected map, got {_shown(value)}"
            return
        for key, item in value.items():
            child = shape.field(key)
            if child is None:
                yield f"{path}.{key}: field not declared in schema"
                return
            yield from _problems(item, child, f"{path}.{key}")
    elif not isinstance(value, list):
        yield f"{path}: expected list, got {_shown(value)}"
    else:
        yield from _list_problems(value, shape, path)


def _list_problems(items: list[Any], shape: Shape, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for place, item in enumerate(items):
        if shape.atomic:
            here = f"{path}[{place}]"
        else:
            try:
                element = list_element(item, shape)
            except Invalid as problem:
                yield f"{path}: element {place}: {problem}"
                return
            here = path + element_text(element)
            if element in seen:
                yield f"{path}: duplicate entries for key {element_text(element)}"
            seen.add(element)
        yield from _problems(item, shape.item, here)


_GO = {
    bool: "bool",
    int: "int64",
    float: "float64",
    str: "string",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def _scalar_problem(value: Any, scalar: str) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if scalar == "numeric":
        return "" if number else f"expected numeric (int or float), got {_GO[type(value)]}"
    if scalar == "string":
        shown = str(value).lower() if isinstance(value, bool) else value
        return "" if isinstance(value, str) else f"expected string, got &value.valueUnstructured{{Value:{shown}}}"
    if scalar == "boolean":
        return "" if isinstance(value, bool) else f"expected boolean, got {_shown(value)}"
    return f"expected any scalar, got {_shown(value)}" if isinstance(value, dict | list) else ""


def _shown(value: Any) -> str:
    return f"&{{{go(value)}}}"
