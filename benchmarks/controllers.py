"""What controllers cost: Deployments of ten Pods each created, rolled to another image and deleted, in this process.

    python benchmarks/controllers.py                  # 10, 100 and 1,000 Deployments
    python benchmarks/controllers.py --quick          # without the largest
    python benchmarks/controllers.py --plot FILE.png  # and a plot of how it grows

All controllers run against a real API server on the virtual clock; a stand-in kubelet makes Pods Ready.  "own" is the
time spent in controllers and their caches, less the API server's: what is left of it when requests cost nothing.
Each size runs in a process of its own, so that its memory can be told.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from controlplane.apiserver.api import Request, Response
from controlplane.apiserver.server import ApiServer
from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.informer import Informer
from controlplane.client.local import LocalClient
from controlplane.clock import Loop, rfc3339
from controlplane.controllers.base import Controller
from controlplane.controllers.manager import ControllerManager

Row = dict[str, Any]
PODS = 10  # of each Deployment
SIZES = (10, 100, 1000)
AT_ONCE = 50  # Pods that the stand-in kubelet starts in one millisecond
SETTLE = 30.0  # virtual seconds for each phase


class TimedClient(LocalClient):
    """Knows how long its requests took."""

    spent = 0.0

    def _send(self, request: Request) -> Response:
        start = time.perf_counter()
        try:
            return super()._send(request)
        finally:
            self.spent += time.perf_counter() - start


class Meter:
    """Time in controllers, and how many events reached them."""

    def __init__(self) -> None:
        self.inside = 0.0
        self.events = 0
        for name in ("_work", "_on_event"):
            setattr(Controller, name, self._timed(getattr(Controller, name), name == "_on_event"))

    def _timed(self, method: Callable[..., None], is_event: bool) -> Callable[..., None]:
        def timed(*args: Any) -> None:
            start = time.perf_counter()
            method(*args)
            self.inside += time.perf_counter() - start
            self.events += is_event

        return timed


class Starter:
    """Makes Pods Running and Ready, some each millisecond."""

    def __init__(self, loop: Loop, client: Client) -> None:
        self.loop = loop
        self.client = client
        self.waiting: list[Obj] = []
        pods = Informer(loop, client, "pods")
        pods.add_handler(self._heard)
        pods.start()

    def _heard(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if type == "ADDED" and new is not None:
            if not self.waiting:
                self.loop.call_later(0.001, self._start)
            self.waiting.append(new)

    def _start(self) -> None:
        stamp = rfc3339(self.loop.now())
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": stamp}
        some, self.waiting = self.waiting[:AT_ONCE], self.waiting[AT_ONCE:]
        for pod in some:
            status = {"phase": "Running", "podIP": "10.0.0.1", "conditions": [ready]}
            meta = pod["metadata"]
            try:
                self.client.patch(
                    "pods", meta["name"], {"status": status}, meta["namespace"], type="strategic", subresource="status"
                )
            except ApiError:
                continue  # deleted in the meantime
        if self.waiting:
            self.loop.call_later(0.001, self._start)


def deployment(n: int) -> Obj:
    labels = {"app": f"app-{n}"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v1"}]}}
    spec = {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"app-{n}"}, "spec": spec}


def measure(size: int) -> list[Row]:
    """Create, roll and delete `size` Deployments; a row for each phase."""
    meter, loop = Meter(), Loop(0)
    server = ApiServer(loop)
    client, theirs = LocalClient(server), TimedClient(server, "system:kube-controller-manager")
    manager = ControllerManager(loop, theirs)
    manager.start()
    Starter(loop, client)
    loop.run_for(1)
    rows: list[Row] = []

    def phase(name: str, act: Callable[[], Any], pods: int, want: Callable[[], bool]) -> None:
        gc.collect()
        before = meter.inside, theirs.spent, meter.events, sum(c.reconciles for c in manager.controllers)
        start = time.perf_counter()
        act()
        loop.run_for(SETTLE)
        seconds = time.perf_counter() - start
        reconciles = sum(c.reconciles for c in manager.controllers) - before[3]
        if not want():
            raise SystemExit(f"{name}: {size} Deployments did not get there")
        own = (meter.inside - before[0]) - (theirs.spent - before[1])
        row: Row = {"pods": size * PODS, "phase": name, "seconds": seconds}
        row["us"], row["own"] = seconds / pods * 1e6, own / pods * 1e6
        row["reconciles"], row["events"] = reconciles / seconds, (meter.events - before[2]) / seconds
        row["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append(row)

    def create() -> None:
        for n in range(size):
            client.create(deployment(n), "default")

    def roll() -> None:
        spec = {"containers": [{"name": "app", "image": "app:v2"}]}
        for n in range(size):
            client.patch("deployments", f"app-{n}", {"spec": {"template": {"spec": spec}}}, "default", type="strategic")

    def delete() -> None:
        for n in range(size):
            client.delete("deployments", f"app-{n}", "default", propagation_policy="Background")

    def all_are(image: str) -> bool:
        pods = client.list_shared("pods")[0]
        return len(pods) == size * PODS and all(p["spec"]["containers"][0]["image"] == image for p in pods)

    phase("create", create, size * PODS, lambda: all_are("app:v1"))
    phase("roll", roll, size * PODS, lambda: all_are("app:v2"))
    phase("delete", delete, size * PODS, lambda: not client.list_shared("pods")[0])
    return rows


def table(rows: list[Row]) -> None:
    print(f"{'Pods':>6}  {'phase':<7}{'s':>8}{'us/Pod':>9}{'own':>7}{'reconciles/s':>14}{'events/s':>10}{'MiB':>7}")
    for r in rows:
        print(
            f"{r['pods']:>6,}  {r['phase']:<7}{r['seconds']:>8.2f}{r['us']:>9.0f}{r['own']:>7.0f}"
            f"{r['reconciles']:>14,.0f}{r['events']:>10,.0f}{r['memory']:>7.0f}"
        )


def growth(rows: list[Row]) -> None:
    """The exponent of time over Pods: 1 is linear."""
    for name in ("create", "roll", "delete"):
        mine = [r for r in rows if r["phase"] == name]
        steps = [
            math.log(b["seconds"] / a["seconds"]) / math.log(b["pods"] / a["pods"]) for a, b in itertools.pairwise(mine)
        ]
        print(f"{name:<7} grows with the power {', '.join(f'{step:.2f}' for step in steps)}")


def plot(rows: list[Row], file: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name in ("create", "roll", "delete"):
        mine = [r for r in rows if r["phase"] == name]
        axes.loglog([r["pods"] for r in mine], [r["seconds"] for r in mine], marker="o", label=name)
    axes.set(xlabel="Pods", ylabel="seconds", title="Deployments of ten Pods each")
    axes.grid(True, alpha=0.3)
    axes.legend()
    figure.savefig(file)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    rows: list[Row] = []
    for size in SIZES[:-1] if args.quick else SIZES:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(size)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr)
        rows += json.loads(done.stdout)
    table(rows)
    growth(rows)
    if args.plot:
        plot(rows, args.plot)


if __name__ == "__main__":
    main(sys.argv[1:])
