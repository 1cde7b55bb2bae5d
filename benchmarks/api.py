"""The API over HTTPS: how many requests a second, how late the slowest are, and how fast watchers hear of changes.

    python -m benchmarks api [--server URL --token T] [--seconds S]

With `--server` it asks a server that runs already, a real kube-apiserver for one; otherwise it starts
`controlplane up --parts apiserver` in a process of its own.  "Times" compares with a kube-apiserver 1.36 with etcd on a
machine of two cores: 1,050 GETs and 450 creations a second, with 8 connections, client and server together.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.table import Row, show

CONNECTIONS = 8
WATCHERS, CHANGES = 100, 1_000  # a second
REAL_GETS, REAL_CREATES = 1_050, 450  # a second


class Wire:
    """One connection that asks one thing at a time, and never blocks: enough HTTP/1.1 for what an API server says."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.set_alpn_protocols(["http/1.1"])
        plain = socket.create_connection((parts.hostname, parts.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(plain, server_hostname=parts.hostname)
        self.socket.setblocking(False)
        self.data = bytearray()
        self.sent = 0.0

    def send(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> bytes:
        """What has come."""
        try:
            data = self.socket.recv(262_144)
            while self.socket.pending():
                data += self.socket.recv(262_144)
            return data
        except ssl.SSLWantReadError:
            return b""

    def receive(self) -> int:
        """The status of the answer, once it is there as a whole; 0 until then."""
        self.data += self.read()
        head = self.data.find(b"\r\n\r\n")
        if head < 0:
            return 0
        at = self.data[:head].lower().find(b"content-length:")
        if at >= 0:
            length = int(self.data[at + 15 : self.data.index(b"\r", at)])
            if len(self.data) < head + 4 + length:
                return 0
        elif not self.data.endswith(b"0\r\n\r\n"):  # chunked
            return 0
        status = int(self.data[9:12])
        self.data.clear()
        return status


class Result(NamedTuple):
    """`rate` in requests a second, `p99` in milliseconds."""

    rate: float
    p99: float


class Load:
    """Requests to one server."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n"
        self.space = "bench-" + uuid.uuid4().hex[:8]

    def request(self, method: str, path: str, body: object = None, form: str = "json") -> bytes:
        data = json.dumps(body).encode() if body is not None else b""
        more = f"Content-Type: application/{form}\r\nContent-Length: {len(data)}\r\n" if data else ""
        return f"{method} {path} HTTP/1.1\r\n{self._head}{more}\r\n".encode() + data

    def once(self, method: str, path: str, body: object = None) -> None:
        wire = Wire(self.url)
        wire.send(self.request(method, path, body))
        with selectors.DefaultSelector() as selector:
            selector.register(wire.socket, selectors.EVENT_READ)
            while not (status := wire.receive()):
                selector.select(10)
        wire.socket.close()
        if status >= 300:
            raise SystemExit(f"{method} {path} was answered with {status}")

    def run(self, make: Callable[[], bytes], seconds: float) -> Result:
        """Keep all connections busy for a while."""
        latencies = []
        with selectors.DefaultSelector() as selector:
            wires = [Wire(self.url) for _ in range(CONNECTIONS)]
            for wire in wires:
                selector.register(wire.socket, selectors.EVENT_READ, wire)
                wire.send(make())
            began = time.perf_counter()
            while (now := time.perf_counter()) - began < seconds:
                for key, _ in selector.select(1):
                    wire = key.data
                    if status := wire.receive():
                        if status >= 300:
                            raise SystemExit(f"a request was answered with {status}")
                        latencies.append(time.perf_counter() - wire.sent)
                        wire.send(make())
            for wire in wires:
                wire.socket.close()
        latencies.sort()
        return Result(len(latencies) / (now - began), latencies[len(latencies) * 99 // 100] * 1000)

    def watchers(self, seconds: float) -> tuple[float, float]:
        """(changes a second that were made, share of them that every watcher heard in the same time)."""
        path = f"/api/v1/namespaces/{self.space}/configmaps"
        began_at = self.request("GET", f"{path}?watch=1&fieldSelector=metadata.name=changing")
        self.once("POST", path, config_map("changing"))
        heard = [0] * WATCHERS
        with selectors.DefaultSelector() as selector:
            watching = [Wire(self.url) for _ in range(WATCHERS)]
            for i, wire in enumerate(watching):
                wire.socket.sendall(began_at)
                selector.register(wire.socket, selectors.EVENT_READ, i)
            writing = [Wire(self.url) for _ in range(4)]
            for wire in writing:
                selector.register(wire.socket, selectors.EVENT_READ, wire)
            made, asked, began = 0, 0, time.perf_counter()
            idle = list(writing)
            while (elapsed := time.perf_counter() - began) < seconds:
                while idle and asked < elapsed * CHANGES:
                    asked += 1
                    patch = self.request("PATCH", f"{path}/changing", {"data": {"n": str(asked)}}, "merge-patch+json")
                    idle.pop().send(patch)
                for key, _ in selector.select(0.001):
                    if isinstance(key.data, Wire):
                        if key.data.receive():
                            made += 1
                            idle.append(key.data)
                    else:
                        heard[key.data] += _count(watching[key.data])
            for wire in (*watching, *writing):
                wire.socket.close()
        return made / elapsed, (min(heard) - 1) / max(made, 1)


def _count(wire: Wire) -> int:
    """How many events have come."""
    data = wire.read()
    return data.count(b'"type":"MODIFIED"') + data.count(b'"type":"ADDED"')


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": "value"}}


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "one", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "nginx:1", "ports": [{"containerPort": 80}]}]},
}


@contextmanager
def own_server() -> Iterator[tuple[str, str]]:
    """(URL, token) of a server of our own."""
    token = uuid.uuid4().hex
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from controlplane.cli import main; main()", "up", "--parts", "apiserver"]
        command += ["--token", token, "--kubeconfig", str(Path(folder) / "kubeconfig")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().split()[1], token
            finally:
                process.terminate()


def measure(url: str, token: str, seconds: float) -> None:
    load = Load(url, token)
    load.once("POST", "/api/v1/namespaces", {"metadata": {"name": load.space}})
    load.once("POST", f"/api/v1/namespaces/{load.space}/serviceaccounts", {"metadata": {"name": "default"}})
    pods = f"/api/v1/namespaces/{load.space}/pods"
    load.once("POST", pods, POD)
    get = load.request("GET", f"{pods}/one")
    gets = load.run(lambda: get, seconds)
    numbers = iter(range(10**9))
    maps = f"/api/v1/namespaces/{load.space}/configmaps"
    creates = load.run(lambda: load.request("POST", maps, config_map(f"c-{next(numbers)}")), seconds)
    changes, share = load.watchers(seconds)
    load.once("DELETE", f"/api/v1/namespaces/{load.space}")
    heard = f"{changes * share:,.0f}/s each"
    show(
        f"The API over HTTPS, {CONNECTIONS} connections",
        [
            Row(
                "GET of one Pod",
                f"{gets.rate:,.0f}/s, {gets.rate / REAL_GETS:.1f} times",
                f"≥ {3 * REAL_GETS:,}/s, 3 times",
            ),
            Row("  99th percentile", f"{gets.p99:.1f} ms"),
            Row(
                "creation of ConfigMaps",
                f"{creates.rate:,.0f}/s, {creates.rate / REAL_CREATES:.1f} times",
                f"≥ {3 * REAL_CREATES:,}/s, 3 times",
            ),
            Row("  99th percentile", f"{creates.p99:.1f} ms"),
            Row(f"changes that {WATCHERS} watchers hear", heard, f"{CHANGES:,}/s each"),
        ],
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="URL of a server that runs already")
    parser.add_argument("--token", default="")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    options = parser.parse_args(arguments)
    if options.server:
        measure(options.server, options.token, options.seconds)
    else:
        with own_server() as (url, token):
            measure(url, token, options.seconds)
