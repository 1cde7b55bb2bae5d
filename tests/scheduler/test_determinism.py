"""The same seed gives the same decisions, in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.scheduler.build import node, pod
from tests.scheduler.world import World

SCRIPT = "from tests.scheduler.test_determinism import story; print(story(7))"


def story(seed: int) -> str:
    """What a scheduler did with 60 nodes, and Pods that tie, spread, repel each other and preempt."""
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}},
        }
    ]
    away = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
            ]
        }
    }
    world = World(*(node(f"n{i}", "1", labels={"zone": str(i % 7)}) for i in range(60)), seed=seed)
    for i in range(70):
        kind = ({}, {"topologySpreadConstraints": spread}, {"affinity": away}, {"priority": i})[i % 4]
        world.place(pod(f"p{i}", "700m", labels={"app": "web"}, **kind))
    world.loop.run_for(60)
    return "\n".join(
        f"{verb} {key} {world.node_of(key.partition('/')[2])}"
        for verb, _, key in world.client.log
        if key in world.client.store["pods"]
    )


def test_whatever_the_hash_seed() -> None:
    root = Path(__file__).parents[2]
    told = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        told.append(
            subprocess.run(
                [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=root, env=environment
            ).stdout
        )
    assert told[0] == told[1] == story(7) + "\n"
    assert story(7) != story(8)
