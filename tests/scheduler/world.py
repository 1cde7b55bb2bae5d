"""A cluster with a scheduler and nothing else, for tests that look at decisions."""

from __future__ import annotations

from typing import Any

from controlplane.clock import Loop
from controlplane.scheduler.scheduler import Scheduler
from tests.scheduler.fake import FakeClient

Obj = dict[str, Any]


class World:
    """A loop, an API and a running scheduler; keyword arguments go to the scheduler."""

    def __init__(self, *objects: Obj, seed: int = 0, make: Any = None, **kwargs: Any) -> None:
        self.loop = Loop(seed)
        self.client = FakeClient(self.loop)
        self.scheduler: Scheduler = (make or Scheduler)(self.loop, self.client, **kwargs)
        for obj in objects:
            self.client.add(obj)
        self.scheduler.start()
        self.loop.run_ready()

    def place(self, *pods: Obj, seconds: float = 0.0) -> str:
        """Create Pods one by one; where the last one went, or ""."""
        for pod in pods:
            self.client.add(pod)
            self.loop.run_for(seconds)
        return self.node_of(pods[-1]["metadata"]["name"])

    def node_of(self, name: str) -> str:
        return str(self.client.pod(name)["spec"].get("nodeName", ""))

    def message(self, name: str) -> str:
        conditions = (self.client.pod(name).get("status") or {}).get("conditions") or [{}]
        return str(conditions[0].get("message", ""))

    def scores(self, name: str, plugin: str) -> dict[str, int]:
        """The normalised scores that a plugin gave in the last decision about a Pod."""
        return self.scheduler.explain(f"default/{name}").scores[plugin].normalized
