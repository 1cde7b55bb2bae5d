"""Runs the benchmarks: `python -m benchmarks` all of them, `python -m benchmarks cluster --small` one, with options."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks

HELPERS = {"__main__", "table"}


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in HELPERS)


def main() -> None:
    chosen = sys.argv[1:2] or names()
    for name in chosen:
        if name not in names():
            sys.exit(f"there is no benchmark {name!r}: there are {', '.join(names())}")
        importlib.import_module(f"benchmarks.{name}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
