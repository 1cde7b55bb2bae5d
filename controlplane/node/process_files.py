"""What a container has on disk: a folder of its own, the Pod's volumes in it, and its log."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from controlplane.node.runtime import Failure, Obj, Volumes


class PodFiles:
    """The folder of one Pod: `volumes/NAME`, `containers/NAME`, and `logs/NAME/ATTEMPT.log`."""

    def __init__(self, root: Path, pod_uid: str) -> None:
        self.root = root / "pods" / pod_uid

    def lay_out(self, pod: Obj, volumes: Volumes) -> None:
        """Write the volumes that came with the Pod; those without contents are empty folders."""
        for entry in pod["spec"].get("volumes") or ():
            folder = self.root / "volumes" / entry["name"]
            folder.mkdir(parents=True, exist_ok=True)
            for path, content in (volumes.get(entry["name"]) or {}).items():
                file = folder / path
                if not file.resolve().is_relative_to(folder.resolve()):
                    continue  # the API server refuses such paths; nothing is written outside anyway
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch(0o600)
                file.write_bytes(content)

    def container(self, spec: Obj) -> Path | Failure:
        """The container's own folder, new, with a link for every mount.

        *Note*: it is where the container starts, not its root: a mount at /etc/app is etc/app from there.
        """
        folder: Path = self.root / "containers" / spec["name"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mounts = sorted(spec.get("volumeMounts") or (), key=lambda mount: len(mount["mountPath"]))
        for mount in mounts:
            link = folder / mount["mountPath"].strip("/")
            source = self.root / "volumes" / mount["name"] / (mount.get("subPath") or "")
            if not source.exists():
                source.mkdir(parents=True)
            try:
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(source)
            except OSError as error:
                return Failure("CreateContainerError", f"failed to mount {mount['mountPath']}: {error.strerror}")
        return folder

    def log(self, name: str, attempt: int) -> Path:
        """Where the container's output goes."""
        path = self.root / "logs" / name / f"{attempt}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def remove_log(self, name: str, attempt: int) -> None:
        for suffix in ("log", "log.1"):
            (self.root / "logs" / name / f"{attempt}.{suffix}").unlink(missing_ok=True)

    def remove_data(self) -> None:
        """The Pod has ended: only its logs stay."""
        for name in ("volumes", "containers"):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def read_log(path: Path) -> list[tuple[float, str]]:
    """(time, line) of a log and of the file it was rotated to."""
    data = b""
    for file in (path.with_name(path.name + ".1"), path):
        with contextlib.suppress(OSError):
            data += file.read_bytes()
    lines = []
    for line in data.decode(errors="replace").split("\n")[:-1]:
        at, _, text = line.partition(" ")
        with contextlib.suppress(ValueError):
            lines.append((float(at), text))
    return lines
