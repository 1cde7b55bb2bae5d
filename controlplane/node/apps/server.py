"""App, the HTTP server of the images `app:...`: says its version, Pod, node and how many requests it has answered.

It is a program of its own and uses the standard library alone.  `/healthz` and `/readyz` answer 200 as long as they
are not told otherwise.  A POST changes what it does:

| request | from now on |
| --- | --- |
| `POST /-/delay/0.5` | every answer takes half a second |
| `POST /-/status/500` | every answer but those of the two health paths has this status |
| `POST /-/healthy/false`, `POST /-/ready/false` | `/healthz` or `/readyz` answers 500 or 503 |
| `POST /-/memory/50` | it holds 50 MiB more |
| `POST /-/exit/3` | it ends with this code |

On SIGTERM it goes on taking requests for `--drain` seconds, because proxies hear of its end only a moment after it
does, then finishes what it has begun, and exits with 0.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn

MiB = 1 << 20


class Server(ThreadingMixIn, HTTPServer):
    """Answers each connection in a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], options: argparse.Namespace) -> None:
        self.options = options
        self.delay: float = options.delay
        self.status: int = options.status
        self.healthy = self.ready = True
        self.count = 0
        self.busy = 0
        self.lock = threading.Lock()
        self.draining = False
        self.held: list[bytes] = []
        self.pod = os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", "")
        self.node = os.environ.get("NODE_NAME", "")
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name, which http.server would wait for."""
        self.socket.setsockopt(6, 1, 1)  # TCP_NODELAY
        super(HTTPServer, self).server_bind()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.busy += 1
        try:
            self._skip_body()
            while server.options.hang:
                time.sleep(60)
            path = self.path.partition("?")[0]
            if path == "/healthz":
                self._answer(200 if server.healthy else 500, "ok\n" if server.healthy else "not healthy\n")
            elif path == "/readyz":
                self._answer(200 if server.ready else 503, "ok\n" if server.ready else "not ready\n")
            else:
                self._page()
        finally:
            with server.lock:
                server.busy -= 1

    do_HEAD = do_PUT = do_DELETE = do_GET

    def _page(self) -> None:
        server = self.server
        with server.lock:
            server.count += 1
            count = server.count
        if server.delay:
            time.sleep(server.delay)
        what = f"App {server.options.version}"
        where = f"Pod {server.pod}, node {server.node}, request {count}"
        self._answer(server.status, f"{what}, {where}\n" if server.status < 400 else f"{what} is broken\n")

    def do_POST(self) -> None:
        server = self.server
        _, sign, name, value = (*self.path.split("/"), "", "", "", "")[:4]
        if sign != "-":
            self.do_GET()
            return
        self._skip_body()
        try:
            if name == "delay":
                server.delay = float(value)
            elif name == "status":
                server.status = int(value)
            elif name in ("healthy", "ready"):
                setattr(server, name, value == "true")
            elif name == "memory":
                server.held.append(os.urandom(4096) * (int(value) * MiB // 4096))
            elif name == "exit":
                os._exit(int(value))
            else:
                raise ValueError(name)
        except ValueError:
            self._answer(404, "no such switch\n")
        else:
            self._answer(200, f"{name} is {value} now\n")

    def _skip_body(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, 1 << 16))):
            left -= len(piece)

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.server.draining:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("version")
    parser.add_argument("--boot", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--drain", type=float, default=float(os.environ.get("DRAIN", "5")))
    parser.add_argument("--leak", type=int, default=0)  # MiB a second
    parser.add_argument("--hang", action="store_true")
    parser.add_argument("--stubborn", action="store_true")
    options = parser.parse_args()
    asked = threading.Event()
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif options.drain > 0:
        signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    time.sleep(options.boot)
    address = os.environ.get("POD_IP") or "127.0.0.1", int(os.environ.get("PORT") or 8080)
    server = Server(address, options)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"App {options.version} listens on {address[0]}:{address[1]}", flush=True)
    while not asked.wait(1.0 if options.leak else None):
        server.held.append(os.urandom(4096) * (options.leak * MiB // 4096))
    print(f"asked to end: taking requests for {options.drain:g} s more", flush=True)
    server.draining = True
    time.sleep(options.drain)
    server.socket.close()
    while server.busy:
        time.sleep(0.01)
    print("all answered", flush=True)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
