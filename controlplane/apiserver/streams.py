"""What an answer can be when it is more than one message: bytes over time, or a connection with channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class ByteStream(Protocol):
    """Text that comes over time (`Response.stream`): `closed()` is called once, at its end."""

    def attach(self, deliver: Callable[[bytes], None], closed: Callable[[], None]) -> None: ...

    def stop(self) -> None: ...


class Session(Protocol):
    """The connection, as the transport gives it to an `Upgrade`."""

    def send(self, channel: int, data: bytes) -> None: ...

    def close(self) -> None: ...


class Upgrade(Protocol):
    """What a connection becomes (`Response.upgrade`): one of `protocols` is agreed on, then it is `start`ed."""

    protocols: tuple[str, ...]

    def start(self, session: Session) -> None: ...

    def receive(self, channel: int, data: bytes) -> None: ...

    def gone(self) -> None: ...
