"""The scheduling framework: extension points, cycle state, and what runs the plugins of a profile.

Names and rules are upstream's (kube-scheduler/framework, pkg/scheduler/framework/runtime).  A plugin is a class that
overrides some methods of `Plugin`; each method is an extension point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from controlplane.client.base import Obj
from controlplane.scheduler.budget import guarded
from controlplane.scheduler.events import EventHint
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import SKIP, Code, FitError, PluginError, Status

if TYPE_CHECKING:
    from controlplane.scheduler.handle import Handle

MAX_SCORE = 100
MIN_SCORE = 0

POINTS = {  # extension point, as KubeSchedulerConfiguration writes it -> method of Plugin
    "preEnqueue": "pre_enqueue", "queueSort": "less", "preFilter": "pre_filter", "filter": "filter",
    "postFilter": "post_filter", "preScore": "pre_score", "score": "score", "reserve": "reserve", "permit": "permit",
    "preBind": "pre_bind", "bind": "bind", "postBind": "post_bind",
}


RUNNING_PRE_ENQUEUE = 'running PreEnqueue plugin "{}"'
RUNNING_PRE_FILTER = 'running PreFilter plugin "{}"'
RUNNING_FILTER = 'running "{}" filter plugin'
RUNNING_POST_FILTER = 'running PostFilter plugin "{}"'
RUNNING_PRE_SCORE = 'running PreScore plugin "{}"'
SCORING = 'running Score plugins: plugin "{}" failed with'


class CycleState(dict[str, Any]):
    """What plugins leave for each other and for their later extension points, for one attempt at one Pod."""

    def __init__(self) -> None:
        super().__init__()
        self.skip_filter: set[str] = set()  # plugins whose PreFilter answered SKIP; only asked, never iterated
        self.skip_score: set[str] = set()

    def clone(self) -> CycleState:
        """A copy to try things on: values that have a `clone` method are cloned."""
        copy = CycleState()
        for key, value in self.items():
            copy[key] = value.clone() if hasattr(value, "clone") else value
        copy.skip_filter, copy.skip_score = self.skip_filter, self.skip_score
        return copy


class Nominated(NamedTuple):
    """What PostFilter found: the Pod may run on this node soon ("" takes an earlier nomination back)."""

    node: str


class Plugin:
    """The base of all plugins: override what you need.

    Everywhere, None means success.  `pod["spec"]` and `node["metadata"]` are the API objects' own.
    """

    name = ""  # the class name, unless set
    local = False  # do Filter and Score depend on nothing but the Pod's template and the one node?  Then they are kept

    def __init__(self, args: Obj, handle: Handle) -> None:
        self.args = args
        self.handle = handle

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    def events_to_register(self) -> Sequence[EventHint]:
        """Which events could make a Pod schedulable that this plugin refused."""
        return (EventHint("*"),)

    def pre_enqueue(self, pod: PodInfo) -> Status | None:
        """May the Pod enter the queue?"""
        raise NotImplementedError

    def less(self, pod: PodInfo, since: float) -> tuple[Any, ...]:
        """The sort key of a Pod that has waited since `since`: the smallest is next."""
        raise NotImplementedError

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[Sequence[str] | None, Status | None]:
        """(names of the only nodes to look at or None, verdict): asked once, before the nodes."""
        raise NotImplementedError

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """What if `other` were on `node`?  Keep the state of PreFilter true."""

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """What if `other` were not on `node`?  Keep the state of PreFilter true."""

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Can the Pod run on the node?"""
        raise NotImplementedError

    def filter_nodes(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[Status | None]:
        """`filter` for many nodes; override it where that can be faster."""
        return [self.filter(state, pod, node) for node in nodes]

    def post_filter(self, state: CycleState, pod: PodInfo, error: FitError) -> tuple[Nominated | None, Status | None]:
        """No node fits: can something be done about it?"""
        raise NotImplementedError

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Status | None:
        """Asked once, with the nodes that passed the filters, before they are scored."""
        raise NotImplementedError

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        """How good is the node?  From 0 to 100 unless `normalize` brings it there."""
        raise NotImplementedError

    def score_nodes(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """`score` for many nodes; override it where that can be faster."""
        return [self.score(state, pod, node) for node in nodes]

    def normalize(self, state: CycleState, pod: PodInfo, scores: list[int]) -> list[int]:
        """NormalizeScore: the scores of all nodes, brought into 0 to 100."""
        raise NotImplementedError

    def reserve(self, state: CycleState, pod: PodInfo, node: str) -> Status | None:
        """The node is chosen: set aside what the plugin has to give."""
        raise NotImplementedError

    def unreserve(self, state: CycleState, pod: PodInfo, node: str) -> None:
        """Take `reserve` back.  Also called where `reserve` was not: it must not mind."""

    def permit(self, state: CycleState, pod: PodInfo, node: str) -> tuple[Status | None, float]:
        """(verdict, seconds): Code.WAIT holds the Pod until it is allowed or the time is over."""
        raise NotImplementedError

    def pre_bind(self, state: CycleState, pod: PodInfo, node: str) -> Status | None:
        """The last work before the binding."""
        raise NotImplementedError

    def bind(self, state: CycleState, pod: PodInfo, node: str) -> Status | None:
        """Bind, or answer SKIP to leave it to the next plugin."""
        raise NotImplementedError

    def post_bind(self, state: CycleState, pod: PodInfo, node: str) -> None:
        """The Pod is bound."""
        raise NotImplementedError


def implements(plugin: Plugin, method: str) -> bool:
    return getattr(type(plugin), method) is not getattr(Plugin, method)


class Weighted(NamedTuple):
    plugin: Plugin
    weight: int
    normalized: bool


class Framework:
    """One profile at work: its plugins, by extension point, in order."""

    def __init__(self, name: str, points: Mapping[str, Sequence[tuple[Plugin, int]]],
                 percentage: int | None = None) -> None:
        self.name = name
        self.percentage = percentage  # percentageOfNodesToScore of the profile, if it sets one
        self.running = ""  # the plugin that was called last: the one to blame when something raises
        by_point = {point: [plugin for plugin, _ in points.get(point, ())] for point in POINTS}
        self.pre_enqueue, self.pre_filter = by_point["preEnqueue"], by_point["preFilter"]
        self.filters, self.post_filter = by_point["filter"], by_point["postFilter"]
        self.pre_scores, self.reserves = by_point["preScore"], by_point["reserve"]
        self.permits, self.pre_binds = by_point["permit"], by_point["preBind"]
        self.binds, self.post_binds = by_point["bind"], by_point["postBind"]
        self.queue_sort = by_point["queueSort"][0] if by_point["queueSort"] else None
        self.scores = [Weighted(plugin, weight, implements(plugin, "normalize"))
                       for plugin, weight in points.get("score", ())]
        self.plugins: dict[str, Plugin] = {p.name: p for plugins in by_point.values() for p in plugins}
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
                    message = f"node(s) didn't satisfy plugin {plugin.name}" if one else \
                        f"node(s) didn't satisfy plugin(s) {_go_list(restricting)} simultaneously"
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

    def run_pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo],
                      local: bool | None = None) -> None:
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
    try:
        fine = not scores or (min(scores) >= MIN_SCORE and max(scores) <= MAX_SCORE)
    except TypeError:
        fine = False
    if not fine or any(type(score) is not int for score in scores):
        bad = next(s for s in scores if type(s) is not int or not MIN_SCORE <= s <= MAX_SCORE)
        raise PluginError(f'plugin "{plugin.name}" returns an invalid score {bad!r}, it should in the range of '
                          f"[{MIN_SCORE}, {MAX_SCORE}] after normalizing")


def describe(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def default_normalize(scores: list[int], reverse: bool = False) -> list[int]:
    """Upstream's DefaultNormalizeScore: the highest becomes 100; `reverse` turns the scale round."""
    highest = max(scores, default=0)
    if highest == 0:
        return [MAX_SCORE] * len(scores) if reverse else scores
    if reverse:
        return [MAX_SCORE - MAX_SCORE * score // highest for score in scores]
    return [MAX_SCORE * score // highest for score in scores]


def _go_list(names: Sequence[str]) -> str:
    return "[" + " ".join(names) + "]"
