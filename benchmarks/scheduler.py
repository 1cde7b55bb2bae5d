"""How many Pods a second the scheduler places, everything in this process: API server, store, client and scheduler.

    python -m benchmarks scheduler [--quick] [--only TEXT] [--plot FILE]

The cases and the figures asked for are those of upstream's scheduler_perf (test/integration/scheduler_perf): nodes of
4 CPUs, 32 GiB and 110 Pods in three zones, Pods of 100m CPU and 500 MiB.  Only the time from the first cycle to the
last binding counts; an event is written for every Pod.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.table import Row, show
from controlplane.apiserver.server import ApiServer
from controlplane.client.local import LocalClient
from controlplane.clock import Loop
from controlplane.scheduler.scheduler import Scheduler

Obj = dict[str, Any]
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
BLUE = {"matchLabels": {"color": "blue"}}


def node(i: int) -> Obj:
    room = {"cpu": "4", "memory": "32Gi", "pods": "110"}
    labels = {HOST: f"node-{i}", ZONE: f"zone-{i % 3}"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"node-{i}", "labels": labels},
        "spec": {},
        "status": {"capacity": room, "allocatable": room},
    }


def pod(name: str, cpu: str = "100m", **spec: Any) -> Obj:
    container = {"name": "app", "image": "app:v1", "resources": {"requests": {"cpu": cpu, "memory": "500Mi"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"color": "blue"}},
        "spec": {"containers": [container], **spec},
    }


def spread(name: str, i: int, key: str = ZONE, hard: bool = True) -> Obj:
    unless = "DoNotSchedule" if hard else "ScheduleAnyway"
    constraint = {"maxSkew": 5, "topologyKey": key, "whenUnsatisfiable": unless, "labelSelector": BLUE}
    return pod(name, topologySpreadConstraints=[constraint])


def affine(name: str, side: str, key: str, preferred: bool = False) -> Obj:
    term = {"topologyKey": key, "labelSelector": BLUE}
    if preferred:
        terms = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}
        return pod(name, affinity={side: terms})
    return pod(name, affinity={side: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})


class Case(NamedTuple):
    title: str
    nodes: int
    pods: int
    make: Callable[[str, int], Obj]
    asked: int = 0  # Pods a second
    config: Obj | None = None
    objects: tuple[Obj, ...] = ()


def own_label(name: str, i: int) -> Obj:
    body = pod(name)
    body["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = name
    return body


def plain(name: str, i: int) -> Obj:
    return pod(name)


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "blue"},
    "spec": {"selector": {"color": "blue"}, "ports": [{"port": 80}]},
}
BASIC = "one template"
GROWTH = (100, 250, 500, 1000, 2500, 5000)
CASES = [
    *(Case(BASIC, nodes, min(10_000, nodes * 20), plain, 1000 if nodes == 5000 else 0) for nodes in GROWTH),
    Case("one template, all nodes scored", 5000, 2000, plain, config={"percentageOfNodesToScore": 100}),
    Case("every Pod different", 5000, 2000, lambda name, i: pod(name, f"{100 + i % 1000}m")),
    Case("every Pod with its own label", 5000, 5000, own_label),
    Case("spread over zones", 5000, 5000, spread, 460),
    Case("spread over zones, softly", 5000, 5000, lambda name, i: spread(name, i, hard=False)),
    Case("spread by default, for a Service", 5000, 5000, plain, objects=(SERVICE,)),
    Case("affinity to a zone", 5000, 2000, lambda name, i: affine(name, "podAffinity", ZONE), 60),
    Case("anti-affinity, one on a node", 5000, 2000, lambda name, i: affine(name, "podAntiAffinity", HOST), 60),
    Case("preferred affinity", 5000, 2000, lambda name, i: affine(name, "podAffinity", HOST, True), 60),
    Case("too big for every node", 5000, 1000, lambda name, i: pod(name, "64")),
]


def run(case: Case) -> tuple[float, float]:
    """Pods a second, by the clock on the wall and by that of the process (the same where nothing else runs)."""
    loop = Loop()
    server = ApiServer(loop)
    client = LocalClient(server)
    scheduler = Scheduler(loop, LocalClient(server, "system:kube-scheduler"), config=case.config)
    for i in range(case.nodes):
        body = node(i)
        client.create(body)
        client.patch("nodes", body["metadata"]["name"], {"spec": {"taints": None}})
        client.patch("nodes", body["metadata"]["name"], {"status": body["status"]}, subresource="status")
    for obj in case.objects:
        client.create(obj, "default")
    scheduler.start()
    loop.run_ready()
    for i in range(case.pods):
        client.create(case.make(f"pod-{i}", i), "default")
    gc.collect()
    wall, busy = time.perf_counter(), time.process_time()
    loop.run_ready()
    return case.pods / (time.perf_counter() - wall), case.pods / (time.process_time() - busy)


def measured(cases: list[Case]) -> list[tuple[Case, tuple[float, float]]]:
    found = []
    for case in cases:
        print(f"\r{case.title}, {case.nodes} nodes ...".ljust(60), end="", file=sys.stderr, flush=True)
        found.append((case, run(case)))
    print("\r".ljust(61) + "\r", end="", file=sys.stderr)
    return found


def row(case: Case, rates: tuple[float, float]) -> Row:
    wanted = f"at least {case.asked:,}/s" if case.asked else ""
    what = f"{case.title}: {case.nodes:,} nodes, {case.pods:,} Pods"
    return Row(what, f"{rates[0]:,.0f} Pods/s ({rates[1]:,.0f} by CPU time)", wanted)


def bars(growth: list[tuple[int, float]]) -> None:
    longest = max(rate for _, rate in growth)
    print("Pods a second of CPU time as the cluster grows\n")
    for nodes, rate in growth:
        print(f"{nodes:>7,} nodes  {'█' * round(50 * rate / longest)} {rate:,.0f}")


def plot(growth: list[tuple[int, float]], file: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.semilogx([nodes for nodes, _ in growth], [rate for _, rate in growth], marker="o")
    axes.set(
        xlabel="nodes", ylabel="Pods a second of CPU time", title="Scheduling as the cluster grows", ylim=(0, None)
    )
    axes.grid(True, alpha=0.3)
    figure.savefig(file)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the Pods, at most 1,000 nodes")
    parser.add_argument("--only", default="", help="cases whose title contains this")
    parser.add_argument("--plot", metavar="FILE", help="draw the growth into a file as well")
    options = parser.parse_args(arguments)
    cases = [case for case in CASES if options.only in case.title]
    if options.quick:
        cases = [case._replace(pods=max(case.pods // 10, 100)) for case in cases if case.nodes <= 1000]
    found = measured(cases)
    show("The scheduler", [row(case, rates) for case, rates in found])
    growth = [(case.nodes, by_cpu) for case, (_, by_cpu) in found if case.title == BASIC]
    if growth:
        bars(growth)
        if options.plot:
            plot(growth, options.plot)


if __name__ == "__main__":
    main(sys.argv[1:])
