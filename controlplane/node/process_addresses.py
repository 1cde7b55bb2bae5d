"""Addresses for real Pods and Services: a block of this computer's loopback addresses for each cluster.

On Linux every address in 127.0.0.0/8 answers without being set up.  A cluster takes two neighbouring /16 blocks that no
other cluster on this computer holds: 127.64.0.0/16 for nodes and Pods, 127.65.0.0/16 for Services, and so on.  It holds
them by a socket, which the operating system gives back however the cluster ends.

Elsewhere 127.0.0.1 is the only one.  There the same addresses are names only: each (address, port) stands for a port
of 127.0.0.1, which `place` knows.  *Note*: programs outside the cluster, and Pods, must ask for that port then.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

FIRST, LAST = 64, 190  # second parts of the blocks
KEEPER = 10256  # the port by which a block is held
LOOPBACK = "127.0.0.1"


class Addresses:
    """The addresses of one cluster.  `shared` says that the system has only one, and ports stand for addresses."""

    def __init__(self, shared: bool | None = None) -> None:
        self.shared = sys.platform != "linux" if shared is None else shared
        self._ports: dict[tuple[str, int], int] = {}
        self._keeper = socket.socket()
        self.block = next((b for b in range(FIRST, LAST, 2) if self._take(b)), None)
        if self.block is None:
            self._keeper.close()
            raise OSError("no block of loopback addresses is free: too many clusters run on this computer")
        self.lowest_port = _lowest_port()

    def _take(self, block: int) -> bool:
        try:
            self._keeper.bind((LOOPBACK, KEEPER + block) if self.shared else (f"127.{block}.0.1", KEEPER))
        except OSError:
            return False
        self._keeper.listen(1)  # so that no other socket may share it
        return True

    @property
    def service_net(self) -> str:
        """The first two parts of the Services' addresses."""
        assert self.block is not None
        return f"127.{self.block + 1}"

    def node(self, number: int) -> tuple[str, str]:
        """(address, range of its Pods' addresses) of the node with this number, from 0 on."""
        if not 0 <= number < 200:
            raise ValueError("a cluster of real processes has at most 200 nodes")
        return f"127.{self.block}.0.{number + 2}", f"127.{self.block}.{number + 1}.0/24"

    def place(self, ip: str, port: int) -> tuple[str, int]:
        """Where `ip`:`port` of the cluster really is."""
        if not self.shared or not ip.startswith((f"127.{self.block}.", self.service_net + ".")):
            return ip, port
        if (ip, port) not in self._ports:
            with socket.socket() as free:
                free.bind((LOOPBACK, 0))
                self._ports[ip, port] = free.getsockname()[1]
        return LOOPBACK, self._ports[ip, port]

    def close(self) -> None:
        """Give the block back."""
        self._keeper.close()


def _lowest_port() -> int:
    """The lowest port at which this program may listen."""
    if os.geteuid() == 0:
        return 1
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except (OSError, ValueError):
        return 1024
