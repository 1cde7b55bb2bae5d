"""Handing out the addresses of a node's range, as the CNI plugin host-local does."""

from __future__ import annotations

import ipaddress

FIRST = 2  # .0 names the network, and .1 is the node's own bridge


class AddressPool:
    """The addresses of `cidr` ("10.244.1.0/24").  Each waits as long as possible until it is used again."""

    def __init__(self, cidr: str) -> None:
        network = ipaddress.IPv4Network(cidr)
        self.cidr = cidr
        self._base = int(network.network_address)
        self._end = network.num_addresses - 1  # the last one is for broadcast
        self._next = FIRST
        self._used: set[int] = set()

    def take(self) -> str | None:
        """The next free address, going round; None if all are in use."""
        for _ in range(self._end - FIRST):
            number = self._next
            self._next = number + 1 if number + 1 < self._end else FIRST
            if number not in self._used:
                self._used.add(number)
                return str(ipaddress.IPv4Address(self._base + number))
        return None

    def give_back(self, ip: str) -> None:
        self._used.discard(int(ipaddress.IPv4Address(ip)) - self._base)
