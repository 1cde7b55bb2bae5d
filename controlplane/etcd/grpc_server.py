"""Our store behind etcd's gRPC API, for etcdctl and every other client of etcd (etcd: server/etcdserver/api/v3rpc).

    server = EtcdServer(Store(loop), loop)
    port = await server.start("127.0.0.1:2379")

*Note*: one member without authentication or TLS; the port answers gRPC only, not etcd's HTTP `/metrics` and `/health`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
from aetcd.rpc import rpc_pb2, rpc_pb2_grpc

from controlplane.clock import Loop, WallLoop
from controlplane.etcd import grpc_wire as wire
from controlplane.etcd.api import MAX_REQUEST_BYTES, EtcdError, LeaseNotFound
from controlplane.etcd.durable import DurableStore
from controlplane.etcd.grpc_maintenance import Cluster, Maintenance
from controlplane.etcd.grpc_watch import Watch
from controlplane.etcd.mvcc import Store

TICK = 0.05  # seconds between looks at the loop's timers, which end leases
CLUSTER_ID, MEMBER_ID = 0xCDF818194E3A8C32, 0x8E9E05C52164694D  # as a single etcd with its default name has them
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES + 512 * 1024),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    ("grpc.keepalive_permit_without_calls", 1),
]


class EtcdServer:
    """Serves `store`, and drives `loop`, on which its leases run out."""

    def __init__(self, store: Store, loop: Loop) -> None:
        self.store = store
        self.loop = loop
        self.address = ""
        self._server: Any = None
        self._durable = isinstance(store, DurableStore)
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    async def start(self, address: str = "127.0.0.1:0") -> int:
        """Listen; returns the port.  OSError if the address is taken."""
        self._server = grpc.aio.server(options=OPTIONS)
        rpc_pb2_grpc.add_KVServicer_to_server(KV(self), self._server)
        rpc_pb2_grpc.add_LeaseServicer_to_server(Lease(self), self._server)
        rpc_pb2_grpc.add_WatchServicer_to_server(Watch(self), self._server)
        rpc_pb2_grpc.add_MaintenanceServicer_to_server(Maintenance(self), self._server)
        rpc_pb2_grpc.add_ClusterServicer_to_server(Cluster(self), self._server)
        try:
            port: int = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from None
        self.address = f"{address.rpartition(':')[0]}:{port}"
        await self._server.start()
        self._tasks.append(asyncio.create_task(self._tick()))
        return port

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._server.stop(0)

    async def _tick(self) -> None:
        while True:
            self.loop.run_ready()
            await asyncio.sleep(TICK)

    def header(self, revision: int | None = None) -> Any:
        return rpc_pb2.ResponseHeader(
            cluster_id=CLUSTER_ID,
            member_id=MEMBER_ID,
            revision=self.store.revision if revision is None else revision,
            raft_term=2,
        )

    async def answer(self, context: Any, work: Callable[[], Any]) -> Any:
        """What `work` makes of the store, once it is on disk; or the error, with the code that etcd gives it.

        All that comes in one turn of asyncio's loop shares one fsync.
        """
        try:
            if not self._durable:
                return work()
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            if not self._waiting:
                asyncio.get_running_loop().call_soon(self._run_all)
            self._waiting.append((work, future))
            return await future
        except EtcdError as error:
            await context.abort(grpc.StatusCode[wire.CODES.get(type(error), "INVALID_ARGUMENT")], str(error))

    def _run_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        done: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            with self.store.batch():
                for work, future in waiting:
                    try:
                        done.append((future, work()))
                    except EtcdError as error:
                        done.append((future, error))
        except EtcdError as error:  # the disk failed: none of it is done
            done = [(future, error) for _, future in waiting]
        for future, result in done:
            if future.cancelled():
                continue
            if isinstance(result, EtcdError):
                future.set_exception(result)
            else:
                future.set_result(result)


def serve(address: str = "127.0.0.1:2379", folder: Path | None = None, *, fsync: bool = True) -> None:
    """Run an etcd of ours until SIGINT or SIGTERM, with its data in a folder, or in memory; says where it listens."""

    async def main() -> None:
        loop, stop = WallLoop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        store = DurableStore(folder, loop, fsync=fsync) if folder is not None else Store(loop)
        server = EtcdServer(store, loop)
        await server.start(address)
        print(f"ready {server.address}", flush=True)
        await stop.wait()
        await server.stop()

    asyncio.run(main())


class KV(rpc_pb2_grpc.KVServicer):  # type: ignore[misc]
    def __init__(self, server: EtcdServer) -> None:
        self.server = server
        self.store = server.store

    async def Range(self, request: Any, context: Any) -> Any:
        return await self.server.answer(
            context, lambda: wire.range_answer(self.server.header(), self.store.query(wire.range_in(request)))
        )

    async def Put(self, request: Any, context: Any) -> Any:
        def put() -> Any:
            prev = self.store.txn((), (wire.put_in(request),)).responses[0]
            answer = rpc_pb2.PutResponse(header=self.server.header())
            if request.prev_kv and prev is not None:
                answer.prev_kv.CopyFrom(wire.kv_out(prev))  # type: ignore[arg-type]
            return answer

        return await self.server.answer(context, put)

    async def DeleteRange(self, request: Any, context: Any) -> Any:
        def delete() -> Any:
            op = wire.delete_in(request)
            gone = self.store.delete_range(op.key, op.end)
            prev = [wire.kv_out(kv) for kv in gone] if request.prev_kv else []
            return rpc_pb2.DeleteRangeResponse(header=self.server.header(), deleted=len(gone), prev_kvs=prev)

        return await self.server.answer(context, delete)

    async def Txn(self, request: Any, context: Any) -> Any:
        def txn() -> Any:
            asked = wire.txn_in(request)
            result = self.store.txn(asked.compare, asked.success, asked.failure)
            return wire.txn_answer(self.server.header(), request, result)

        return await self.server.answer(context, txn)

    async def Compact(self, request: Any, context: Any) -> Any:
        def compact() -> Any:
            self.store.compact(request.revision)
            return rpc_pb2.CompactionResponse(header=self.server.header())

        return await self.server.answer(context, compact)


class Lease(rpc_pb2_grpc.LeaseServicer):  # type: ignore[misc]
    def __init__(self, server: EtcdServer) -> None:
        self.server = server
        self.store = server.store

    async def LeaseGrant(self, request: Any, context: Any) -> Any:
        def grant() -> Any:
            id = self.store.grant(request.TTL, request.ID)
            granted = self.store.leases.find(id).ttl
            return rpc_pb2.LeaseGrantResponse(header=self.server.header(), ID=id, TTL=granted)

        return await self.server.answer(context, grant)

    async def LeaseRevoke(self, request: Any, context: Any) -> Any:
        def revoke() -> Any:
            self.store.revoke(request.ID)
            return rpc_pb2.LeaseRevokeResponse(header=self.server.header())

        return await self.server.answer(context, revoke)

    async def LeaseKeepAlive(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            try:
                ttl = self.store.keep_alive(request.ID)
            except LeaseNotFound:
                ttl = 0
            yield rpc_pb2.LeaseKeepAliveResponse(header=self.server.header(), ID=request.ID, TTL=ttl)

    async def LeaseTimeToLive(self, request: Any, context: Any) -> Any:
        state = self.store.lease_state(request.ID)
        return rpc_pb2.LeaseTimeToLiveResponse(
            header=self.server.header(),
            ID=request.ID,
            TTL=state.ttl,
            grantedTTL=state.granted,
            keys=state.keys if request.keys else [],
        )

    async def LeaseLeases(self, request: Any, context: Any) -> Any:
        leases = [rpc_pb2.LeaseStatus(ID=id) for id in self.store.leases.leases]
        return rpc_pb2.LeaseLeasesResponse(header=self.server.header(), leases=leases)
