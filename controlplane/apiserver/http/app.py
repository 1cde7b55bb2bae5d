"""The ASGI application: it decodes a request, hands it to `ApiServer.handle`, and encodes the answer.

Nothing is decided here that an in-process client would not meet too, but for who the client is.
"""

from __future__ import annotations

import gzip
import itertools
import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from controlplane.apiserver import errors
from controlplane.apiserver.api import Request, Response
from controlplane.apiserver.decoding import MAX_BODY
from controlplane.apiserver.http import sockets, watching
from controlplane.apiserver.http.authentication import Authenticator
from controlplane.apiserver.http.driver import Driver
from controlplane.apiserver.http.impersonation import GROUP, USER, impersonated
from controlplane.apiserver.http.watching import Receive, Send
from controlplane.apiserver.server import ApiServer

Scope = dict[str, Any]

COMPRESSED_FROM = 128 * 1024  # bytes; smaller answers are not worth it (apiserver: defaultGzipThresholdBytes)
DRAINED = 64 * 1024 * 1024  # bytes of a body too large that are read and dropped, so that the client hears the answer
WARNINGS_LENGTH = 4096  # characters of all warnings together; from there on each is cut short
WARNING_CUT = 256
MOST_WARNINGS = 64

WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
NO_QUERY: dict[str, str] = {}
NO_LISTS: dict[str, list[str]] = {}


class App:
    """Serves an `ApiServer` to ASGI."""

    def __init__(self, server: ApiServer, authenticator: Authenticator, driver: Driver) -> None:
        self.server = server
        self.authenticator = authenticator
        self.driver = driver
        self._audit = itertools.count()
        self._run = str(uuid.uuid4())[:24]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        headers = read_headers(scope["headers"])
        body = b""
        user = self.authenticator.identify(headers, scope.get("state", {}).get("peer"), scope["path"])
        if user is None:
            await self._answer(headers, refusal(errors.unauthorized()), send)
            return
        if scope["method"] in WITH_BODY:
            whole, body = await read_body(headers, receive)
            if not whole:
                await self._too_large(headers, receive, send)
                return
        query, lists = read_query(scope["query_string"])
        response = self._handle(Request(scope["method"], scope["path"], query, headers, body, user, lists))
        if response.watch is not None or response.stream is not None:
            await send(self._start(response, [(b"content-type", response.content_type.encode())]))
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            await watching.serve(response, receive, send)
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._answer(headers, response, send)

    def _handle(self, request: Request) -> Response:
        if USER in request.headers or GROUP in request.headers:
            try:
                request.user = impersonated(self.server, request.user, request.headers)
            except errors.StatusError as error:
                return refusal(error)
        response = self.server.handle(request)
        self.driver.kick()
        if response.upgrade is not None and request.headers.get("upgrade", "").lower() != "websocket":
            return refusal(errors.bad_request("you must specify a WebSocket upgrade to connect to a container"))
        return response

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A connection that becomes something else, if what it asks for is of that kind."""
        headers = read_headers(scope["headers"])
        await receive()  # websocket.connect
        user = self.authenticator.identify(headers, scope.get("state", {}).get("peer"), scope["path"])
        if user is None:
            response = refusal(errors.unauthorized())
        else:
            query, lists = read_query(scope["query_string"])
            response = self._handle(Request("GET", scope["path"], query, headers, b"", user, lists))
        if response.upgrade is not None:
            await sockets.serve(response.upgrade, scope.get("subprotocols", ()), receive, send, self.driver.kick)
            return
        if response.watch is not None:
            response.watch.stop()
            response = refusal(errors.bad_request("watches are served over plain HTTP here"))
        start = self._start(response, [(b"content-type", response.content_type.encode())])
        await send({**start, "type": "websocket.http.response.start"})
        await send({"type": "websocket.http.response.body", "body": response.payload()})

    async def _answer(self, asked: dict[str, str], response: Response, send: Send) -> None:
        payload = response.payload()
        headers = [(b"content-type", response.content_type.encode())]
        if len(payload) >= COMPRESSED_FROM and "gzip" in asked.get("accept-encoding", ""):
            payload = gzip.compress(payload, 1, mtime=0)
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
        headers.append((b"content-length", b"%d" % len(payload)))
        await send(self._start(response, headers))
        await send({"type": "http.response.body", "body": payload})

    async def _too_large(self, asked: dict[str, str], receive: Receive, send: Send) -> None:
        """Say so at once, then let the client finish: many do not read before they have written everything."""
        response = refusal(errors.too_large(f"Request entity too large: limit is {MAX_BODY}"))
        payload = response.payload()
        headers = [
            (b"content-type", response.content_type.encode()),
            (b"content-length", b"%d" % len(payload)),
            (b"connection", b"close"),
        ]
        await send(self._start(response, headers))
        await send({"type": "http.response.body", "body": payload, "more_body": True})
        dropped, more = 0, True
        while more and dropped < DRAINED:
            message = await receive()
            dropped += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": b""})

    def _start(self, response: Response, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
        """The head of an answer: what every answer has, and what this one has to say."""
        headers.append((b"audit-id", f"{self._run}{next(self._audit):012x}".encode()))
        if "cache-control" not in response.headers:
            headers.append((b"cache-control", b"no-cache, private"))
        for name, value in response.headers.items():
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1", "replace")))
        if response.warnings:
            headers += [(b"warning", value) for value in warning_headers(response.warnings)]
        return {"type": "http.response.start", "status": response.status, "headers": headers}


def refusal(error: errors.StatusError) -> Response:
    return Response(error.code, error.status)


_NAMES: dict[bytes, str] = {}  # the few header names that clients use, decoded once


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names to values; a header that comes more than once is one list."""
    headers: dict[str, str] = {}
    for key, value in raw:
        name = _NAMES.get(key)
        if name is None:
            name = key.decode("latin-1").lower()
            if len(_NAMES) < 256:
                _NAMES[key] = name
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def read_query(raw: bytes) -> tuple[dict[str, str], dict[str, list[str]]]:
    """(the first value of each parameter, all values of those that repeat)."""
    if not raw:
        return NO_QUERY, NO_LISTS
    query: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        if name not in query:
            query[name] = value
        else:
            lists.setdefault(name, [query[name]]).append(value)
    return query, lists


async def read_body(headers: dict[str, str], receive: Receive) -> tuple[bool, bytes]:
    """(True, the body), or (False, nothing) if it is larger than the server reads."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY:
        return False, b""
    message = await receive()
    if not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        return len(body) <= MAX_BODY, body
    parts, size = [message["body"]], len(message["body"])
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            return False, b""
    return True, b"".join(parts)


def warning_headers(warnings: tuple[str, ...]) -> list[bytes]:
    """`299 - "text"`, as clients print them (apimachinery: util/net NewWarningHeader; apiserver: filters/warning.go).

    *Note*: upstream sends a few more; Python's HTTP client gives up on an answer with more than a hundred headers.
    """
    long = sum(map(len, warnings)) > WARNINGS_LENGTH
    headers, left = [], WARNINGS_LENGTH
    for text in warnings[:MOST_WARNINGS]:
        clean = "".join(char if char.isprintable() else " " for char in (text[:WARNING_CUT] if long else text))
        left -= len(clean)
        if left < 0:
            break
        quoted = clean.replace("\\", "\\\\").replace('"', '\\"')
        headers.append(f'299 - "{quoted}"'.encode("utf-8", "replace"))
    return headers
