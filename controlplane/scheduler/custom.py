"""A scheduler of your own: one function in place of the whole algorithm, or plugins beside the default ones.

    @from_function
    def fewest_pods(pod, nodes):
        return min(nodes, key=lambda node: len(node.pods)).name

    class EvenNames(Plugin):
        def score(self, state, pod, node):
            return 100 if node.name[-1] in "02468" else 0

    Cluster(scheduler=fewest_pods)
    Cluster(scheduler=from_plugins(EvenNames, weight=5))

The queue, the binding, the events and the status stay what they are; only the choice is yours.  With a `scheduler_name`
of its own, such a scheduler runs beside the default one, in any cluster to which there is a client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from controlplane.client.base import Client, Obj, Objs
from controlplane.clock import Loop
from controlplane.scheduler.algorithm import NoNodes
from controlplane.scheduler.budget import limited
from controlplane.scheduler.explain import Decision
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import DEFAULT_SCHEDULER, PodInfo
from controlplane.scheduler.registry import REGISTRY
from controlplane.scheduler.resources import Resources, pod_requests
from controlplane.scheduler.runtime import Framework, describe
from controlplane.scheduler.scheduler import Scheduler
from controlplane.scheduler.status import FitError, PluginError, Status, unschedulable


class NodeView(dict[str, Any]):
    """A Node as in the API, with what is on it.  It is a copy: changing it changes nothing in the cluster."""

    def __init__(self, info: NodeInfo) -> None:
        super().__init__(deepcopy(info.node))
        self.info = info
        self.source = info.node

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def labels(self) -> dict[str, str]:
        return self["metadata"].get("labels") or {}

    @property
    def taints(self) -> list[dict[str, str]]:
        return self["spec"].get("taints") or []

    @property
    def pods(self) -> Objs:
        """The Pods on the node, also those on their way to it.  Shared: read only."""
        return [pod.pod for pod in self.info.pods.values()]

    @property
    def has(self) -> Resources:
        """What it has for Pods: {"cpu": thousandths, "memory": bytes, "pods": slots, ...}."""
        return dict(self.info.allocatable)

    @property
    def free(self) -> Resources:
        """What is left of it."""
        return self.info.free

    def fits(self, pod: Obj) -> bool:
        """Is there room for what the Pod asks for?"""
        free = self.free
        wanted = {**pod_requests(pod), "pods": 1}
        return all(value <= free.get(name, 0) for name, value in wanted.items() if value)


Choose = Callable[[Obj, Sequence[NodeView]], str | None]


class Chooser:
    """Upstream's algorithm replaced by `choose(pod, nodes) -> name of a node, or None for none`."""

    def __init__(self, handle: Handle, choose: Choose, name: str) -> None:
        self.handle = handle
        self.name = name
        self._choose = limited(name, choose)
        self._views: dict[str, NodeView] = {}

    def _view(self, info: NodeInfo) -> NodeView:
        view = self._views.get(info.name)
        if view is None or view.info is not info or view.source is not info.node:
            view = self._views[info.name] = NodeView(info)
        return view

    def schedule(self, framework: Framework, state: CycleState, pod: PodInfo, decision: Decision | None = None) -> str:
        nodes = self.handle.cache.nodes
        if not nodes:
            raise NoNodes
        try:
            chosen = self._choose(deepcopy(pod.pod), [self._view(info) for info in nodes])
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f'running scheduler "{self.name}": {describe(error)}') from error
        if chosen is None:
            refusal = unschedulable(f"node(s) were not chosen by {self.name}", plugin=self.name)
            statuses: dict[str, Status] = {info.name: refusal for info in nodes}
            if decision is not None:
                for info in nodes:
                    decision.refused(info.name, refusal)
            raise FitError(len(nodes), statuses)
        found = self.handle.cache.by_name.get(chosen) if isinstance(chosen, str) else None
        if found is None or not found.node:
            raise PluginError(f'scheduler "{self.name}" chose {chosen!r}, which is not the name of a node')
        if decision is not None:
            for info in nodes:
                decision.passed(info.name)
            decision.choose(chosen, [chosen], f"{self.name} chose it")
        return found.name


KEEPS = ("SchedulingGates", "PrioritySort", "DefaultBinder")  # the plugins that stay


def from_function(choose: Choose, scheduler_name: str = DEFAULT_SCHEDULER) -> Callable[[Loop, Client], Scheduler]:
    """A scheduler part, `(loop, client) -> Scheduler`, that asks `choose` for each Pod of `scheduler_name`.

    `choose` gets the Pod as in the API and a list of `NodeView`; it checks nothing that it does not check itself.  An
    exception, an unknown node or too long a thought fails that Pod with an event, and the queue goes on.
    """
    name = getattr(choose, "__name__", type(choose).__name__)
    config = {
        "profiles": [
            {
                "schedulerName": scheduler_name,
                "plugins": {"multiPoint": {"disabled": [{"name": "*"}], "enabled": [{"name": keep} for keep in KEEPS]}},
            }
        ]
    }

    def make(loop: Loop, client: Client) -> Scheduler:
        return Scheduler(
            loop, client, config=config, algorithm=lambda handle, percentage: Chooser(handle, choose, name)
        )

    make.__name__ = name
    make.__doc__ = choose.__doc__
    return make


def from_plugins(
    *plugins: type[Plugin], weight: int = 1, scheduler_name: str = DEFAULT_SCHEDULER
) -> Callable[[Loop, Client], Scheduler]:
    """A scheduler part with the default plugins and these; one that has the name of a default plugin replaces it.

    `weight` is what their scores count; a replaced plugin keeps its own.
    """
    entries = [{"name": p.name, "weight": weight} for p in plugins if p.name not in REGISTRY]
    config = {"profiles": [{"schedulerName": scheduler_name, "plugins": {"multiPoint": {"enabled": entries}}}]}

    def make(loop: Loop, client: Client) -> Scheduler:
        return Scheduler(loop, client, config=config, plugins={p.name: p for p in plugins})

    make.__name__ = "_".join(p.name for p in plugins)
    return make
