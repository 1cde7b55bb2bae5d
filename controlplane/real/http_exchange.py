"""A request on its way through the proxy, and the heads that the proxy writes."""

from __future__ import annotations

from http import HTTPStatus

Headers = list[tuple[bytes, bytes]]

# What concerns one connection only and is not passed on (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
FORWARDED = frozenset(
    (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip", b"expect")
)
REPLAY = 64 << 10  # bytes of a body that are kept for another attempt
REPEATABLE = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))


class Request:
    """Head and body of one request, the body as far as it has come."""

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.headers: Headers = []
        self.host = ""
        self.chunked = False
        self.keep_alive = True
        self.complete = False
        self.body = bytearray()  # what has come, as long as it may have to be sent again
        self.replayable = True
        self.waiting: list[bytes] = []  # what has come and is not sent yet
        self.sent = False  # is the end of the body sent?

    @property
    def path(self) -> str:
        return self.target.decode("latin-1")

    @property
    def repeatable(self) -> bool:
        """May it be sent to another Pod although one may have begun to work on it?"""
        return self.replayable and self.method in REPEATABLE

    def add(self, data: bytes) -> None:
        self.waiting.append(data)
        if self.replayable:
            self.body += data
            if len(self.body) > REPLAY:
                self.replayable = False
                self.body.clear()

    def rewind(self) -> None:
        """Begin to send the body anew."""
        self.waiting, self.sent = ([bytes(self.body)] if self.body else []), False

    def take(self) -> bytes:
        """What of the body is to be sent next, framed as the head says."""
        pieces, self.waiting = self.waiting, []
        self.sent = self.complete
        if not self.chunked:
            return b"".join(pieces)
        data = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
        return data + b"0\r\n\r\n" if self.complete else data

    def head(self, client: str, port: int, scheme: bytes) -> bytes:
        """The head that the Pod gets."""
        dropped = HOP_BY_HOP | FORWARDED | _named(self.headers)
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target)]
        lines += [b"%b: %b" % (name, value) for name, value in self.headers if name.lower() not in dropped]
        if self.chunked:
            lines.append(b"Transfer-Encoding: chunked")
        address, host = client.encode(), self.host.encode("latin-1")
        lines += [b"X-Real-IP: " + address, b"X-Forwarded-For: " + address, b"X-Forwarded-Host: " + host]
        lines += [b"X-Forwarded-Port: %d" % port, b"X-Forwarded-Proto: " + scheme]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def response_head(status: int, reason: bytes, headers: Headers, chunked: bool, keep_alive: bool) -> bytes:
    """The head that the client gets of a Pod's answer."""
    dropped = HOP_BY_HOP | _named(headers)
    lines = [b"HTTP/1.1 %d %b" % (status, reason)]
    lines += [b"%b: %b" % (name, value) for name, value in headers if name.lower() not in dropped]
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
    if not keep_alive:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def refusal(status: int, keep_alive: bool) -> bytes:
    """An answer of the proxy's own."""
    phrase = HTTPStatus(status).phrase
    text = "default backend - 404" if status == 404 else f"{status} {phrase}"
    body = text.encode() + b"\n"
    headers = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", b"%d" % len(body))]
    return response_head(status, phrase.encode(), headers, False, keep_alive) + body


def _named(headers: Headers) -> frozenset[bytes]:
    """The headers that the header Connection says are for this connection only."""
    values = [value for name, value in headers if name.lower() == b"connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))
