"""Which modules are the portable core: all of the package, less what names a socket, a process or a screen."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "controlplane"

# The parts that need an operating system, by path (glob) inside the package.
NATIVE = [
    "cli.py",
    "__main__.py",
    "live/**",
    "view/**",
    "grading/**",
    "apiserver/http*",
    "apiserver/http*/**",
    "client/remote*",
    "client/remote*/**",
    "etcd/grpc*",
    "etcd/grpc*/**",
    "node/process*",
    "node/process*/**",
]


def portable_files() -> list[Path]:
    """The core's files, as paths under the repository."""
    native = {path for pattern in NATIVE for path in PACKAGE.glob(pattern)}
    return sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py") if path not in native)


def portable_modules() -> list[str]:
    """The core's modules by dotted name."""
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in portable_files()]
