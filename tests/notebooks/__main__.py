"""Executes notebooks again and writes their outputs: `python -m tests.notebooks [FILE ...]`, all of them by default."""

import os
import sys
from pathlib import Path

import nbformat

from controlplane.view.shell import RECORD
from tests.notebooks.execution import executed, notebooks

os.environ[RECORD] = "1"  # what programs print is kept for readers who do not have them

for path in [Path(name) for name in sys.argv[1:]] or notebooks():
    print(path.name, flush=True)
    nbformat.write(executed(path), path)
