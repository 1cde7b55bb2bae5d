"""The whole story of the two-node cluster, in five acts: boot, traffic, roll-out under load, a node lost, and back.

`run(seed=0)` prints the same for the same seed, in a terminal (`controlplane demo`), in the notebook 08 and in a
browser.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from controlplane.cluster import Cluster
from controlplane.conditions import available, is_ready, nodes_ready, pods_ready
from controlplane.traffic.load import Clients, Load, Tally

Out = Callable[[str], object]

HOST = "shop.example"
URL = f"http://{HOST}/"
APP = Path(__file__).parent / "data" / "app.json"
RATE = 100.0  # requests a second under continuous load
BAR = 40  # characters of the longest bar


def boot(seed: int = 0) -> Cluster:
    """Act 1: a cluster of two nodes with four Pods of App v1, a Service and an Ingress."""
    cluster = Cluster(nodes=2, seed=seed)
    cluster.run_until(nodes_ready(2), timeout="1m")
    cluster.apply(json.loads(APP.read_text()))
    cluster.run_until(available("deployment/web"), timeout="2m")
    cluster.run_until(lambda client: cluster.network.resolve(HOST) is not None, timeout="30s")
    cluster.run_for(2)  # kube-proxy and the Ingress have seen the last endpoint
    return cluster


def send(cluster: Cluster, count: int = 1000) -> Tally:
    """Act 2: clients on the Internet ask for the shop through the Ingress."""
    clients = Clients(cluster.loop, cluster.network, URL)
    tally = clients.send(count, over=10.0)
    cluster.run_for(15)
    return tally


def roll_out(cluster: Cluster, image: str = "app:v2") -> Load:
    """Act 3: a new version, Pod by Pod, while the load goes on."""
    load = Load(cluster.loop, cluster.network, URL, RATE)
    load.start()
    cluster.run_for(5)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
    cluster.client.patch("deployments", "web", patch, type="strategic")
    cluster.run_until(available("deployment/web"), timeout="5m")
    cluster.run_for(10)
    load.stop()
    cluster.run_for(10)
    return load


class NodeLoss:
    """Act 4: a node's power fails; what an observer sees, change by change."""

    def __init__(self, cluster: Cluster, node: str = "node-b") -> None:
        self.cluster = cluster
        self.node = node
        self.timeline: list[tuple[float, str]] = []  # (seconds since the power failed, what the cluster looks like)
        self.load = Load(cluster.loop, cluster.network, URL, RATE / 10)
        self.began = 0.0

    def run(self, seconds: float = 420.0) -> NodeLoss:
        """Cut the power right after a heartbeat and watch for `seconds`, looking every half second."""
        cluster = self.cluster
        self.load.start()
        before = self._heartbeat()
        cluster.run_until(lambda client: self._heartbeat() != before, timeout="1m")
        cluster.kill_node(self.node)
        began, last = cluster.loop.now(), ""
        self.began = began
        while cluster.loop.now() - began < seconds:
            seen = self._look()
            if seen != last:
                self.timeline.append((cluster.loop.now() - began, seen))
                last = seen
            cluster.run_for(0.5)
        self.load.stop()
        cluster.run_for(40)
        return self

    def failures(self) -> list[float]:
        """When requests failed, in seconds since the power did."""
        return [self.load.tally.started + at - self.began for at, _ in self.load.tally.failures]

    def _heartbeat(self) -> str:
        """When the kubelet last renewed its Lease."""
        lease = self.cluster.client.get("leases", self.node, "kube-node-lease")
        return str(lease["spec"].get("renewTime"))

    def _look(self) -> str:
        client = self.cluster.client
        node = client.get("nodes", self.node)
        ready = next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready")
        pods = client.list_shared("pods", "default")[0]
        here = [p for p in pods if p["spec"].get("nodeName") == self.node]
        there = [p for p in pods if p["spec"].get("nodeName") not in (None, self.node)]
        going = sum("deletionTimestamp" in p["metadata"] for p in here)
        slices = client.list_shared("endpointslices", "default")[0]
        endpoints = sum(
            e["conditions"].get("ready", False)
            for s in slices
            for e in s.get("endpoints") or []
            if s["metadata"].get("labels", {}).get("kubernetes.io/service-name") == "web"
        )
        return (
            f"{self.node} Ready={ready:<7}  Pods: {len(here)} here ({sum(map(is_ready, here))} ready, {going} going), "
            f"{len(there)} elsewhere ({sum(map(is_ready, there))} ready)  ready endpoints {endpoints}"
        )


def bring_back(cluster: Cluster, node: str = "node-b") -> None:
    """Act 5: the power is back."""
    cluster.restart_node(node)
    cluster.run_until(nodes_ready(2), timeout="2m")
    cluster.run_until(pods_ready(4), timeout="2m")
    cluster.run_for(30)


def bars(counts: Counter[str]) -> list[str]:
    """A bar for each count, in order of their names."""
    most = max(counts.values(), default=1)
    width = max((len(name) for name in counts), default=0)
    return [
        f"  {name.ljust(width)} {'█' * max(1, round(BAR * counts[name] / most))} {counts[name]}"
        for name in sorted(counts)
    ]


def versions_over_time(tally: Tally) -> list[str]:
    """Second by second, how many answers came from each version."""
    lines = []
    for second in tally.timeline:
        parts = [f"{version} {second.versions[version]:4}" for version in sorted(tally.by_version)]
        bar = "".join(
            sign * round(BAR * second.versions[version] / max(1, second.versions.total()))
            for sign, version in zip("▒█░▓", sorted(tally.by_version), strict=False)
        )
        failed = f"  {second.errors.total()} failed" if second.errors else ""
        lines.append(f"  {second.at:4} s  {'  '.join(parts)}  {bar}{failed}")
    return lines


def run(seed: int = 0, out: Out = print) -> Cluster:
    """All five acts, told to `out` line by line; returns the cluster as it is at the end."""
    out("1. The cluster boots; App v1 is applied: a Deployment of 4 replicas, a Service, an Ingress.")
    cluster = boot(seed)
    out(cluster.picture())
    out(f"   ready after {cluster.elapsed:.1f} s of virtual time, {len(cluster.log)} requests to the API server\n")

    out(f"2. 1,000 requests from the Internet to {URL} through the Ingress; answers by Pod:")
    tally = send(cluster)
    for line in bars(tally.by_pod):
        out(line)
    out(f"   {tally.ok} answered, {tally.failed} failed\n")

    out(f"3. Roll-out of app:v2 under {RATE:.0f} requests a second; answers by version:")
    load = roll_out(cluster)
    for line in versions_over_time(load.tally):
        out(line)
    out(f"   {load.tally.sent} requests, {load.tally.failed} lost\n")

    out("4. The power of node-b fails.  Seconds since then, and what the API server says (here: on node-b):")
    loss = NodeLoss(cluster).run()
    for at, seen in loss.timeline:
        out(f"  {at:6.1f} s  {seen.removeprefix('node-b ')}")
    failures = loss.failures()
    if failures:
        out(
            f"   {len(failures)} of {loss.load.tally.sent} requests failed, the first after {failures[0]:.1f} s and "
            f"the last after {failures[-1]:.1f} s: none once the endpoints had caught up\n"
        )
    else:
        out(f"   none of {loss.load.tally.sent} requests failed\n")

    out("5. node-b is back.")
    bring_back(cluster)
    out(cluster.picture())
    out("   No Pod moves back: the scheduler places new ones only.")
    return cluster
