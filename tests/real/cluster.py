"""A cluster of real processes, and what one can see of it from outside."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from controlplane.cluster import Cluster
from controlplane.conditions import nodes_ready


@contextmanager
def real_cluster(nodes: int = 1, **options: Any) -> Iterator[Cluster]:
    """A cluster whose Pods are processes, with its nodes ready."""
    cluster = Cluster(nodes, runtime="process", clock="wall", **options)
    try:
        cluster.run_until(nodes_ready(nodes), timeout="20s")
        yield cluster
    finally:
        cluster.stop()


def pod(name: str, image: str = "app:v1", **container: Any) -> dict[str, Any]:
    """A Pod of one container; `spec` are fields of the Pod's."""
    spec = container.pop("spec", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": image, **container}], **spec},
    }


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def main_status(cluster: Cluster, name: str) -> dict[str, Any]:
    """The status of a Pod's only container."""
    statuses = cluster.client.get("pods", name)["status"].get("containerStatuses") or [{}]
    status: dict[str, Any] = statuses[0]
    return status


def processes(mark: str) -> list[int]:
    """Those whose environment or command line has `mark` in it."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/environ", "rb") as environ, open(f"/proc/{number}/cmdline", "rb") as command:
                if mark.encode() in environ.read() + b"\0" + command.read():
                    found.append(int(number))
        except OSError:
            continue
    return found


def wait(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Look again and again until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
