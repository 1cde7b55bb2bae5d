"""Starting and stopping the HTTP front."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controlplane.apiserver.api import ADMIN
from controlplane.apiserver.http import kubeconfig as kubeconfigs
from controlplane.apiserver.http import tls
from controlplane.apiserver.http.app import App
from controlplane.apiserver.http.authentication import Authenticator, certificate_user
from controlplane.apiserver.http.driver import Driver
from controlplane.apiserver.http.signing import Signer
from controlplane.apiserver.server import ApiServer
from controlplane.clock import WallLoop

IDLE = 90  # seconds after which an idle connection is closed
GOODBYE = 1  # seconds that answers on their way get when the server stops
HEAD_LIMIT = 1 << 20  # bytes of a request's head; net/http's DefaultMaxHeaderBytes
BACKLOG = 2048


async def serve(
    server: ApiServer,
    loop: WallLoop,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str,
    kubeconfig: Path | None = None,
    stop: asyncio.Event,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until `stop` is set.  `ready(url)` is called once /readyz answers ok over the wire.

    `port` 0 picks a free one.  Raises OSError if the address is taken.  `kubeconfig` is written with mode 0600.
    """
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"[{reachable}]:{port}" if ":" in reachable else f"{reachable}:{port}"
    url = f"https://{address}"
    authority = tls.Authority()
    server.address = address
    driver = Driver(loop)
    authenticator = Authenticator(token, server.tokens.check)
    server.authenticators.insert(0, authenticator.token)
    server.tokens.key = secrets.token_bytes(32)  # the seed's own could be guessed
    app = App(server, authenticator, driver)
    front = _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            log_level="critical",  # what uvicorn would tell of malformed requests, it tells the client
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=GOODBYE,
            ssl_context_factory=lambda config, default: tls.context(authority, host),
        )
    )
    signer = Signer(server, authority)
    serving = asyncio.create_task(front.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await _until_ready(reachable, port, authority, serving)
        if kubeconfig is not None:
            pair = authority.client(ADMIN.name, ADMIN.groups[:1])
            kubeconfigs.write(kubeconfig, kubeconfigs.kubeconfig(url, authority.pem, token, pair))
        if ready is not None:
            ready(url)
        await asyncio.wait((stopping, serving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        signer.stop()
        server.close()  # ends the watches: their connections close
        front.should_exit = True
        await serving
        driver.stop()


def make_token() -> str:
    """A bearer token that nobody can guess."""
    return secrets.token_urlsafe(24)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: who calls `serve` decides what a signal means."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which also says who the client's certificate names and refuses endless heads."""

    _in_head = True
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        if connection is not None:
            self.app_state = {"peer": certificate_user(connection.getpeercert())}
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT:
                self.send_400_response("Request header fields too large")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_size = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio sets no TCP_NODELAY
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


async def _until_ready(host: str, port: int, authority: tls.Authority, serving: asyncio.Task[Any]) -> None:
    """Ask /readyz over the wire until it says ok."""
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    trust.check_hostname = False  # the certificate may not know the name of a `host` like 0.0.0.0
    while not serving.done():
        try:
            reader, writer = await asyncio.open_connection(host, port, ssl=trust)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        if answer.startswith(b"HTTP/1.1 200 "):
            return
        await asyncio.sleep(0.01)
