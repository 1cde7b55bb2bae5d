"""What a cluster of real processes has besides: addresses of this computer, a thread for its sockets, and runtimes."""

from __future__ import annotations

from typing import Any

from controlplane.clock import Loop, WallLoop
from controlplane.node.process_addresses import Addresses
from controlplane.node.process_io import InputOutput
from controlplane.node.process_runtime import ProcessRuntime


class RealWorld:
    """The part of one cluster that is not simulated.  `close` leaves no process, no socket and no file behind."""

    def __init__(self, loop: Loop) -> None:
        if not isinstance(loop, WallLoop):
            raise ValueError('real processes do not wait for virtual time: runtime="process" needs clock="wall"')
        self.loop = loop
        self.addresses = Addresses()
        self.io = InputOutput(loop)
        self.runtimes: dict[str, ProcessRuntime] = {}

    def machine(self, name: str, number: int) -> dict[str, Any]:
        """What makes the cluster's next machine a real one: address, runtime and the range of its Pods."""
        address, pod_cidr = self.addresses.node(number)
        runtime = self.runtimes[name] = ProcessRuntime(self.loop, self.io, self.addresses, name, address)
        return {"address": address, "runtime": runtime, "pod_cidr": pod_cidr}

    def close(self) -> None:
        """Stop everything.  May be called again."""
        for runtime in self.runtimes.values():
            runtime.power_off()
        self.io.close()
        self.addresses.close()
