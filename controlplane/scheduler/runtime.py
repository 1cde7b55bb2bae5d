"""What runs the plugins of a profile, extension point by extension point (upstream: framework/runtime)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from controlplane.scheduler.budget import OURS, guarded
from controlplane.scheduler.events import EventHint, Hint, concerns
from controlplane.scheduler.framework import MAX_SCORE, MIN_SCORE, POINTS, CycleState, Nominated, Plugin, implements
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.nominator import Nominator
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import SKIP, Code, FitError, PluginError, Status

RUNNING_PRE_ENQUEUE = 'running PreEnqueue plugin "{}"'
RUNNING_PRE_FILTER = 'running PreFilter plugin "{}"'
RUNNING_FILTER = 'running "{}" filter plugin'
RUNNING_POST_FILTER = 'running PostFilter plugin "{}"'
RUNNING_PRE_SCORE = 'running PreScore plugin "{}"'
SCORING = 'running Score plugins: plugin "{}" failed with'


class Weighted(NamedTuple):
    plugin: Plugin
    weight: int
    normalized: bool


class Framework:
    """One profile at work: its plugins, by extension point, in order."""

    def __init__(
        self,
        name: str,
        points: Mapping[str, Sequence[tuple[Plugin, int]]],
        percentage: int | None,
        nominator: Nominator,
    ) -> None:
        self.name = name
        self.nominator = nominator
        self.percentage = percentage  # percentageOfNodesToScore of the profile, if it sets one
        self.running = ""  # the plugin that was called last: the one to blame when something raises
        by_point = {point: [plugin for plugin, _ in points.get(point, ())] for point in POINTS}
        self.pre_enqueue, self.pre_filter = by_point["preEnqueue"], by_point["preFilter"]
        self.filters, self.post_filter = by_point["filter"], by_point["postFilter"]
        self.pre_scores, self.reserves = by_point["preScore"], by_point["reserve"]
        self.permits, self.pre_binds = by_point["permit"], by_point["preBind"]
        self.binds, self.post_binds = by_point["bind"], by_point["postBind"]
        self.queue_sort = by_point["queueSort"][0] if by_point["queueSort"] else None
        self.scores = [
            Weighted(plugin, weight, implements(plugin, "normalize")) for plugin, weight in points.get("score", ())
        ]
        self.plugins: dict[str, Plugin] = {p.name: p for plugins in by_point.values() for p in plugins}
        self.only_ours = all(type(plugin).__module__.startswith(OURS) for plugin in self.plugins.values())
        self._hints: dict[tuple[str, str], tuple[Hint | None, ...]] = {}
        for plugin in self.plugins.values():
            guarded(plugin)

    def call(self, plugin: Plugin, doing: str, method: Callable[..., Any], *args: Any) -> Any:
        """Call a plugin; whatever it raises becomes a PluginError that says `doing` what, and names it."""
        self.running = plugin.name
        try:
            return method(*args)
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f"{doing.format(plugin.name)}: {describe(error)}") from error

    def hints(self, plugin: str, event: str) -> tuple[Hint | None, ...]:
        """The hints that a plugin has registered for an event; a plugin that is not known minds every event."""
        key = (plugin, event)
        if key not in self._hints:
            known = self.plugins.get(plugin)
            registered = known.events_to_register() if known else (EventHint("*"),)
            self._hints[key] = tuple(hint for name, hint in registered if concerns(name, event))
        return self._hints[key]

    # The cycle -------------------------------------------------------------------------------------------------------

    def run_pre_enqueue(self, pod: PodInfo) -> Status | None:
        for plugin in self.pre_enqueue:
            status: Status | None = self.call(plugin, RUNNING_PRE_ENQUEUE, plugin.pre_enqueue, pod)
            if status is not None and status.code != Code.SUCCESS:
                return status.of(plugin.name)
        return None

    def run_pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[list[str] | None, Status | None, list[str]]:
        """(names of the only nodes to look at or None, verdict, the plugins that named nodes)."""
        only: list[str] | None = None
        restricting: list[str] = []
        rejected: Status | None = None
        for plugin in self.pre_filter:
            names, status = self.call(plugin, RUNNING_PRE_FILTER, plugin.pre_filter, state, pod)
            if status is not None:
                if status.code == Code.SKIP:
                    state.skip_filter.add(plugin.name)
                    continue
                if not status.rejected:
                    raise PluginError(f'running PreFilter plugin "{plugin.name}": {status.message}')
                if status.code == Code.UNSCHEDULABLE_AND_UNRESOLVABLE:
                    return only, status.of(plugin.name), restricting
                rejected = rejected or status.of(plugin.name)
            if names is not None:
                restricting.append(plugin.name)
                only = list(names) if only is None else [name for name in only if name in set(names)]
                if not only:
                    one = len(restricting) == 1
                    message = (
                        f"node(s) didn't satisfy plugin {plugin.name}"
                        if one
                        else f"node(s) didn't satisfy plugin(s) {_go_list(restricting)} simultaneously"
                    )
                    return only, Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, message), restricting
        return only, rejected, restricting

    def run_filters(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        """The first refusal of a filter, or None."""
        for plugin in self.filters:
            if plugin.name in state.skip_filter:
                continue
            status: Status | None = self.call(plugin, RUNNING_FILTER, plugin.filter, state, pod, node)
            if status is not None and status.code != Code.SUCCESS:
                return self.refusal(plugin, status)
        return None

    def run_filters_with_nominated(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        """All filters: as if the Pods that are nominated to the node and matter as much were there, and as it is."""
        nominated = self.nominator.by_node.get(node.name)
        if nominated:
            others = [other for other in nominated.values() if other.priority >= pod.priority and other.uid != pod.uid]
            trial, crowded = state.clone(), node.copy()
            for other in others:
                crowded.add_pod(other)
                self.add_pod(trial, pod, other, crowded)
            status = self.run_filters(trial, pod, crowded) if others else None
            if status is not None:
                return status
        return self.run_filters(state, pod, node)

    def refusal(self, plugin: Plugin, status: Status) -> Status:
        """A filter's verdict that is no success: a rejection, or the filter broke."""
        if not status.rejected:
            raise PluginError(f'running "{plugin.name}" filter plugin: {status.message}')
        return status if status.plugin else status.of(plugin.name)

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        for plugin in self.pre_filter:
            if plugin.name not in state.skip_filter:
                self.call(plugin, RUNNING_PRE_FILTER, plugin.add_pod, state, pod, other, node)

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        for plugin in self.pre_filter:
            if plugin.name not in state.skip_filter:
                self.call(plugin, RUNNING_PRE_FILTER, plugin.remove_pod, state, pod, other, node)

    def run_post_filter(self, state: CycleState, pod: PodInfo, error: FitError) -> Nominated | None:
        """The first plugin that can help decides; what the others say becomes part of the refusal."""
        messages: list[str] = []
        nominated: Nominated | None = None
        for plugin in self.post_filter:
            result, status = self.call(plugin, RUNNING_POST_FILTER, plugin.post_filter, state, pod, error)
            if status is None or status.code == Code.SUCCESS:
                return result  # type: ignore[no-any-return]
            messages.extend(status.reasons)
            if status.code == Code.UNSCHEDULABLE_AND_UNRESOLVABLE:
                break
            if not status.rejected:
                raise PluginError(f'running PostFilter plugin "{plugin.name}": {status.message}')
            nominated = nominated or result
        error.post_filter_message = ", ".join(messages)
        return nominated

    def run_pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], local: bool | None = None
    ) -> None:
        """PreScore of all plugins, or of only those that are `local` or are not."""
        for plugin in self.pre_scores:
            if local is not None and plugin.local != local:
                continue
            status = self.call(plugin, RUNNING_PRE_SCORE, plugin.pre_score, state, pod, nodes)
            if status is SKIP or (status is not None and status.code == Code.SKIP):
                state.skip_score.add(plugin.name)
            elif status is not None and status.code != Code.SUCCESS:
                raise PluginError(f'running PreScore plugin "{plugin.name}": {status.message}')

    def raw_scores(self, item: Weighted, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        scores: list[int] = self.call(item.plugin, SCORING, item.plugin.score_nodes, state, pod, nodes)
        return scores

    def normalized(self, item: Weighted, state: CycleState, pod: PodInfo, raw: list[int]) -> list[int]:
        """The scores as they count, less the weight."""
        scores: list[int] = raw
        if item.normalized:
            scores = self.call(item.plugin, SCORING, item.plugin.normalize, state, pod, list(raw))
        check_scores(item.plugin, scores, len(raw))
        return scores


def check_scores(plugin: Plugin, scores: Sequence[int], expected: int) -> None:
    """Raise unless there is one whole number from 0 to 100 for each node."""
    if len(scores) != expected:
        raise PluginError(f'plugin "{plugin.name}" returns {len(scores)} scores for {expected} nodes')
    kinds = set(map(type, scores))  # only compared, never iterated
    if kinds - {int} or (scores and not MIN_SCORE <= min(scores) <= max(scores) <= MAX_SCORE):
        bad = next(s for s in scores if type(s) is not int or not MIN_SCORE <= s <= MAX_SCORE)
        raise PluginError(
            f'plugin "{plugin.name}" returns an invalid score {bad!r}, it should in the range of '
            f"[{MIN_SCORE}, {MAX_SCORE}] after normalizing"
        )


def describe(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _go_list(names: Sequence[str]) -> str:
    return "[" + " ".join(names) + "]"
