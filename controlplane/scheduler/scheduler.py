"""The scheduler: watches Pods without a node and binds each to one (upstream: pkg/scheduler).

A cycle runs from the queue to the assumed node without interruption; the binding follows as a step of its own.  Nothing
is kept that a restart would miss: what is bound is in the API, and everything else is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from controlplane.client.base import Client, Obj
from controlplane.client.informer import Informer, InformerFactory, key_of
from controlplane.clock import Loop
from controlplane.scheduler import events
from controlplane.scheduler.algorithm import Algorithm, NoNodes
from controlplane.scheduler.binding import Binder
from controlplane.scheduler.cache import Cache
from controlplane.scheduler.config import build, load
from controlplane.scheduler.explain import Decision, Decisions
from controlplane.scheduler.framework import CycleState, Nominated, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.pod_info import DEFAULT_SCHEDULER, PodInfo
from controlplane.scheduler.queue import Queued, SchedulingQueue
from controlplane.scheduler.registry import REGISTRY
from controlplane.scheduler.report import Reporter
from controlplane.scheduler.runtime import Framework, describe
from controlplane.scheduler.status import NO_NODES, FitError, PluginError

SYNC_POLL = 0.1  # seconds between looks whether the informers have their first lists
OTHERS = {  # resources besides Pods and Nodes whose events can help a Pod
    "persistentvolumeclaims": events.PVC,
    "persistentvolumes": events.PV,
    "storageclasses.storage.k8s.io": events.STORAGE_CLASS,
}
ACTIONS = {"ADDED": "Add", "MODIFIED": "Update", "DELETED": "Delete"}
MakeAlgorithm = Callable[[Handle, int], Any]


class Scheduler:
    """A scheduler part: `Scheduler(loop, client)`, then `start()`.

    `config` is a KubeSchedulerConfiguration (a dict, or YAML); `plugins` are classes that its profiles can name besides
    our own.  `informers` shares the caches of other parts in this process.  `algorithm` replaces the whole way to
    a node.
    """

    def __init__(
        self,
        loop: Loop,
        client: Client,
        *,
        config: Obj | str | None = None,
        informers: InformerFactory | None = None,
        plugins: Mapping[str, type[Plugin]] | None = None,
        algorithm: MakeAlgorithm = Algorithm,
    ) -> None:
        self.loop = loop
        self.client = client
        self._own_informers = informers is None
        self.informers = informers or InformerFactory(loop, client)
        self.cache = Cache()
        self.handle = Handle(loop, client, self.informers, self.cache)
        settings = build(
            load(config) if isinstance(config, str) else config, self.handle, {**REGISTRY, **(plugins or {})}
        )
        self.profiles: dict[str, Framework] = settings.frameworks
        self.handle.frameworks = self.profiles
        self.algorithm = algorithm(self.handle, settings.percentage)
        self.queue = SchedulingQueue(loop, self.handle, self._wake, settings.initial_backoff, settings.max_backoff)
        self.handle.activate = self.queue.activate
        self.reporter = Reporter(self.handle, self.queue, self._current)
        self.binder = Binder(self.handle, self.queue, self.reporter)
        self.decisions = Decisions()
        self.running = False
        self._awake = False
        self._pods: Informer = self.informers.informer("pods")
        self._nodes: Informer = self.informers.informer("nodes")

    # Life ------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """List and watch, and schedule from then on.  A scheduler is started once."""
        if self.running:
            return
        self.running = True
        self._nodes.add_handler(self._on_node)
        self._pods.add_handler(self._on_pod)
        for resource, kind in OTHERS.items():
            if resource in self.handle.listers:
                self.handle.listers[resource].add_handler(partial(self._on_other, kind))
        self.informers.start()
        self._wake()

    def stop(self) -> None:
        """Stop at once, wherever the work stands."""
        self.running = False
        self.binder.stopped = True
        self.queue.stop()
        if self._own_informers:
            self.informers.stop()

    def _wake(self) -> None:
        if self.running and not self._awake:
            self._awake = True
            self.loop.call_soon(self._run)

    def _run(self) -> None:
        """Schedule one Pod, and come back for the next."""
        self._awake = False
        if not self.running:
            return
        if not (self._pods.synced and self._nodes.synced and self.handle.synced):
            self._awake = True
            self.loop.call_later(SYNC_POLL, self._run)
            return
        item = self.queue.pop()
        if item is not None:
            self.schedule_one(item)
        if self.queue.ready:
            self._wake()

    # What happens in the cluster -------------------------------------------------------------------------------------

    def _on_node(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if not self.running:
            return
        if type == "DELETED" and old is not None:
            self.cache.remove_node(old["metadata"]["name"])
        elif new is not None:
            self.cache.set_node(new)
        if self.queue.watchful:
            for event in events.node_changes(old, new):
                self.queue.on_event(event, old, new)

    def _on_pod(self, type: str, old: Obj | None, new: Obj | None) -> None:
        pod = old if type == "DELETED" else new
        if not self.running or pod is None:
            return
        if old is not None and type == "MODIFIED" and old["metadata"].get("uid") != pod["metadata"].get("uid"):
            self._on_gone(old)  # another Pod of the same name, and nobody heard of the end of the first
            old = None
        if type == "DELETED" or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            self._on_gone(pod)  # what has ended takes no room any more
        elif pod["spec"].get("nodeName"):
            self._on_assigned(old, pod)
        elif (pod["spec"].get("schedulerName") or DEFAULT_SCHEDULER) in self.profiles:
            self._on_waiting(old, PodInfo(pod))

    def _on_waiting(self, old: Obj | None, pod: PodInfo) -> None:
        if pod.key in self.cache.assumed:
            return
        if pod.terminating:
            self.queue.delete(pod.key)
            self.handle.nominator.remove(pod.key)
            return
        self.handle.nominator.set(pod, pod.nominated_node)
        if old is None:
            self.queue.add(pod)
        else:
            self.queue.update(old, pod)

    def _on_assigned(self, old: Obj | None, pod: Obj) -> None:
        key = key_of(pod)
        before = self.cache.pods.get(key)
        arrived = before is None or key in self.cache.assumed
        if not self.cache.touch_pod(key, pod):
            self.cache.add_pod(PodInfo(pod))
        if arrived:
            self.handle.nominator.remove(key)
            self.queue.delete(key)
            if self.queue.watchful:
                self.queue.on_event(events.ASSIGNED_ADD, None, pod)
        elif old is not None and before is not None and self.queue.watchful:
            now = self.cache.pods[key].requests
            shrunk = any(now.get(name, 0) < value for name, value in before.requests.items())
            for event in events.assigned_changes(old, pod, shrunk):
                self.queue.on_event(event, old, pod)

    def _on_gone(self, pod: Obj) -> None:
        key = key_of(pod)
        self.queue.delete(key)
        self.handle.nominator.remove(key)
        self.binder.reject(key, "", "removed")
        if self.cache.remove_pod(key) is not None and self.queue.watchful:
            self.queue.on_event(events.ASSIGNED_DELETE, pod, None)

    def _on_other(self, kind: str, type: str, old: Obj | None, new: Obj | None) -> None:
        if self.running and self.queue.watchful:
            self.queue.on_event(f"{kind}/{ACTIONS[type]}", old, new)

    def _current(self, pod: PodInfo) -> Obj | None:
        """The newest version of a Pod that still needs a node."""
        newest = self._pods.get(pod.key)
        if newest is None or newest["spec"].get("nodeName") or newest["metadata"].get("uid", "") != pod.uid:
            return None
        return newest

    # The scheduling cycle --------------------------------------------------------------------------------------------

    def schedule_one(self, item: Queued) -> None:
        """Try to find a node for one Pod, and act on the answer."""
        pod = item.pod
        if pod.terminating or pod.key in self.cache.pods or self._current(pod) is None:
            self.queue.done(pod.key)
            return
        framework = self.handle.framework_of(pod)
        state = CycleState()
        decision = None
        if self.decisions.wanted(len(self.cache.nodes)):
            decision = Decision(pod.key, self.loop.now(), framework, item.attempts)
            self.decisions.keep(decision)
        try:
            if pod.template.problem:
                raise PluginError(pod.template.problem)
            node = self.algorithm.schedule(framework, state, pod, decision)
        except FitError as error:
            self._refuse(framework, state, item, error, decision)
        except NoNodes:
            self._conclude(decision, NO_NODES)
            self.reporter.refused(item, NO_NODES, Nominated(""))
        except PluginError as error:
            self._conclude(decision, str(error))
            self.reporter.broken(item, str(error))
        except Exception as error:
            message = f'plugin "{framework.running}": {describe(error)}'
            self._conclude(decision, message)
            self.reporter.broken(item, message)
        else:
            self.binder.assume(framework, state, item, node)

    def _refuse(
        self, framework: Framework, state: CycleState, item: Queued, error: FitError, decision: Decision | None
    ) -> None:
        """No node fits: ask PostFilter for help, then let the Pod wait."""
        nominated: Nominated | None = Nominated("")
        if decision is not None and not error.pre_filter_message:
            decision.study(framework, state, item.pod, self.cache.nodes)
        if framework.post_filter:
            try:
                nominated = framework.run_post_filter(state, item.pod, error)
            except PluginError as problem:
                error.post_filter_message, nominated = str(problem), None
        item.plugins, item.pending = tuple(error.plugins), error.pending
        help = f" Preemption makes room on {nominated.node}." if nominated and nominated.node else ""
        message = error.message
        self._conclude(decision, message + help)
        self.reporter.refused(item, message, nominated)

    @staticmethod
    def _conclude(decision: Decision | None, message: str) -> None:
        if decision is not None:
            decision.message = message

    # Explaining ------------------------------------------------------------------------------------------------------

    def explain(self, pod: str) -> Decision:
        """The last decision about the Pod `namespace/name`.  LookupError if there is none."""
        decision = self.decisions.get(pod)
        if decision is None:
            raise LookupError(self._why_no_decision(pod))
        return decision

    def _why_no_decision(self, key: str) -> str:
        pod = self._pods.get(key)
        if pod is None:
            return f"there is no Pod {key}"
        name = pod["spec"].get("schedulerName") or DEFAULT_SCHEDULER
        if name not in self.profiles:
            return f"Pod {key} belongs to the scheduler {name}, not to this one"
        waiting = self.queue.find(key)
        if waiting is not None and waiting.gated:
            return f"Pod {key} is kept out of the queue by {waiting.gated}"
        if waiting is not None:
            return f"Pod {key} has not been tried yet"
        return f"no decision about Pod {key} was kept"

    def annotate(self, pod: str) -> None:
        """Write the last decision about a Pod into its annotations."""
        decision = self.explain(pod)
        namespace, _, name = pod.partition("/")
        self.client.patch("pods", name, {"metadata": {"annotations": decision.annotation()}}, namespace)
