"""The scheduler: watches Pods without a node and binds each to one (upstream: pkg/scheduler).

A cycle runs from the queue to the assumed node without interruption; the binding follows as a step of its own.  Nothing
is kept that a restart would miss: what is bound is in the API, and everything else is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.client.base import ApiError, Client, Obj
from controlplane.client.informer import Informer, InformerFactory, key_of
from controlplane.clock import Loop, rfc3339
from controlplane.scheduler import events
from controlplane.scheduler.algorithm import Algorithm, NoNodes, Placement
from controlplane.scheduler.cache import Cache
from controlplane.scheduler.config import build, load
from controlplane.scheduler.framework import CycleState, Framework, Nominated, Plugin, describe
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.pod_info import DEFAULT_SCHEDULER, PodInfo
from controlplane.scheduler.queue import Queued, SchedulingQueue
from controlplane.scheduler.registry import REGISTRY
from controlplane.scheduler.status import NO_NODES, Code, FitError, PluginError, Status

MAX_MESSAGE = 1024  # characters of an event
SYNC_POLL = 0.1  # seconds between looks whether the informers have their first lists


class Scheduler:
    """A scheduler part: `Scheduler(loop, client)`, then `start()`.

    `config` is a KubeSchedulerConfiguration (a dict, or YAML); `plugins` are classes that its profiles can name besides
    our own.  `informers` shares the caches of other parts in this process.
    """

    def __init__(self, loop: Loop, client: Client, *, config: Obj | str | None = None,
                 informers: InformerFactory | None = None, plugins: Mapping[str, type[Plugin]] | None = None) -> None:
        self.loop = loop
        self.client = client
        self.informers = informers or InformerFactory(loop, client)
        self.cache = Cache()
        self.handle = Handle(loop, client, self.informers, self.cache)
        settings = build(load(config) if isinstance(config, str) else config, self.handle,
                         {**REGISTRY, **(plugins or {})})
        self.profiles: dict[str, Framework] = settings.frameworks
        self.handle.frameworks = self.profiles
        self.algorithm = Algorithm(self.handle, settings.percentage)
        self.queue = SchedulingQueue(loop, self.handle, self._wake, settings.initial_backoff, settings.max_backoff)
        self.handle.activate = self.queue.activate
        self.running = False
        self._awake = False
        self._waiting: dict[str, Queued] = {}  # held by a Permit plugin
        self._pods: Informer = self.informers.informer("pods")
        self._nodes: Informer = self.informers.informer("nodes")

    # Life ------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        if self.running:
            return
        self.running = True
        self._nodes.add_handler(self._on_node)
        self._pods.add_handler(self._on_pod)
        self.informers.start()
        self._wake()

    def stop(self) -> None:
        self.running = False
        self.queue.stop()
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

    # Events ----------------------------------------------------------------------------------------------------------

    def _on_node(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if not self.running:
            return
        gone = old if type == "DELETED" else None
        if gone is not None:
            self.cache.remove_node(gone["metadata"]["name"])
            old, new = gone, None
        elif new is not None:
            self.cache.set_node(new)
        if self.queue.unschedulable:
            for event in events.node_changes(old, new):
                self.queue.on_event(event, old, new)

    def _on_pod(self, type: str, old: Obj | None, new: Obj | None) -> None:
        if not self.running:
            return
        if type == "DELETED":
            self._forget(old or {})
            return
        pod = new or {}
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            self._forget(pod)  # what has ended takes no room any more
        elif pod["spec"].get("nodeName"):
            self._on_assigned(old, pod)
        elif (pod["spec"].get("schedulerName") or DEFAULT_SCHEDULER) in self.profiles:
            info = PodInfo(pod)
            if info.terminating:
                self.queue.delete(info.key)
                return
            self.handle.nominator.set(info, info.nominated_node)
            if old is None:
                self.queue.add(info)
            elif info.key not in self.cache.assumed:
                self.queue.update(old, info)

    def _on_assigned(self, old: Obj | None, pod: Obj) -> None:
        key = key_of(pod)
        before = self.cache.pods.get(key)
        arrived = before is None or key in self.cache.assumed
        if not self.cache.touch_pod(key, pod):
            self.cache.add_pod(PodInfo(pod))
        if arrived:
            self.handle.nominator.remove(key)
            self.queue.delete(key)
            if self.queue.unschedulable:
                self.queue.on_event(events.ASSIGNED_ADD, None, pod)
        elif old is not None and self.queue.unschedulable and before is not None:
            now = self.cache.pods[key].requests
            shrunk = any(now.get(name, 0) < value for name, value in before.requests.items())
            for event in events.assigned_changes(old, pod, shrunk):
                self.queue.on_event(event, old, pod)

    def _forget(self, pod: Obj) -> None:
        """A Pod is gone, or has ended."""
        key = key_of(pod)
        self.queue.delete(key)
        self.handle.nominator.remove(key)
        if self._waiting.get(key):
            self.reject(key, "", "removed")
        if self.cache.remove_pod(key) is not None:
            self.queue.on_event(events.ASSIGNED_DELETE, pod, None)

    # The scheduling cycle --------------------------------------------------------------------------------------------

    def schedule_one(self, item: Queued) -> None:
        """Try to find a node for one Pod, and act on the answer."""
        pod = item.pod
        if pod.terminating or pod.key in self.cache.pods:
            self.queue.done(pod.key)
            return
        framework = self.handle.framework_of(pod)
        state = CycleState()
        try:
            placement = self.algorithm.schedule(framework, state, pod)
        except NoNodes:
            self._fail(item, NO_NODES, "Unschedulable", Nominated(""))
        except FitError as error:
            self._refuse(framework, state, item, error)
        except PluginError as error:
            self._break(item, str(error))
        except Exception as error:
            self._break(item, f'plugin "{framework.running}": {describe(error)}')
        else:
            self._assume(framework, state, item, placement)

    def _refuse(self, framework: Framework, state: CycleState, item: Queued, error: FitError) -> None:
        """No node fits: ask PostFilter for help, then let the Pod wait."""
        nominated: Nominated | None = None
        if framework.post_filter:
            try:
                nominated = framework.run_post_filter(state, item.pod, error)
            except PluginError as problem:
                error.post_filter_message = str(problem)
        else:
            nominated = Nominated("")
        item.plugins = tuple(error.plugins)
        self._fail(item, error.message, "Unschedulable", nominated)

    def _assume(self, framework: Framework, state: CycleState, item: Queued, placement: Placement) -> None:
        node, pod = placement.node, item.pod
        assumed = self.cache.assume(pod, node)
        self.handle.nominator.remove(pod.key)
        try:
            for plugin in framework.reserves:
                status = framework.call(plugin, 'running Reserve plugin "{}"', plugin.reserve, state, assumed, node)
                if status is not None and status.code != Code.SUCCESS:
                    self._undo(framework, state, item, node, status.of(plugin.name), "Reserve")
                    return
            wait, longest = False, 0.0
            for plugin in framework.permits:
                status, seconds = framework.call(plugin, 'running Permit plugin "{}"', plugin.permit, state, assumed,
                                                 node)
                if status is not None and status.code == Code.WAIT:
                    wait, longest = True, max(longest, seconds)
                elif status is not None and status.code != Code.SUCCESS:
                    self._undo(framework, state, item, node, status.of(plugin.name), "Permit")
                    return
        except PluginError as error:
            self._undo(framework, state, item, node, Status(Code.ERROR, str(error)), "")
            return
        self.loop.call_soon(self._bind, framework, state, item, assumed, node)

    def _undo(self, framework: Framework, state: CycleState, item: Queued, node: str, status: Status,
              point: str) -> None:
        """Take back what was assumed; `status` says why."""
        for plugin in reversed(framework.reserves):
            plugin.unreserve(state, item.pod, node)
        self.cache.forget(item.pod.key)
        if status.rejected:
            item.plugins = (status.plugin,)
            self._fail(item, FitError(1, {node: status}).message, "Unschedulable", Nominated(""))
        else:
            message = f'running {point} plugin "{status.plugin}": {status.message}' if point else status.message
            self._break(item, message)
        self.queue.on_event(events.ASSIGNED_DELETE, {**item.pod.on(node).pod}, None)

    # The binding cycle -----------------------------------------------------------------------------------------------

    def _bind(self, framework: Framework, state: CycleState, item: Queued, pod: PodInfo, node: str) -> None:
        if not self.running or pod.key not in self.cache.assumed:
            self.queue.done(pod.key)
            return
        try:
            for plugin in framework.pre_binds:
                status = framework.call(plugin, 'running PreBind plugin "{}"', plugin.pre_bind, state, pod, node)
                if status is not None and status.code != Code.SUCCESS:
                    self._undo(framework, state, item, node, status.of(plugin.name), "PreBind")
                    return
            for plugin in framework.binds:
                status = framework.call(plugin, 'running Bind plugin "{}"', plugin.bind, state, pod, node)
                if status is None or status.code == Code.SUCCESS:
                    break
                if status.code != Code.SKIP:
                    self._undo(framework, state, item, node, status.of(plugin.name), "Bind")
                    return
        except PluginError as error:
            self._undo(framework, state, item, node, Status(Code.ERROR, str(error)), "")
            return
        self.queue.done(pod.key)
        self.handle.recorder.event(pod.pod, "Normal", "Scheduled",
                                   f"Successfully assigned {pod.namespace}/{pod.name} to {node}")
        for plugin in framework.post_binds:
            try:
                framework.call(plugin, 'running PostBind plugin "{}"', plugin.post_bind, state, pod, node)
            except PluginError as error:
                self.handle.recorder.event(pod.pod, "Warning", "FailedScheduling", str(error))

    # Failing ---------------------------------------------------------------------------------------------------------

    def _break(self, item: Queued, message: str) -> None:
        """Something broke: try again after a back-off."""
        item.error = True
        self._fail(item, message, "SchedulerError", Nominated(""))

    def _fail(self, item: Queued, message: str, reason: str, nominated: Nominated | None) -> None:
        """Put the Pod back, tell people why, and write it into the Pod's status."""
        pod = item.pod
        current = self._pods.get(pod.key)
        if current is None or current["spec"].get("nodeName") or current["metadata"].get("uid", "") != pod.uid:
            self.queue.done(pod.key)
            return
        item.pod = PodInfo(current)
        self.queue.retry(item)
        if nominated is not None:
            self.handle.nominator.set(item.pod, nominated.node)
        short = message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE - 4] + " ..."
        self.handle.recorder.event(pod.pod, "Warning", "FailedScheduling", short)
        self._write_status(item.pod, message, reason, nominated)

    def _write_status(self, pod: PodInfo, message: str, reason: str, nominated: Nominated | None) -> None:
        status = pod.get("status") or {}
        old = next((c for c in status.get("conditions") or () if c["type"] == "PodScheduled"), {})
        new = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        generation = pod["metadata"].get("generation")
        if generation:
            new["observedGeneration"] = generation
        patch: Obj = {}
        if any(old.get(field) != value for field, value in new.items()):
            new["lastProbeTime"] = None
            new["lastTransitionTime"] = old.get("lastTransitionTime") if old.get("status") == "False" else \
                rfc3339(self.loop.now())
            patch["conditions"] = [new]
        if nominated is not None and nominated.node != pod.nominated_node:
            patch["nominatedNodeName"] = nominated.node or None
        if not patch:
            return
        try:
            self.client.patch("pods", pod.name, {"metadata": {"uid": pod.uid}, "status": patch}, pod.namespace,
                              type="strategic", subresource="status")
        except ApiError:
            return  # it is written again with the next attempt
