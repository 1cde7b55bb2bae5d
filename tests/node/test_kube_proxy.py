"""kube-proxy: from Services and EndpointSlices to where a connection goes."""

from collections import Counter
from typing import Any

import pytest

from controlplane.client.base import Obj
from controlplane.client.informer import InformerFactory
from controlplane.clock import Loop
from controlplane.node.kube_proxy import KubeProxy, ServiceTable
from controlplane.node.service_rules import NodeRules
from tests.node.fake_api import FakeApi

VIP = "10.96.0.10"


class Nodes:
    """Two nodes with a kube-proxy each, a Service "web" and three Pods: .1 and .2 on a, .3 on b."""

    def __init__(self, shared: bool = False, mode: Any = "random", **service: Any) -> None:
        self.loop = Loop()
        self.api = FakeApi(self.loop)
        self.rules: dict[str, NodeRules] = {}
        self.clients = {name: self.api.client(f"kube-proxy-{name}") for name in ("a", "b")}
        factory = InformerFactory(self.loop, self.clients["a"])
        table = ServiceTable(self.loop, factory) if shared else None
        factory.start()
        for name in ("a", "b"):
            self.api.create(
                "nodes", {"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": f"zone-{name}"}}}
            )
        self.proxies = {
            name: KubeProxy(self.loop, client, name, self, services=table, mode=mode)
            for name, client in self.clients.items()
        }
        for proxy in self.proxies.values():
            proxy.start()
        self.service = self.api.create(
            "services",
            {
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"type": "NodePort", "clusterIP": VIP, "ports": [{"port": 80, "nodePort": 30080}], **service},
            },
        )
        self.endpoints({"1": "a", "2": "a", "3": "b"})

    def set_rules(self, node: str, rules: NodeRules) -> None:
        self.rules[node] = rules

    def endpoints(self, ready: dict[str, str], terminating: dict[str, str] | None = None, hints: Any = None) -> None:
        """What the EndpointSlice says: last number of the address -> node."""
        rows: list[Obj] = []
        for number, node in ready.items():
            rows.append(
                {
                    "addresses": [f"10.244.0.{number}"],
                    "nodeName": node,
                    "conditions": {"ready": True, "serving": True, "terminating": False},
                }
            )
            if hints:
                rows[-1]["hints"] = hints(node)
        for number, node in (terminating or {}).items():
            rows.append(
                {
                    "addresses": [f"10.244.0.{number}"],
                    "nodeName": node,
                    "conditions": {"ready": False, "serving": True, "terminating": True},
                }
            )
        self.api.store(
            "endpointslices",
            {
                "metadata": {"name": "web-x", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
                "ports": [{"name": "", "port": 8080}],
                "endpoints": rows,
            },
            "MODIFIED",
        )
        self.loop.run_for(2)

    def spread(self, node: str, n: int = 300, ip: str = VIP, port: int = 80, client: str | None = None) -> Counter[str]:
        """Where `n` connections from `node` go: last numbers of addresses, or errors."""
        counts: Counter[str] = Counter()
        for i in range(n):
            target = self.rules[node].route(ip, port, client or f"198.51.100.{i}")
            counts[target[0].rpartition(".")[2] if isinstance(target, tuple) else str(target)] += 1
        return counts


@pytest.mark.parametrize("shared", [False, True])
def test_connections_are_spread_over_all_ready_pods(shared: bool) -> None:
    nodes = Nodes(shared)
    for node in ("a", "b"):
        counts = nodes.spread(node)
        assert set(counts) == {"1", "2", "3"} and min(counts.values()) > 70
        assert nodes.spread(node, ip="", port=30080).keys() == {"1", "2", "3"}
    assert nodes.spread("a", ip="10.96.0.11") == {"None": 300}
    assert nodes.rules["a"].route(VIP, 80, "x")[1] == 8080  # type: ignore[index]


def test_round_robin() -> None:
    assert Nodes(mode="round-robin").spread("a") == {"1": 100, "2": 100, "3": 100}


def test_no_endpoints_refuse_and_terminating_ones_are_the_last_resort() -> None:
    nodes = Nodes()
    nodes.endpoints({"1": "a"}, terminating={"2": "a"})
    assert nodes.spread("b") == {"1": 300}
    nodes.endpoints({}, terminating={"2": "a"})
    assert nodes.spread("b") == {"2": 300}
    nodes.endpoints({})
    assert nodes.spread("b") == {"connection refused": 300}


def test_external_traffic_policy_local() -> None:
    nodes = Nodes(externalTrafficPolicy="Local")
    assert nodes.spread("b", ip="", port=30080) == {"3": 300}
    assert nodes.spread("b").keys() == {"1", "2", "3"}, "inside the cluster nothing changes"
    nodes.endpoints({"1": "a"})
    assert nodes.spread("b", ip="", port=30080) == {"i/o timeout": 300}
    assert nodes.rules["a"].has_local(VIP, 80) and not nodes.rules["b"].has_local(VIP, 80)
    nodes.endpoints({"1": "a"}, terminating={"3": "b"})
    assert nodes.spread("b", ip="", port=30080) == {"3": 300}


def test_internal_traffic_policy_local() -> None:
    nodes = Nodes(internalTrafficPolicy="Local")
    assert nodes.spread("b") == {"3": 300}
    assert nodes.spread("b", ip="", port=30080).keys() == {"1", "2", "3"}


def test_session_affinity() -> None:
    nodes = Nodes(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}})
    (first,) = nodes.spread("a", client="198.51.100.7")
    assert len(nodes.spread("a")) == 3
    nodes.endpoints({number: "a" for number in "123" if number != first})
    (second,) = nodes.spread("a", client="198.51.100.7")
    assert second != first
    nodes.endpoints({"1": "a", "2": "a", "3": "b"})
    assert nodes.spread("a", client="198.51.100.7") == {second: 300}
    nodes.loop.run_for(61)
    targets = set()
    for _ in range(20):
        targets |= set(nodes.spread("a", n=1, client="198.51.100.7"))
        nodes.loop.run_for(61)
    assert len(targets) > 1


