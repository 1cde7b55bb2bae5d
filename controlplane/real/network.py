"""The network of a cluster of real processes: kube-proxy's rules become sockets on this computer.

A Service's cluster IP is one address for all nodes here.  Which node's rules count is decided by where the connection
comes from: a Pod's address belongs to its node, and everybody else is taken for a client on the first node.
"""

from __future__ import annotations

import functools

from controlplane.clock import Loop
from controlplane.node.process_addresses import Addresses
from controlplane.node.process_io import InputOutput
from controlplane.node.service_rules import NodeRules
from controlplane.real.tcp_proxy import Choose, Listeners, Place
from controlplane.traffic.network import Network, Rules

PRIVILEGED = 10000  # is added to ports below 1024 where only root may listen there


class ProcessNetwork(Network):
    """Takes the rules of all nodes and listens at the addresses that they are about.

    A kube-proxy of your own must write `NodeRules`: others do not say which addresses they are about.
    """

    def __init__(self, loop: Loop, io: InputOutput, addresses: Addresses) -> None:
        super().__init__(loop)
        self.io = io
        self.addresses = addresses
        self.listeners = Listeners()
        self._ranges: dict[str, str] = {}  # the first three parts of a node's Pods' addresses -> node

    def add_node(self, node: str, pod_cidr: str) -> None:
        self._ranges[pod_cidr.rpartition(".")[0]] = node

    def set_rules(self, node: str, rules: Rules) -> None:
        super().set_rules(node, rules)
        self._listen()

    def node_down(self, node: str) -> None:
        super().node_down(node)
        self._listen()

    def place(self, ip: str, port: int) -> Place:
        """Where somebody on this computer reaches `ip`:`port` of the cluster."""
        real, number = self.addresses.place(ip, port)
        if number < self.addresses.lowest_port and not self.addresses.shared:
            number += PRIVILEGED
        return real, number

    def _listen(self) -> None:
        wanted: dict[Place, Choose] = {}
        ours = (f"127.{self.addresses.block}.", self.addresses.service_net + ".")
        by_name = {name: ip for ip, name in self._addresses.items()}
        for node, rules in self._rules.items():
            for ip, port in rules.table if isinstance(rules, NodeRules) else ():
                if not ip:
                    choose = functools.partial(self._route, node, "", port)
                    wanted[self.place(by_name[node], port)] = choose
                elif ip.startswith(ours):
                    wanted.setdefault(self.place(ip, port), functools.partial(self._route, node, ip, port))
        self.io.start(self.listeners.update(wanted))

    def _route(self, node: str, ip: str, port: int, client: str) -> Place | None:
        """Called in the thread of the sockets: rules are replaced as a whole, never changed."""
        if ip:
            node = self._ranges.get(client.rpartition(".")[0], node)
        rules = self._rules.get(node)
        target = rules.route(ip, port, client) if rules is not None else None
        return self.addresses.place(*target) if isinstance(target, tuple) else None
