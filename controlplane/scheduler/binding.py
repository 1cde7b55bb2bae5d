"""From a chosen node to a bound Pod: Reserve, Permit, PreBind, Bind, PostBind (upstream: schedule_one.go).

The Pod counts on its node from the moment the node is chosen (it is assumed); the binding is a step of its own on the
loop, after which the next Pod is already decided.  Whatever fails on the way is taken back in full.
"""

from __future__ import annotations

from typing import Any

from controlplane.clock import Timer
from controlplane.scheduler.events import ASSIGNED_DELETE
from controlplane.scheduler.framework import CycleState, Nominated, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.queue import Queued, SchedulingQueue
from controlplane.scheduler.report import Reporter
from controlplane.scheduler.runtime import Framework
from controlplane.scheduler.status import Code, FitError, PluginError, Status, unschedulable

LONGEST_WAIT = 900.0  # seconds that a Permit plugin can hold a Pod


class Binding:
    """One Pod on its way to one node."""

    def __init__(self, framework: Framework, state: CycleState, item: Queued, pod: PodInfo, node: str) -> None:
        self.framework = framework
        self.state = state
        self.item = item
        self.pod = pod
        self.node = node
        self.waits_for: dict[str, Timer] = {}  # Permit plugins that hold it, with their time limits

    def call(self, point: str, plugin: Plugin, method: Any) -> Any:
        doing = f'running {point} plugin "{{}}"'
        return self.framework.call(plugin, doing, method, self.state, self.pod, self.node)


class Binder:
    def __init__(self, handle: Handle, queue: SchedulingQueue, reporter: Reporter) -> None:
        self.handle = handle
        self.queue = queue
        self.reporter = reporter
        self.waiting: dict[str, Binding] = {}  # held by Permit plugins
        self.stopped = False
        handle.allow, handle.reject = self.allow, self.reject

    def assume(self, framework: Framework, state: CycleState, item: Queued, node: str) -> None:
        """The node is chosen: count the Pod there, reserve, ask for permission, and bind."""
        pod = self.handle.cache.assume(item.pod, node)
        self.handle.nominator.remove(pod.key)
        binding = Binding(framework, state, item, pod, node)
        try:
            for plugin in framework.reserves:
                status = binding.call("Reserve", plugin, plugin.reserve)
                if status is not None and status.code != Code.SUCCESS:
                    self._undo(binding, "Reserve", status.of(plugin.name))
                    return
            for plugin in framework.permits:
                status, seconds = binding.call("Permit", plugin, plugin.permit)
                if status is not None and status.code == Code.WAIT:
                    binding.waits_for[plugin.name] = self.handle.loop.call_later(
                        min(seconds, LONGEST_WAIT), self._on_timeout, binding, plugin.name, seconds
                    )
                elif status is not None and status.code != Code.SUCCESS:
                    self._undo(binding, "Permit", status.of(plugin.name))
                    return
        except PluginError as error:
            self._undo(binding, "", Status(Code.ERROR, str(error)))
            return
        if binding.waits_for:
            self.waiting[pod.key] = binding
        else:
            self.handle.loop.call_soon(self._bind, binding)

    # Permit ----------------------------------------------------------------------------------------------------------

    def allow(self, key: str, plugin: str) -> None:
        """A Permit plugin lets a waiting Pod go; it is bound when the last one has."""
        binding = self.waiting.get(key)
        if binding is None or plugin not in binding.waits_for:
            return
        binding.waits_for.pop(plugin).cancel()
        if not binding.waits_for:
            del self.waiting[key]
            self.handle.loop.call_soon(self._bind, binding)

    def reject(self, key: str, plugin: str, message: str) -> None:
        """A Permit plugin turns a waiting Pod down."""
        binding = self.waiting.pop(key, None)
        if binding is not None:
            self._undo(binding, "Permit", unschedulable(message, plugin=plugin))

    def _on_timeout(self, binding: Binding, plugin: str, seconds: float) -> None:
        if self.waiting.get(binding.pod.key) is binding:
            self.reject(
                binding.pod.key, plugin, f"rejected due to timeout after waiting {seconds:g}s at plugin {plugin}"
            )

    # Binding ---------------------------------------------------------------------------------------------------------

    def _bind(self, binding: Binding) -> None:
        framework, pod, node = binding.framework, binding.pod, binding.node
        if self.stopped or pod.key not in self.handle.cache.assumed:
            self.queue.done(pod.key)
            return
        try:
            for plugin in framework.pre_binds:
                status = binding.call("PreBind", plugin, plugin.pre_bind)
                if status is not None and status.code != Code.SUCCESS:
                    self._undo(binding, "PreBind", status.of(plugin.name))
                    return
            for plugin in framework.binds:
                status = binding.call("Bind", plugin, plugin.bind)
                if status is None or status.code == Code.SUCCESS:
                    break
                if status.code != Code.SKIP:
                    self._undo(binding, "Bind", status.of(plugin.name))
                    return
            else:
                self._undo(binding, "", Status(Code.ERROR, f"no Bind plugin of profile {framework.name} took the Pod"))
                return
        except PluginError as error:
            self._undo(binding, "", Status(Code.ERROR, str(error)))
            return
        self.queue.done(pod.key)
        self.handle.event(
            framework.name,
            binding.item.pod.pod,
            "Normal",
            "Scheduled",
            f"Successfully assigned {pod.namespace}/{pod.name} to {node}",
        )
        for plugin in framework.post_binds:
            try:
                binding.call("PostBind", plugin, plugin.post_bind)
            except PluginError as error:
                self.handle.event(framework.name, binding.item.pod.pod, "Warning", "FailedScheduling", str(error))

    def _undo(self, binding: Binding, point: str, status: Status) -> None:
        """Take back what was assumed and reserved; `status` says why."""
        item, framework = binding.item, binding.framework
        for timer in binding.waits_for.values():
            timer.cancel()
        for plugin in reversed(framework.reserves):
            try:
                binding.call("Unreserve", plugin, plugin.unreserve)
            except PluginError as error:
                self.handle.event(framework.name, item.pod.pod, "Warning", "FailedScheduling", str(error))
        self.handle.cache.forget(item.pod.key)
        if status.rejected and point in ("Reserve", "Permit"):
            item.plugins = (status.plugin,)
            self.reporter.refused(item, FitError(1, {binding.node: status}).message, Nominated(""))
        else:
            message = f'running {point} plugin "{status.plugin}": {status.message}' if point else status.message
            self.reporter.broken(item, message)
        self.queue.on_event(ASSIGNED_DELETE, binding.pod.pod, None, but=item.pod.key)
