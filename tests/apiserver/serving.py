"""An API server over HTTPS in a thread of the test's process."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from controlplane.apiserver.http import serve
from controlplane.apiserver.server import ApiServer
from controlplane.clock import WallLoop

TOKEN = "a-token-for-tests"


class Answer(NamedTuple):
    """What came back: `json` is None for a body that is no JSON."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Served:
    """A running server, and the simplest client for it."""

    def __init__(self, server: ApiServer, loop: WallLoop, url: str, kubeconfig: Path) -> None:
        self.server = server
        self.loop = loop
        self.url = url
        self.kubeconfig = kubeconfig
        parts = urlsplit(url)
        self.host, self.port = str(parts.hostname), int(parts.port or 0)
        config = json.loads(kubeconfig.read_text())
        self.config = config
        self.tls = ssl.create_default_context(cadata=_decoded(config["clusters"][0]["cluster"]))

    def connect(self, tls: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=tls or self.tls, timeout=20)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
        token: str | None = TOKEN,
    ) -> Answer:
        """One request on a connection of its own; a body that is no bytes goes as JSON."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        sent.update(headers or {})
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = self.connect()
        try:
            connection.request(method, path + ("?" + urlencode(query, doseq=True) if query else ""), data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def within(self, fn: Callable[[], Any]) -> Any:
        """The result of a function that runs in the server's own thread."""
        result: Future[Any] = Future()

        def run() -> None:
            try:
                result.set_result(fn())
            except BaseException as problem:
                result.set_exception(problem)

        self.loop.post(run)
        return result.result(20)


def _decoded(cluster: dict[str, str]) -> str:
    import base64

    return base64.b64decode(cluster["certificate-authority-data"]).decode()


@contextmanager
def serving(folder: Path, make: Callable[[WallLoop], ApiServer] = ApiServer, **options: Any) -> Iterator[Served]:
    """Serve until the block ends; `make` builds the server on its loop."""
    kubeconfig = folder / "kubeconfig"
    started: Future[tuple[ApiServer, WallLoop, str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        loop, stop = WallLoop(), asyncio.Event()
        server = make(loop)
        running = asyncio.get_running_loop()
        await serve(
            server,
            loop,
            token=TOKEN,
            kubeconfig=kubeconfig,
            stop=stop,
            ready=lambda url: started.set_result((server, loop, url, running, stop)),
            **options,
        )

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as problem:
            if started.done():
                raise
            started.set_exception(problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    server, loop, url, running, stop = started.result(20)
    try:
        yield Served(server, loop, url, kubeconfig)
    finally:
        running.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()
