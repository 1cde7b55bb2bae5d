"""How long it takes to read, check and write one Pod: JSON, protobuf, the schema's decoder, quantities.

    python benchmarks/schema.py

Every request that writes pays for one decode of each kind, so these times bound what the API server can do.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from controlplane.apiserver import codec
from controlplane.apiserver.discovery import aggregated
from controlplane.apiserver.resources import ResourceRegistry
from controlplane.apiserver.schema import type_of
from controlplane.quantity import Quantity

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-0", "namespace": "default", "labels": {"app": "web"}, "uid": "0", "resourceVersion": "1"},
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "app:v1",
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                "resources": {
                    "limits": {"cpu": "500m", "memory": "128Mi"},
                    "requests": {"cpu": "500m", "memory": "128Mi"},
                },
                "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 3},
            }
        ],
        "nodeName": "node-a",
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300}],
    },
    "status": {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
    },
}
START = """
import time
start = time.perf_counter()
from controlplane.apiserver.schema import type_of
{}
print(time.perf_counter() - start)
"""


def microseconds(call: Callable[[], Any], rounds: int = 2000) -> float:
    """The best of five."""
    call()
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(rounds):
            call()
        best = min(best, (time.perf_counter() - start) / rounds)
    return best * 1e6


def first(statement: str) -> float:
    """Microseconds in a new interpreter, import included."""
    run = [sys.executable, "-c", START.format(statement)]
    out = subprocess.run(run, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    return float(out.stdout) * 1e6


def main(arguments: list[str]) -> None:
    pod = type_of("v1", "Pod")
    assert pod is not None
    raw = codec.encode(POD)
    old, _ = pod.decode(POD)
    changed = {**old, "status": {**old["status"], "phase": "Failed"}}
    registry = ResourceRegistry()
    rows: list[tuple[str, float, float]] = [
        ("import the schema", 200_000, first("pass")),
        ("import it and load the type of a Pod", 260_000, first("type_of('v1', 'Pod').fields")),
        ("decode a Pod by its type", 60, microseconds(lambda: pod.decode(POD, "Warn"))),
        ("decode it when only the status changed", 15, microseconds(lambda: pod.decode(changed, "Warn", old))),
        ("read its JSON", 20, microseconds(lambda: codec.decode(raw))),
        ("read its JSON, noting repeated keys", 60, microseconds(lambda: codec.decode_noting_duplicates(raw))),
        ("write its JSON", 10, microseconds(lambda: codec.encode(POD))),
        ("copy it", 30, microseconds(lambda: codec.copy_json(POD))),
        ("parse a quantity", 10, microseconds(lambda: Quantity.parse("1536Mi"))),
        ("make the aggregated discovery document", 5_000, microseconds(lambda: aggregated(registry, "apis", "v2"), 20)),
    ]
    print(f"{'':44}{'budget':>12}{'measured':>12}")
    for name, budget, measured in rows:
        print(f"{name:44}{budget:>9,.0f} µs{measured:>9,.1f} µs{'' if measured <= budget else '  over'}")


if __name__ == "__main__":
    main(sys.argv[1:])
