"""The scheduling framework: the extension points, and the state of a cycle (upstream: kube-scheduler/framework).

A plugin is a class that overrides some methods of `Plugin`; each method is an extension point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from controlplane.client.base import Obj
from controlplane.scheduler.events import EventHint
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import FitError, Status

if TYPE_CHECKING:
    from controlplane.scheduler.handle import Handle

MAX_SCORE = 100
MIN_SCORE = 0

POINTS = {  # extension point, as KubeSchedulerConfiguration writes it -> method of Plugin
    "preEnqueue": "pre_enqueue",
    "queueSort": "less",
    "preFilter": "pre_filter",
    "filter": "filter",
    "postFilter": "post_filter",
    "preScore": "pre_score",
    "score": "score",
    "reserve": "reserve",
    "permit": "permit",
    "preBind": "pre_bind",
    "bind": "bind",
    "postBind": "post_bind",
}


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

    def advise(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> str:
        """What would have to change for the filter to pass the node, in words; "" if there is nothing better to say
        than the refusal."""
        return ""

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


def default_normalize(scores: list[int], reverse: bool = False) -> list[int]:
    """Upstream's DefaultNormalizeScore: the highest becomes 100; `reverse` turns the scale round."""
    highest = max(scores, default=0)
    if highest == 0:
        return [MAX_SCORE] * len(scores) if reverse else scores
    if reverse:
        return [MAX_SCORE - MAX_SCORE * score // highest for score in scores]
    return [MAX_SCORE * score // highest for score in scores]
