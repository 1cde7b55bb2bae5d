"""Our store behind its gRPC server, on asyncio in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.clock import WallLoop
from controlplane.etcd.grpc_server import EtcdServer
from controlplane.etcd.mvcc import Store


@contextmanager
def serving(store: Store, loop: WallLoop) -> Iterator[str]:
    """The address of a server that runs until the block ends."""
    ready = threading.Event()
    end = asyncio.Event()
    address: list[str] = []
    runner: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        server = EtcdServer(store, loop)
        address.append(f"127.0.0.1:{await server.start()}")
        runner.append(asyncio.get_running_loop())
        ready.set()
        await end.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield address[0]
    finally:
        runner[0].call_soon_threadsafe(end.set)
        thread.join(10)


@contextmanager
def our_etcd() -> Iterator[str]:
    loop = WallLoop()
    with serving(Store(loop), loop) as address:
        yield address
