"""Values as a sentence shows them, and when two of them are the same."""

from __future__ import annotations

from typing import Any

LONGEST = 160  # characters of a value


def shown(value: Any) -> str:
    """A value in a few words: an API object by its kind and name, anything long cut."""
    text = _words(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _words(value: Any) -> str:
    if isinstance(value, dict):
        meta = value.get("metadata")
        if isinstance(meta, dict) and "name" in meta:
            return f"{value.get('kind', 'object')} {meta['name']}"
        return "{" + ", ".join(f"{_words(k)}: {_words(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_words, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_words, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, str | int | float | None):
        return repr(value)
    if callable(value):
        return str(getattr(value, "__name__", "a function"))
    text = repr(value)
    return f"a {type(value).__name__}" if " at 0x" in text else text


def the_same(got: Any, wanted: Any) -> bool:
    """Are both the same plain data?  A list and a tuple may be; an object's own idea of equality is not asked."""
    if isinstance(wanted, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(wanted):
            return False
        return all(the_same(a, b) for a, b in zip(got, wanted, strict=True))
    if isinstance(wanted, dict):
        if not isinstance(got, dict) or dict.keys(got) != wanted.keys():
            return False
        return all(the_same(dict.__getitem__(got, key), value) for key, value in wanted.items())
    if isinstance(wanted, set | frozenset):
        return isinstance(got, set | frozenset) and frozenset(got) == wanted
    if isinstance(wanted, str):
        return isinstance(got, str) and str.__eq__(wanted, got) is True
    if isinstance(wanted, bool) or wanted is None:
        return got is wanted
    if isinstance(wanted, int | float):
        return type(got) in (int, float) and bool(got == wanted)
    return got is wanted
