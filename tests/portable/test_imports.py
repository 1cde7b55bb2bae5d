"""The core imports the standard library only, and of that nothing with threads, sockets or processes."""

import json
import subprocess
import sys

import pytest

from tests.portable.modules import ROOT, portable_modules

FORBIDDEN = {
    "_multiprocessing",
    "_posixsubprocess",
    "_socket",
    "_ssl",
    "asyncio",
    "concurrent.futures",
    "ctypes",
    "multiprocessing",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
}

# Third-party modules that the core may use where they are installed: Pyodide ships each of them.
SHIPPED_BY_PYODIDE = {"_yaml", "orjson", "yaml"}

# Modules that cannot do without PyYAML.  No other module imports them before YAML is really to be read.
READS_YAML = {"controlplane.apiserver.yaml_reader"}

PROBE = """
import sys
before = set(sys.modules)
sys.path[:0] = [{root!r}]
import importlib
for name in {names!r}:
    importlib.import_module(name)
import json
files = {{name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if name not in before}}
print(json.dumps(files))
"""


def imported(names: list[str], *flags: str) -> dict[str, str]:
    """What a fresh interpreter has loaded after importing `names`: module name to file, "" for built-in ones."""
    probe = PROBE.format(root=str(ROOT), names=names)
    done = subprocess.run([sys.executable, "-I", *flags, "-c", probe], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    loaded: dict[str, str] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize("name", [name for name in portable_modules() if name not in READS_YAML])
def test_a_module_imports_with_the_standard_library_alone(name: str) -> None:
    loaded = imported([name], "-S")  # -S: no site-packages
    assert name in loaded
    assert not FORBIDDEN & loaded.keys(), f"{name} imports what a browser does not have"


def test_with_all_packages_installed_the_core_still_takes_only_what_pyodide_ships() -> None:
    loaded = imported(portable_modules())
    assert not FORBIDDEN & loaded.keys()
    outside = {name.partition(".")[0] for name, file in loaded.items() if "site-packages" in file}
    assert outside <= SHIPPED_BY_PYODIDE


def test_every_room_is_there() -> None:
    rooms = {"clock", "etcd", "apiserver", "client", "controllers", "scheduler", "node", "traffic", "cluster", "demo"}
    assert {f"controlplane.{room}" for room in rooms} <= set(portable_modules())
