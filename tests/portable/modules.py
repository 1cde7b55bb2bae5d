"""Which modules are the portable core: all of the package, less what names a socket, a process or a screen."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "controlplane"

# The parts that need an operating system or a screen, by path inside the package (* stands for folders too).
NATIVE = ["cli.py", "__main__.py", "live/*", "view/*", "grading/*"]
NATIVE += ["apiserver/http*", "client/remote*", "etcd/grpc*", "node/process*", "node/apps/*", "real/*"]


def portable_files() -> list[Path]:
    """The core's files, as paths under the repository."""
    inside = [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))]
    portable = [path for path in inside if not any(fnmatch(path, pattern) for pattern in NATIVE)]
    return [Path(PACKAGE.name, path) for path in portable]


def portable_modules() -> list[str]:
    """The core's modules by dotted name."""
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in portable_files()]
