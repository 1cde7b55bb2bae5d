"""etcdctl, etcd's own command line, on our store and on a real etcd, for the notebook on the store.

Where the programs or gRPC are missing, both shells show what was recorded.
"""

from __future__ import annotations

import importlib.util
import socket
import tempfile
from collections.abc import Callable

from controlplane.view.shell import Shell

ENDPOINTS = "ETCDCTL_ENDPOINTS"


def ours(serve: Callable[[], str]) -> Shell:
    """A shell whose etcdctl speaks to the store that `serve` starts to serve, at the address it returns."""
    shell = Shell("01-etcd-ours", "etcdctl", "etcd")
    shell.here = shell.here and all(importlib.util.find_spec(name) for name in ("grpc", "aetcd"))
    if shell.here:
        shell.environment[ENDPOINTS] = serve()
    return shell


def real() -> Shell:
    """A shell whose etcdctl speaks to a new etcd."""
    shell = Shell("01-etcd-real", "etcdctl", "etcd")
    if shell.here:
        folder = tempfile.TemporaryDirectory(prefix="etcd-")
        shell.keep = folder
        clients, peers = (f"http://127.0.0.1:{port}" for port in _free_ports(2))
        shell.environment[ENDPOINTS] = clients
        shell.start(
            f"etcd --data-dir {folder.name} --listen-client-urls {clients} --advertise-client-urls {clients} "
            f"--listen-peer-urls {peers} --initial-advertise-peer-urls {peers} --initial-cluster default={peers} "
            "--unsafe-no-fsync",
            until="ready to serve client requests",
        )
    return shell


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
