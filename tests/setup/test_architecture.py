"""Rooms import only what the table in docs/architecture.md allows them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "controlplane"

# What each room may import besides itself.  The base knows nothing of the others, and all may know it.
BASE = {"clock", "labels", "manifests", "quantity"}
COMPONENT = {"client", *BASE}
ALL_PARTS = {"etcd", "apiserver", "controllers", "scheduler", "node", "traffic", *COMPONENT}
MAY_IMPORT = {
    **{room: set[str]() for room in BASE},
    "etcd": BASE,
    "apiserver": {"etcd", *BASE},
    "client": BASE,
    "controllers": COMPONENT,
    "scheduler": COMPONENT,
    "node": COMPONENT,
    "traffic": COMPONENT,
    "conditions": COMPONENT,
    "picture": {"conditions", *COMPONENT},
    "machine": ALL_PARTS,
    "real": {"node", "traffic", *COMPONENT},
    "cluster": {"conditions", "machine", "picture", "real", *ALL_PARTS},
    "live": {"cluster", "conditions", *COMPONENT},
    "view": {"cluster", "conditions", "picture", "scheduler", *COMPONENT},
    "demo": {"cluster", "conditions", "traffic", *COMPONENT},
}
EXCEPTIONS = {"client/local.py": {"apiserver"}, "cluster.py": {"view"}}  # a cluster shows itself, when asked to
EVERYTHING = {"grading", "cli", "__main__"}


def rooms_imported(path: Path) -> Iterator[str]:
    """The rooms that a file imports, wherever in it the import stands; less what it imports for its types only."""
    tree = ast.parse(path.read_text(), str(path))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    for_types = {node for block in blocks for statement in block.body for node in ast.walk(statement)}
    for node in ast.walk(tree):
        if node in for_types:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1 or path.name != "__init__.py", f"{path}: an import from above its room"
        yield from (name.split(".")[1] for name in names if name.startswith("controlplane."))


def files() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_order(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    room = relative.parts[0].removesuffix(".py")
    if room in EVERYTHING:
        return
    allowed = MAY_IMPORT[room] | EXCEPTIONS.get(relative.as_posix(), set()) | {room}
    assert set(rooms_imported(path)) <= allowed
