"""Probes over real connections, with the texts that a real kubelet reports (upstream: pkg/probe).

*Note*: redirects count as success and are not followed; gRPC probes are left out here.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

from controlplane.node.runtime import Obj, ProbeResult

REFUSED = "connect: connection refused"
AGAIN = 0.02  # seconds
HEAD = 64 << 10  # bytes of an answer that are looked at
BODY = 10 << 10  # bytes of it that an event may show


class Where(NamedTuple):
    """What the probe says (`ip`, `port`), and where that really is."""

    ip: str
    port: int
    real_ip: str
    real_port: int


async def probe(spec: Obj, where: Where, timeout: float, patience: float = 0.0) -> ProbeResult:
    """Try `httpGet` or `tcpSocket`.  A refused connection is tried again as long as `patience` seconds last.

    *Note*: upstream asks once, and again a period later; a process has just begun to read its program by then.
    """
    end = asyncio.get_running_loop().time() + min(patience, timeout)
    while True:
        result = await _probe(spec, where, timeout)
        if result.ok or not result.output.endswith(REFUSED) or asyncio.get_running_loop().time() >= end:
            return result
        await asyncio.sleep(AGAIN)


async def _probe(spec: Obj, where: Where, timeout: float) -> ProbeResult:
    if "httpGet" in spec:
        handler = spec["httpGet"]
        scheme, path = str(handler.get("scheme") or "HTTP").lower(), handler.get("path") or "/"
        path = path if path.startswith("/") else "/" + path
        url = f"{scheme}://{where.ip}:{where.port}{path}"
        try:
            async with asyncio.timeout(timeout):
                return await _get(handler, scheme, path, where)
        except TimeoutError:
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            return ProbeResult(False, f'Get "{url}": {why}')
        except (OSError, ValueError, EOFError) as error:
            return ProbeResult(False, f'Get "{url}": {_text(error, where)}')
    if "tcpSocket" in spec:
        try:
            async with asyncio.timeout(timeout):
                _, writer = await asyncio.open_connection(where.real_ip, where.real_port)
                writer.close()
                return ProbeResult(True)
        except TimeoutError:
            return ProbeResult(False, f"dial tcp {where.ip}:{where.port}: i/o timeout")
        except OSError as error:
            return ProbeResult(False, _text(error, where))
    return ProbeResult(False, "gRPC probes are left out of the process runtime")


async def _get(handler: Obj, scheme: str, path: str, where: Where) -> ProbeResult:
    tls = None
    if scheme == "https":
        import ssl  # a large import that few probes need

        tls = ssl._create_unverified_context()  # as upstream: a probe does not check who answers
    reader, writer = await asyncio.open_connection(where.real_ip, where.real_port, ssl=tls, limit=HEAD)
    try:
        headers = {"Host": f"{where.ip}:{where.port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
        headers.update((h["name"], h.get("value") or "") for h in handler.get("httpHeaders") or ())
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        version, _, rest = head.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("malformed HTTP response")
        status = int(rest[:3])
        if 200 <= status < 400:
            body = b""
            with contextlib.suppress(OSError):
                body = await reader.read(BODY)
            return ProbeResult(True, body.decode(errors="replace"))
        return ProbeResult(False, f"HTTP probe failed with statuscode: {status}")
    finally:
        writer.close()


def _text(error: Exception, where: Where) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {where.ip}:{where.port}: connect: connection refused"
    if isinstance(error, ConnectionResetError):
        return "read: connection reset by peer"
    return "EOF" if isinstance(error, EOFError) else str(error)
