"""The few commands that a simulated container understands: enough for Jobs, init containers, probes and hooks.

`sleep N`, `true`, `false`, `exit N`, `echo TEXT`, `cat FILE`, `test -f FILE`, `touch FILE`, `rm FILE`, `kill 1`, joined
by `;` or `&&`, alone or inside `sh -c "..."`.  *Note*: no variables, pipes, loops or redirections.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash")
COMMANDS = ("sleep", "true", ":", "false", "exit", "echo", "touch", "rm", "cat", "test", "kill")
UNITS = {"s": 1, "m": 60, "h": 3600}
FOREVER = 1e9  # seconds: longer than any cluster lives

Write = Callable[[str], None]


class Step(NamedTuple):
    """One simple command, and whether it runs only if what came before went well."""

    words: list[str]
    if_ok: bool


def parse(command: Sequence[str]) -> list[Step] | None:
    """The steps that a command consists of, or None if it is none that we understand."""
    tokens = list(command)
    if len(tokens) >= 3 and tokens[0] in SHELLS and tokens[1] in ("-c", "-ec"):
        lexer = shlex.shlex(tokens[2], posix=True, punctuation_chars=";&")
        lexer.whitespace_split = True
        try:
            tokens = list(lexer)
        except ValueError:  # a quote that is never closed
            return None
    steps: list[Step] = []
    words: list[str] = []
    if_ok = False
    for token in [*tokens, ";"]:
        if token not in (";", "&&"):
            words.append(token)
            continue
        if words:
            steps.append(Step(words, if_ok))
        words, if_ok = [], token == "&&"
    return steps if steps and all(_understood(step.words) for step in steps) else None


def _understood(words: list[str]) -> bool:
    name = words[0].rpartition("/")[2]
    if name == "sleep":
        return len(words) == 2 and seconds(words[1]) is not None
    if name == "exit":
        return len(words) == 1 or words[1].isdigit()
    return name in COMMANDS and (name not in ("touch", "rm", "cat", "test", "kill") or len(words) > 1)


def seconds(text: str) -> float | None:
    """What `sleep` makes of its argument: "30", "1.5", "2m", "infinity"."""
    if text == "infinity":
        return FOREVER
    unit = UNITS.get(text[-1:], 0)
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        return None


def run(steps: list[Step], files: dict[str, bytes], out: Write, err: Write) -> Generator[float, None, int]:
    """Run the steps: yields the seconds to wait before it goes on, and returns the exit code.

    `files` are the files that exist, path to content; the steps change them.  A `kill 1` ends in -15: signal 15 to
    the first process.
    """
    code = 0
    for words, if_ok in steps:
        if if_ok and code != 0:
            continue
        name, args = words[0].rpartition("/")[2], words[1:]
        code = 0
        if name == "sleep":
            yield seconds(args[0]) or 0.0
        elif name == "exit":
            return int(args[0]) if args else 0
        elif name == "echo":
            out(" ".join(args))
        elif name == "touch":
            for file in args:
                files.setdefault(file, b"")
        elif name == "rm":
            for file in args:
                files.pop(file, None)
        elif name == "false":
            code = 1
        elif name == "kill" and args[-1] == "1":
            return -15
        elif name == "test":
            code = int(args[-1] not in files)
        elif name == "cat":
            for file in args:
                if file in files:
                    out(files[file].decode(errors="replace").removesuffix("\n"))
                else:
                    err(f"cat: can't open '{file}': No such file or directory")
                    code = 1
    return code
