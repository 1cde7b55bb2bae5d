"""Which store a cluster stands on: in memory, kept by several members, or an etcd somewhere else."""

from __future__ import annotations

from typing import Any

from controlplane.clock import Loop
from controlplane.etcd.api import EtcdStore
from controlplane.etcd.mvcc import Store
from controlplane.etcd.replicated import ReplicatedStore


def open_store(loop: Loop, store: EtcdStore | str | None = None, members: int = 1) -> Any:
    """`store` itself, the etcd at the address it gives, or a new one with so many members.

    ImportError with what to install if an address is given and gRPC is missing.
    """
    if store is not None and members != 1:
        raise ValueError("etcd_members is for a cluster that makes its store itself: leave out one of the two")
    if isinstance(store, str):
        try:
            from controlplane.etcd.grpc_store import GrpcStore
        except ImportError as error:
            raise ImportError(
                f"{error}: a real etcd needs grpcio and aetcd: pip install 'controlplane[etcd]'"
            ) from error
        return GrpcStore(store, loop)
    if store is not None:
        return store
    return Store(loop) if members == 1 else ReplicatedStore(members, loop)
