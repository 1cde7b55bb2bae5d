"""What the kernel's rules do for a Service, done by a program: take a connection, choose a Pod, pass bytes on.

*Note*: a rule in the kernel passes packets on and tries one Pod only.  A program that has taken a connection can try
another Pod when the first refuses, as upstream's first kube-proxy did; Pods see the proxy's address as the client's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Place = tuple[str, int]
Choose = Callable[[str], Place | None]  # (address of the client) -> where its connection goes, None for nowhere
TRIES = 3
CONNECT_TIMEOUT = 5.0  # seconds
BACKLOG = 1024


class Pipe(asyncio.Protocol):
    """One end of a connection, passing on what it receives to `peer`."""

    def __init__(self) -> None:
        self.peer: asyncio.Transport | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.write(data)

    def eof_received(self) -> bool:
        if self.peer is not None and not self.peer.is_closing() and self.peer.can_write_eof():
            self.peer.write_eof()
            return True  # the other direction may go on
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self.peer is not None:
            self.peer.close()

    def pause_writing(self) -> None:
        if self.peer is not None and not self.peer.is_closing():
            self.peer.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and not self.peer.is_closing():
            self.peer.resume_reading()


class Incoming(Pipe):
    """The client's end: it waits until a Pod has taken the connection."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.choose = choose
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.pause_reading()
        self.task = asyncio.get_running_loop().create_task(self._connect(self.transport))

    def connection_lost(self, error: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()
        super().connection_lost(error)

    async def _connect(self, transport: asyncio.Transport) -> None:
        client = transport.get_extra_info("peername")[0]
        loop = asyncio.get_running_loop()
        for _ in range(TRIES):
            place = self.choose(client)
            if place is None:
                break
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    to_pod, pipe = await loop.create_connection(Pipe, *place)
            except (OSError, TimeoutError):
                continue
            if transport.is_closing():
                to_pod.close()
                return
            self.peer, pipe.peer = to_pod, transport
            self.task = None
            transport.resume_reading()
            return
        transport.abort()  # as a rule without endpoints does: the client sees its connection refused or reset


class Listeners:
    """The sockets of all Services, by the address they listen at.  Lives in the thread of the sockets."""

    def __init__(self) -> None:
        self._servers: dict[Place, asyncio.Server] = {}
        self._choose: dict[Place, Choose] = {}
        self._busy = asyncio.Lock()
        self.problems: dict[Place, str] = {}  # where nobody can listen, and why

    async def update(self, wanted: dict[Place, Choose]) -> None:
        """Listen at the places of `wanted`, and at no others.  Open connections stay."""
        async with self._busy:
            self._choose = wanted
            for place in [place for place in self._servers if place not in wanted]:
                self._servers.pop(place).close()
            self.problems = {}
            for place in wanted:
                if place not in self._servers:
                    try:
                        self._servers[place] = await self._listen(place)
                    except OSError as error:
                        self.problems[place] = error.strerror or str(error)

    async def _listen(self, place: Place) -> asyncio.Server:
        def incoming() -> Incoming:
            return Incoming(lambda client: self._choose[place](client) if place in self._choose else None)

        return await asyncio.get_running_loop().create_server(incoming, *place, backlog=BACKLOG)
