"""WebSockets with channels: the first byte of each message says which (apimachinery: pkg/util/httpstream/wsstream)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from controlplane.apiserver.http.watching import Receive, Send
from controlplane.apiserver.streams import Upgrade

NORMAL = 1000  # the closing code of a connection that did what it was for


class Channels:
    """A `streams.Session` over one WebSocket: what is sent waits here until the network takes it."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: close

    def send(self, channel: int, data: bytes) -> None:
        self.messages.put_nowait(bytes([channel]) + data)

    def close(self) -> None:
        self.messages.put_nowait(None)


async def serve(
    upgrade: Upgrade, offered: Iterable[str], receive: Receive, send: Send, kick: Callable[[], None]
) -> None:
    """Run an upgrade until it closes the connection or the client leaves; `kick` after each message that came."""
    offers = list(offered)
    protocol = next((name for name in upgrade.protocols if name in offers), None)
    if protocol is None:
        await send({"type": "websocket.close"})  # before it was accepted: refused with 403
        return
    await send({"type": "websocket.accept", "subprotocol": protocol})
    session = Channels()
    listening = asyncio.ensure_future(_listen(upgrade, receive, session, kick))
    try:
        upgrade.start(session)
        kick()
        while (message := await session.messages.get()) is not None:
            await send({"type": "websocket.send", "bytes": message})
        if not listening.done():
            await send({"type": "websocket.close", "code": NORMAL})
    finally:
        listening.cancel()
        upgrade.gone()
        kick()


async def _listen(upgrade: Upgrade, receive: Receive, session: Channels, kick: Callable[[], None]) -> None:
    while True:
        message: dict[str, Any] = await receive()
        if message["type"] == "websocket.disconnect":
            session.close()
            return
        data = message.get("bytes") or (message.get("text") or "").encode()
        if data:
            upgrade.receive(data[0], data[1:])
            kick()
