"""pyproject.toml, the two environment.yml and the two lock files describe one environment."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONDA_NAMES = {"kubernetes": "python-kubernetes"}
CONDA_ONLY = {"pip"}


def conda(path: str) -> dict[str, Any]:
    environment: dict[str, Any] = yaml.safe_load((ROOT / path).read_text())
    return environment


def pinned(path: str) -> dict[str, Version]:
    """Name to version; the lowest, where a lock file has one for each of several Pythons."""
    found: dict[str, Version] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / path).read_text(), re.MULTILINE):
        found[name] = min(Version(version), found.get(name, Version(version)))
    return found


def requirements(lines: list[str]) -> dict[str, Requirement]:
    return {requirement.name.lower(): requirement for requirement in map(Requirement, lines)}


def test_conda_gets_the_same_lower_bounds() -> None:
    wanted = {"python": PROJECT["project"]["requires-python"]}
    for name, requirement in requirements(
        PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]
    ).items():
        wanted[CONDA_NAMES.get(name, name)] = str(requirement.specifier)
    lines = [line for line in conda("environment.yml")["dependencies"] if isinstance(line, str)]
    given = {name: str(requirement.specifier) for name, requirement in requirements(lines).items()}
    assert {name: bound for name, bound in given.items() if name not in CONDA_ONLY} == wanted


def test_conda_installs_the_package_itself_and_nothing_else_by_pip() -> None:
    [pip] = [entry["pip"] for entry in conda("environment.yml")["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-e ."]


def test_binder_gets_what_conda_gets_less_the_package_itself() -> None:
    root, binder = conda("environment.yml"), conda("binder/environment.yml")
    bound, *root["dependencies"] = [entry for entry in root["dependencies"] if isinstance(entry, str)]
    python, *binder["dependencies"] = binder["dependencies"]
    assert binder == root
    [version] = re.findall(r"^python=(3\.\d+)$", python)  # the only form that repo2docker understands
    assert Requirement(bound).specifier.contains(version)


@pytest.mark.parametrize("path", ["environment.yml", "binder/environment.yml"])
def test_channel(path: str) -> None:
    assert conda(path)["channels"] == ["conda-forge"]


def test_the_locks_hold_what_the_project_asks_for() -> None:
    core = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]
    tests = core + PROJECT["project"]["optional-dependencies"]["test"]
    for path, lines in [("requirements.lock", core), ("tests/requirements.lock", tests)]:
        lock = pinned(path)
        for name, requirement in requirements(lines).items():
            assert requirement.specifier.contains(lock[name]), f"{path}: {name} {lock[name]}; run `make lock`"


def test_tests_run_on_the_versions_that_learners_get() -> None:
    lab, test = pinned("requirements.lock"), pinned("tests/requirements.lock")
    assert lab.items() <= test.items()


@pytest.mark.parametrize("path", ["requirements.lock", "tests/requirements.lock"])
def test_every_pin_has_its_hashes(path: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / path).read_text().strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==", entry) and "--hash=sha256:" in entry, entry
