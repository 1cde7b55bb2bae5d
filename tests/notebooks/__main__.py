"""Executes notebooks again and writes their outputs: `python -m tests.notebooks [FILE ...]`, all of them by default."""

import sys
from pathlib import Path

import nbformat

from tests.notebooks.execution import executed, notebooks

for path in [Path(name) for name in sys.argv[1:]] or notebooks():
    print(path.name, flush=True)
    nbformat.write(executed(path), path)