def test_hints_keep_traffic_in_its_zone() -> None:
    nodes = Nodes()
    nodes.endpoints({"1": "a", "2": "a", "3": "b"}, hints=lambda node: {"forZones": [{"name": f"zone-{node}"}]})
    assert nodes.spread("a").keys() == {"1", "2"} and nodes.spread("b") == {"3": 300}
    nodes.endpoints({"1": "a"}, hints=lambda node: {"forZones": [{"name": f"zone-{node}"}]})
    assert nodes.spread("b") == {"1": 300}, "no endpoint for this zone: any will do"


def test_the_rules_work_on_without_kube_proxy_and_not_without_power() -> None:
    nodes = Nodes()
    nodes.proxies["a"].stop()
    nodes.clients["b"].is_cut = True
    nodes.endpoints({"3": "b"})
    assert nodes.spread("a").keys() == nodes.spread("b").keys() == {"1", "2", "3"}
    nodes.proxies["a"].start()
    nodes.loop.run_for(2)
    assert nodes.spread("a") == {"3": 300}
    nodes.proxies["a"].kill()
    nodes.proxies["a"].start()
    nodes.loop.run_for(2)
    assert nodes.spread("a") == {"3": 300}


def test_a_service_that_is_deleted_or_changed() -> None:
    nodes = Nodes()
    nodes.service = {
        **nodes.service,
        "metadata": {**nodes.service["metadata"]},
        "spec": {**nodes.service["spec"], "ports": [{"port": 81}]},
    }
    nodes.api.store("services", nodes.service, "MODIFIED")
    nodes.loop.run_for(2)
    assert nodes.spread("a") == {"None": 300} and nodes.spread("a", port=81).keys() == {"1", "2", "3"}
    nodes.api.store("services", nodes.service, "DELETED")
    nodes.loop.run_for(2)
    assert nodes.spread("a", port=81) == {"None": 300}


def test_rules_are_rewritten_at_most_once_a_second() -> None:
    nodes = Nodes()
    rewrites = []
    assert nodes.proxies["a"]._services is not None
    nodes.proxies["a"]._services.subscribe(lambda: rewrites.append(nodes.loop.now()))
    for i in range(100):
        nodes.loop.call_later(
            i * 0.03,
            nodes.api.store,
            "services",
            {**nodes.service, "metadata": dict(nodes.service["metadata"])},
            "MODIFIED",
        )
    nodes.loop.run_for(10)
    assert 3 <= len(rewrites) <= 5
