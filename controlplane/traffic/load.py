"""Clients that send requests and count what comes back: by Pod, by version, by node, by second."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from controlplane.clock import Loop
from controlplane.traffic.network import CONNECT_TIMEOUT, NO_ROUTE, OUTSIDE, TIMEOUT, Answer, Network, Reply

CLIENTS = 200  # different addresses that clients have, 198.51.100.1 and up (RFC 5737's second range for documentation)


class Url(NamedTuple):
    """The parts of an http URL that a request needs."""

    host: str
    port: int
    path: str


def parse_url(url: str) -> Url:
    """Raises ValueError for what is no http URL.

    >>> parse_url("http://shop.example/cart")
    Url(host='shop.example', port=80, path='/cart')
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL of the form http://host[:port][/path]")
    return Url(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), parts.path or "/")


@dataclass(slots=True)
class Second:
    """What ended within one second of a load, `at` seconds after its start."""

    at: int
    versions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Tally:
    """The counts.  An answer with a status of 500 or more is an error, as one that never came."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.started = loop.now()
        self.sent = 0
        self.ok = 0
        self.by_pod: Counter[str] = Counter()
        self.by_version: Counter[str] = Counter()
        self.by_node: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.failures: list[tuple[float, Answer]] = []  # (seconds since the start, the answer), in order
        self.latencies: list[float] = []  # seconds, of the answers that were no error
        self._seconds: dict[int, Second] = {}

    @property
    def failed(self) -> int:
        return self.errors.total()

    @property
    def pending(self) -> int:
        """Requests that have not ended yet."""
        return self.sent - self.ok - self.failed

    @property
    def timeline(self) -> list[Second]:
        """Second by second from the first answer to the last, those without any included."""
        if not self._seconds:
            return []
        return [self._seconds.get(at) or Second(at) for at in range(min(self._seconds), max(self._seconds) + 1)]

    def count(self, answer: Answer, took: float) -> None:
        """One request has ended."""
        since = self.loop.now() - self.started
        second = self._seconds.get(int(since))
        if second is None:
            second = self._seconds[int(since)] = Second(int(since))
        error = answer.error or (f"HTTP {answer.status}" if answer.status >= 400 else "")
        if error:
            self.errors[error] += 1
            second.errors[error] += 1
            self.failures.append((since, answer))
            return
        self.ok += 1
        self.by_pod[answer.pod] += 1
        self.by_version[answer.version] += 1
        self.by_node[answer.node] += 1
        second.versions[answer.version] += 1
        self.latencies.append(took)

    def summary(self) -> str:
        """The counts as text, in an order that does not depend on chance."""
        lines = [f"{self.sent} requests: {self.ok} answered, {self.failed} failed, {self.pending} under way"]
        for title, counts in (
            ("Pod", self.by_pod),
            ("version", self.by_version),
            ("node", self.by_node),
            ("error", self.errors),
        ):
            lines += [f"  {title} {name}: {counts[name]}" for name in sorted(counts)]
        return "\n".join(lines)


class Clients:
    """Many clients at one place, who ask one URL.  They do not retry."""

    def __init__(
        self,
        loop: Loop,
        network: Network,
        url: str,
        *,
        source: str = OUTSIDE,
        connect_timeout: float = CONNECT_TIMEOUT,
        timeout: float = TIMEOUT,
    ) -> None:
        self.loop = loop
        self.network = network
        self.url = parse_url(url)
        self.source = source
        self.connect_timeout = connect_timeout
        self.timeout = timeout
        self.tally = Tally(loop)
        self._numbers = itertools.count()

    def send(self, n: int = 1, over: float = 0.0) -> Tally:
        """Send `n` requests now, or spread evenly `over` so many seconds; the tally fills as they end."""
        for i in range(n):
            if over and i:
                self.loop.call_later(over * i / n, self._send)
            else:
                self._send()
        return self.tally

    def _send(self) -> None:
        host, port, path = self.url
        self.tally.sent += 1
        started = self.loop.now()
        client = f"198.51.100.{next(self._numbers) % CLIENTS + 1}"
        ip = self.network.resolve(host, self.source)
        reply: Reply = lambda answer: self.tally.count(answer, self.loop.now() - started)  # noqa: E731
        if ip is None:
            self.loop.call_soon(reply, Answer(0, error=NO_ROUTE))
            return
        self.network.request(
            self.source, ip, port, host, path, client, reply, connect_timeout=self.connect_timeout, timeout=self.timeout
        )


class Load(Clients):
    """A steady load: `rate` requests a second from `start` to `stop`."""

    def __init__(
        self,
        loop: Loop,
        network: Network,
        url: str,
        rate: float,
        *,
        source: str = OUTSIDE,
        connect_timeout: float = CONNECT_TIMEOUT,
        timeout: float = TIMEOUT,
    ) -> None:
        super().__init__(loop, network, url, source=source, connect_timeout=connect_timeout, timeout=timeout)
        if rate <= 0:
            raise ValueError(f"rate: {rate} requests a second is no load; it must be above 0")
        self.rate = rate
        self._epoch = 0
        self._ticks = 0
        self._from = 0.0

    def start(self) -> None:
        """Begin; a load that runs already goes on."""
        if self._epoch % 2 == 0:
            self._epoch += 1
            self._from, self._ticks = self.loop.now(), 0
            self._tick(self._epoch)

    def stop(self) -> None:
        """Send no more.  What is under way still ends."""
        if self._epoch % 2 == 1:
            self._epoch += 1

    def _tick(self, epoch: int) -> None:
        if epoch != self._epoch:
            return
        self._send()
        self._ticks += 1
        self.loop.call_at(self._from + self._ticks / self.rate, self._tick, epoch)
