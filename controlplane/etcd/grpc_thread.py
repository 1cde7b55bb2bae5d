"""A store of this process, served to etcdctl from a thread until the process ends: for notebooks and quick looks."""

from __future__ import annotations

import asyncio
import threading

from controlplane.clock import WallLoop
from controlplane.etcd.mvcc import Store


def serve() -> str:
    """Serve a new, empty store; returns its address.  ImportError if gRPC is missing."""
    from controlplane.etcd.grpc_server import EtcdServer

    loop = WallLoop()
    server = EtcdServer(Store(loop), loop)
    ready = threading.Event()

    async def run() -> None:
        await server.start()
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    if not ready.wait(10):
        raise RuntimeError("the store is not served")
    return server.address
