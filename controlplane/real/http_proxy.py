"""A reverse proxy for HTTP/1.1 on asyncio and httptools: the Ingress controller's front.

It behaves as ingress-nginx does: round robin over the Pods of a Service, the next Pod (three in all) when one refuses
the connection or breaks it off before it has answered and the request may be repeated; 404 where no rule matches, 503
without endpoints, 502 when every attempt failed, 504 when an answer takes a minute.  Bodies are passed on as they
come, connections to Pods are kept.

*Note*: HTTP/2 and WebSockets are left out here.
"""

from __future__ import annotations

import asyncio
import itertools

from controlplane.real.certificates import Certificates, Pair
from controlplane.real.http_client import Connection
from controlplane.real.http_exchange import Request
from controlplane.real.http_server import Client
from controlplane.real.tcp_proxy import Place
from controlplane.traffic.ingress_rules import Backend, Routes

KEPT = 64  # idle connections to one Pod
BACKLOG = 2048


class HttpProxy:
    """All of it lives in the thread of the sockets."""

    def __init__(self) -> None:
        self.routes: Routes | None = None
        self.upstreams: dict[Backend, list[Place]] = {}
        self._turns: dict[Backend, itertools.count[int]] = {}
        self._idle: dict[Place, list[Connection]] = {}
        self._servers: list[asyncio.Server] = []
        self._certificates = Certificates()

    async def listen(self, host: str, *, tls: bool = False) -> int:
        """Serve; the port at which."""
        loop, context = asyncio.get_running_loop(), self._certificates.context if tls else None
        server = await loop.create_server(lambda: Client(self), host, 0, backlog=BACKLOG, ssl=context)
        self._servers.append(server)
        found: int = server.sockets[0].getsockname()[1]
        return found

    def configure(
        self, routes: Routes | None, upstreams: dict[Backend, list[Place]], certificates: dict[str, Pair]
    ) -> None:
        """The rules from now on, where the Pods of each of their Services are, and certificates by host."""
        self.routes, self.upstreams = routes, upstreams
        self._certificates.update(certificates)
        known = {place for places in upstreams.values() for place in places}
        for place in [place for place in self._idle if place not in known]:
            for connection in self._idle.pop(place):
                connection.close()

    def choose(self, request: Request) -> list[Place] | int:
        """The Pods that a request may go to, the first choice first, or the status that it is refused with."""
        host = request.host.partition(":")[0].lower()
        backend = self.routes.match(host, request.path) if self.routes is not None else None
        if backend is None:
            return 404
        places = self.upstreams.get(backend)
        if not places:
            return 503
        turn = next(self._turns.setdefault(backend, itertools.count())) % len(places)
        return places[turn:] + places[:turn]

    def take(self, place: Place) -> Connection | None:
        """A kept connection to a Pod."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    def keep(self, place: Place, connection: Connection) -> None:
        """A connection has served its request and may serve another."""
        idle = self._idle.setdefault(place, [])
        if len(idle) < KEPT and any(place in places for places in self.upstreams.values()):
            idle.append(connection)
        else:
            connection.close()
