"""`.ci/setup`: what it does the first and the second time, and what it says where something is missing.

It runs in a copy, against a uv that only notes what it is asked to do, or with no way to the network.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FAKE_UV = f"""#!/bin/sh
echo "$*" >>"$UV_CALLS"
[ "$1" = venv ] && mkdir -p .venv/bin && ln -s "{sys.executable}" .venv/bin/python
exit 0
"""


class Copy:
    """A copy of the repository's set-up, with a PATH that holds nothing but what the script may count on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "course"
        self.calls = folder / "calls"
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.folder.mkdir()
        for name in [".ci/setup", "binder/overrides.json", "pyproject.toml", "requirements.lock"]:
            (self.folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        for program in ["bash", "cat", "cksum", "cp", "dirname", "id", "ln", "mkdir", "rm"]:
            self.program(program, f'#!/bin/sh\nexec {shutil.which(program)} "$@"\n')

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def setup(self, **environment: str) -> subprocess.CompletedProcess[str]:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
        env = {**keep, "PATH": str(self.bin), "UV_CALLS": str(self.calls), "PYTHON": sys.executable, **environment}
        return subprocess.run([".ci/setup", "lab"], cwd=self.folder, env=env, capture_output=True, text=True)

    def new_calls(self) -> list[str]:
        """The first words of what uv was asked for since the last call."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return [
            " ".join(call.split()[:2]) if call.startswith("pip") else call.split()[0]
            for call in calls
            if call[0] != "-"
        ]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_the_second_time_there_is_nothing_to_do(copy: Copy) -> None:
    copy.program("uv", FAKE_UV)
    assert copy.setup().returncode == 0
    assert copy.new_calls() == ["venv", "pip install", "pip install"]
    again = copy.setup()
    assert (again.returncode, again.stdout, again.stderr, copy.new_calls()) == (0, "", "", [])


def test_a_new_lock_file_is_installed_into_the_same_environment(copy: Copy) -> None:
    copy.program("uv", FAKE_UV)
    copy.setup()
    copy.new_calls()
    with (copy.folder / "requirements.lock").open("a") as lock:
        lock.write("\n")
    assert copy.setup().returncode == 0
    assert copy.new_calls() == ["pip install", "pip install"]


def test_a_moved_folder_gets_its_environment_again(copy: Copy) -> None:
    copy.program("uv", FAKE_UV)
    copy.setup()
    copy.new_calls()
    copy.folder = copy.folder.rename(copy.folder.with_name("moved"))
    assert copy.setup().returncode == 0
    assert copy.new_calls() == ["pip install", "pip install"]


def test_no_python(copy: Copy) -> None:
    copy.program("uv", FAKE_UV)
    copy.program("python3", "#!/bin/sh\nexit 1\n")  # what a Python 3.10 answers to the question
    done = copy.setup(PYTHON="")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("controlplane: Python 3.11 or newer is missing")


def test_no_network(copy: Copy) -> None:
    copy.program("uv", FAKE_UV.replace("exit 0", 'if [ "$1" = pip ]; then exit 2; fi'))
    done = copy.setup()
    assert done.returncode == 1
    [_, line] = done.stderr.splitlines()  # the first says that the packages are being installed
    assert line.startswith("controlplane: the packages of requirements.lock could not be fetched: is there a network?")
    copy.program("uv", FAKE_UV)
    assert copy.setup().returncode == 0, "a set-up that failed can be repeated"
    assert "pip install" in copy.new_calls()


def test_no_uv_and_no_network(copy: Copy) -> None:
    done = copy.setup(PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    assert done.returncode == 1
    [_, line] = done.stderr.splitlines()
    assert line.startswith("controlplane: uv could not be fetched: is there a network?")


def test_no_pip_and_no_root(copy: Copy) -> None:
    copy.program("id", "#!/bin/sh\necho 1000\n")
    refuses_modules = f'#!/bin/sh\n[ "$1" = -m ] && exit 1\n[ "$1" = -c ] && exec {sys.executable} "$@"\n'
    copy.program(
        "python3", refuses_modules.replace("exec", 'case "$2" in *executable*) echo python3; exit;; esac; exec')
    )
    done = copy.setup(PYTHON="python3")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("controlplane: python3-venv is missing")
