"""etcd's Maintenance and Cluster services: status, size, snapshot, hash, and the one member there is."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
from aetcd.rpc import rpc_pb2, rpc_pb2_grpc

from controlplane.etcd.snapshot import content_hash, dump

if TYPE_CHECKING:
    from controlplane.etcd.grpc_server import EtcdServer

VERSION = "3.5.21"  # the API server of 1.36 asks for progress of watches if this is 3.5.13 or later
PAGE = 512  # bytes; a snapshot is whole pages and a SHA-256 after them
CHUNK = 64 * 1024  # bytes of a snapshot in one message


class Maintenance(rpc_pb2_grpc.MaintenanceServicer):  # type: ignore[misc]
    """*Note*: a snapshot holds our own format (`snapshot`), not a bbolt database: etcdutl can't restore it."""

    def __init__(self, server: EtcdServer) -> None:
        self.server = server
        self.store = server.store

    async def Status(self, request: Any, context: Any) -> Any:
        header = self.server.header()
        return rpc_pb2.StatusResponse(
            header=header,
            version=VERSION,
            dbSize=self.store.size(),
            dbSizeInUse=self.store.size_in_use(),
            leader=header.member_id,
            raftIndex=header.revision,
            raftAppliedIndex=header.revision,
            raftTerm=header.raft_term,
        )

    async def Alarm(self, request: Any, context: Any) -> Any:
        return rpc_pb2.AlarmResponse(header=self.server.header())

    async def Defragment(self, request: Any, context: Any) -> Any:
        self.store.defragment()
        return rpc_pb2.DefragmentResponse(header=self.server.header())

    async def Hash(self, request: Any, context: Any) -> Any:
        return rpc_pb2.HashResponse(header=self.server.header(), hash=content_hash(self.store))

    async def HashKV(self, request: Any, context: Any) -> Any:
        if request.revision > self.store.revision:
            await context.abort(
                grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"
            )
        return rpc_pb2.HashKVResponse(
            header=self.server.header(),
            hash=content_hash(self.store, request.revision),
            compact_revision=self.store.compact_revision,
        )

    async def Snapshot(self, request: Any, context: Any) -> AsyncIterator[Any]:
        content = dump(self.store)
        content += b"\n" * (-len(content) % PAGE)
        content += hashlib.sha256(content).digest()
        for start in range(0, len(content), CHUNK):
            blob = content[start : start + CHUNK]
            left = len(content) - start - len(blob)
            yield rpc_pb2.SnapshotResponse(header=self.server.header(), remaining_bytes=left, blob=blob)


class Cluster(rpc_pb2_grpc.ClusterServicer):  # type: ignore[misc]
    def __init__(self, server: EtcdServer) -> None:
        self.server = server

    async def MemberList(self, request: Any, context: Any) -> Any:
        header = self.server.header()
        url = f"http://{self.server.address}"
        member = rpc_pb2.Member(ID=header.member_id, name="default", peerURLs=[url], clientURLs=[url])
        return rpc_pb2.MemberListResponse(header=header, members=[member])
