"""The whole cluster: import, boot, a node's failure, and 10,000 Pods on 1,000 nodes.

    python -m benchmarks cluster [--small]

`--small` leaves the large cluster out.  Each figure is the best of three runs, but for the large cluster's, which is
one run in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.table import Row, show
from controlplane import demo
from controlplane.cluster import Cluster
from controlplane.conditions import nodes_ready

NODES, PODS, DEPLOYMENTS = 1000, 10_000, 100
IMPORT = "import time; began = time.perf_counter(); import controlplane.cluster; print(time.perf_counter() - began)"


def best(measure: Callable[[], float], times: int = 3) -> float:
    return min(measure() for _ in range(times))


def import_time() -> float:
    return float(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout)


def boot() -> float:
    """Boot and four ready Pods."""
    began = time.perf_counter()
    demo.boot(seed=0)
    return time.perf_counter() - began


def node_failure() -> float:
    """Six virtual minutes from the power failure on."""
    cluster = demo.boot(seed=0)
    cluster.kill_node("node-b")
    began = time.perf_counter()
    cluster.run_for("6m")
    return time.perf_counter() - began


def large(nodes: int = NODES, pods: int = PODS, deployments: int = DEPLOYMENTS) -> tuple[float, float, float]:
    """(seconds from apply until all Pods run, seconds until the nodes were ready, memory in MB)."""
    began = time.perf_counter()
    cluster = Cluster(nodes=nodes, capacity={"cpu": "16", "memory": "64Gi", "pods": "110"})
    cluster.run_until(nodes_ready(nodes))
    ready = time.perf_counter() - began
    began = time.perf_counter()
    for number in range(deployments):
        name = f"web-{number}"
        container = {"name": "app", "image": "app:v1", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        cluster.client.create(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name},
                "spec": {
                    "replicas": pods // deployments,
                    "selector": {"matchLabels": {"app": name}},
                    "template": template,
                },
            }
        )
    while running(cluster) < pods:
        cluster.run_for(0.5)
    took = time.perf_counter() - began
    return took, ready, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def running(cluster: Cluster) -> int:
    return sum((pod.get("status") or {}).get("phase") == "Running" for pod in cluster.pods())


def rows(small: bool) -> list[Row]:
    found = [
        Row("import of the package", f"{best(import_time):.3f} s", "< 0.2 s"),
        Row("boot and four ready Pods", f"{best(boot):.3f} s", "< 0.1 s"),
        Row("node failure, 6 virtual minutes", f"{best(node_failure):.3f} s", "< 0.2 s"),
    ]
    if not small:
        code = "from benchmarks.cluster import large; print(*large())"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        took, ready, memory = map(float, done.stdout.split())
        found += [
            Row(f"{NODES:,} nodes until Ready", f"{ready:.1f} s", ""),
            Row(f"{PODS:,} Pods from apply to Running", f"{PODS / took:,.0f} Pods/s", "≥ 1,000 Pods/s"),
            Row("memory of that", f"{memory:,.0f} MB", "< 500 MB"),
        ]
    return found


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="without the large cluster")
    show("The cluster", rows(parser.parse_args(arguments).small))
