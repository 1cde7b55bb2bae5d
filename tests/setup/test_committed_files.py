"""What is in the repository, and what must not be."""

import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOP = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "binder",
    "controlplane",
    "docs",
    "environment.yml",
    "labs",
    "nbgrader_config.py",
    "notebooks",
    "pyproject.toml",
    "requirements.lock",
    "solutions",
    "tests",
}

# Set-up finds its registries in the user's configuration; and no path of the machine where something was written.
PLACES = re.compile(
    r"https?://[^\s\"')]*(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|conda\.anaconda\.org)"
    r"|(?<![\w.~-])/(?:home|Users|root|work)/[\w.]"
)


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_top_level_holds_nothing_else() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in committed()} <= TOP


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in committed():
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in PLACES.finditer(text)]
    assert found == []


def test_npm_is_pinned_by_content() -> None:
    lock = json.loads((ROOT / "tests" / "portable" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages.values())


def test_scripts_can_be_executed() -> None:
    for name in [".ci/run", ".ci/setup", "binder/postBuild", "binder/start"]:
        assert os.access(ROOT / name, os.X_OK), name
        subprocess.run(["bash", "-n", name], cwd=ROOT, check=True)
