"""etcdctl, etcd's own command line, on a store of this process and on a real etcd, for the notebook on the store.

Where the programs or gRPC are missing, both shells show what was recorded.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import tempfile
import threading
from typing import TYPE_CHECKING

from controlplane.clock import WallLoop
from controlplane.view.shell import Shell

if TYPE_CHECKING:
    from controlplane.etcd.mvcc import Store

ENDPOINTS = "ETCDCTL_ENDPOINTS"


def ours(store: Store) -> Shell:
    """A shell whose etcdctl speaks to `store`, which a thread serves until the process ends."""
    shell = Shell("01-etcd-ours", "etcdctl", "etcd")
    shell.here = shell.here and all(importlib.util.find_spec(name) for name in ("grpc", "aetcd"))
    if shell.here:
        shell.environment[ENDPOINTS] = _serve(store)
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


def _serve(store: Store) -> str:
    from controlplane.etcd.grpc_server import EtcdServer

    ready = threading.Event()
    address: list[str] = []

    async def serve() -> None:
        address.append(f"127.0.0.1:{await EtcdServer(store, WallLoop()).start()}")
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    if not ready.wait(10):
        raise RuntimeError("the store is not served")
    return address[0]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
