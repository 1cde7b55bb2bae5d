"""What is wrong with a text that is no JSON, in the words of encoding/json as of Go 1.27 (jsontext, v2_scanner.go)."""

from __future__ import annotations

import re

from controlplane.apiserver.fields import go_quote

END = "unexpected end of JSON input"
_SPACE = b" \t\r\n"
_STRING = re.compile(rb'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LITERALS = {0x74: b"true", 0x66: b"false", 0x6E: b"null"}


class _Wrong(Exception):
    pass


def explain(raw: bytes) -> str:
    """Why `raw` is no JSON.  For a text with nothing wrong, "" (the caller knows better)."""
    try:
        at = _values(raw)
    except _Wrong as wrong:
        return str(wrong)
    at = _skip(raw, at)
    return "" if at == len(raw) else str(_bad(raw, at, "after top-level value"))


def _values(raw: bytes) -> int:
    """Scan one value, with a stack of our own: the text may be nested deeper than Python is."""
    stack: list[int] = []  # the closing bracket of each open array or object
    at = _skip(raw, 0)
    while True:
        char = _char(raw, at)
        if char == 0x7B:  # {
            at = _skip(raw, at + 1)
            if _char(raw, at) != 0x7D:
                stack.append(0x7D)
                at = _key(raw, at)
                continue
            at += 1
        elif char == 0x5B:  # [
            at = _skip(raw, at + 1)
            if _char(raw, at) != 0x5D:
                stack.append(0x5D)
                continue
            at += 1
        else:
            at = _scalar(raw, at, char)
        while stack:
            at = _skip(raw, at)
            char = _char(raw, at)
            if char == 0x2C:  # ,
                at = _skip(raw, at + 1)
                if stack[-1] == 0x7D:
                    at = _key(raw, at)
                break
            if char != stack[-1]:
                raise _bad(raw, at, "after object key:value pair" if stack[-1] == 0x7D else "after array element")
            stack.pop()
            at += 1
        if not stack:
            return at


def _key(raw: bytes, at: int) -> int:
    if _char(raw, at) != 0x22:
        raise _bad(raw, at, "looking for beginning of object key string")
    at = _skip(raw, _string(raw, at))
    if _char(raw, at) != 0x3A:
        raise _bad(raw, at, "after object key")
    return _skip(raw, at + 1)


def _scalar(raw: bytes, at: int, char: int) -> int:
    if char == 0x22:
        return _string(raw, at)
    if char in _LITERALS:
        return _literal(raw, at, _LITERALS[char])
    if char == 0x2D or 0x30 <= char <= 0x39:
        return _number(raw, at)
    raise _bad(raw, at, "looking for beginning of value")


def _string(raw: bytes, at: int) -> int:
    at += 1
    while True:
        match = _STRING.match(raw, at)
        at = match.end() if match else at
        char = _char(raw, at)
        if char == 0x22:
            return at + 1
        if char != 0x5C:
            raise _bad(raw, at, "in string")
        char = _char(raw, at + 1)
        if char == 0x75:  # u
            digits = raw[at + 2 : at + 6]
            if not all(digit in b"0123456789abcdefABCDEF" for digit in digits):
                raise _bad_escape(raw[at : at + 6])
            if len(digits) < 4:
                raise _Wrong(END)
            at += 6
        elif chr(char) in '"\\/bfnrt':
            at += 2
        else:
            raise _bad_escape(raw[at : at + 2])


def _bad_escape(sequence: bytes) -> _Wrong:
    text = sequence.decode("utf-8", "replace")
    shown = f"`{text}`" if text.isprintable() and not set(text) & set("` \ufffd") else go_quote(text)
    return _Wrong(f"invalid escape sequence {shown} in string")


def _literal(raw: bytes, at: int, word: bytes) -> int:
    for i in range(1, len(word)):
        if _char(raw, at + i) != word[i]:
            raise _bad(raw, at + i, f"in literal {word.decode()} (expecting {quote(word, i)})")
    return at + len(word)


def _number(raw: bytes, at: int) -> int:
    match = _NUMBER.match(raw, at)
    if match is None:  # a minus sign and no digit
        raise _bad(raw, at + 1, "in numeric literal")
    end = match.end()
    if end < len(raw) and raw[end] == 0x2E and b"." not in match.group():
        raise _bad(raw, end + 1, "in numeric literal")
    if end < len(raw) and raw[end] in b"eE" and b"e" not in match.group().lower():
        signed = end + 1 < len(raw) and raw[end + 1] in b"+-"
        raise _bad(raw, end + (2 if signed else 1), "in numeric literal")
    return end


def _skip(raw: bytes, at: int) -> int:
    while at < len(raw) and raw[at] in _SPACE:
        at += 1
    return at


def _char(raw: bytes, at: int) -> int:
    if at >= len(raw):
        raise _Wrong(END)
    return raw[at]


def _bad(raw: bytes, at: int, where: str) -> _Wrong:
    return _Wrong(END if at >= len(raw) else f"invalid character {quote(raw, at)} {where}")


def quote(raw: bytes, at: int) -> str:
    """The character at `at` as Go writes a rune: 'x', '\\n', '\\x81'."""
    for size in range(1, 5):
        try:
            char = raw[at : at + size].decode()
        except UnicodeDecodeError:
            continue
        named = {
            "'": "\\'",
            "\\": "\\\\",
            "\n": "\\n",
            "\r": "\\r",
            "\t": "\\t",
            "\b": "\\b",
            "\f": "\\f",
            "\a": "\\a",
            "\v": "\\v",
        }.get(char)
        if named:
            return f"'{named}'"
        return (
            f"'{char}'"
            if char.isprintable()
            else f"'\\x{ord(char):02x}'"
            if ord(char) < 0x80
            else f"'\\u{ord(char):04x}'"
        )
    return f"'\\x{raw[at]:02x}'"
