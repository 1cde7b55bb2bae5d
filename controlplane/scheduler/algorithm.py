"""One scheduling cycle: from a Pod to a node (upstream: pkg/scheduler/schedule_one.go).

*Note*: HTTP extenders, a mechanism older than the framework, are left out here.

There are two ways to the same answer.  `_find_slowly` asks every plugin about every node and can write down what each
of them said (`explain.Decision`); `_find_quickly` does the same on the columns of `board.Board`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from controlplane.scheduler.board import Board
from controlplane.scheduler.explain import Decision
from controlplane.scheduler.framework import CycleState
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.runtime import RUNNING_FILTER, Framework
from controlplane.scheduler.status import Code, FitError, Status, unresolvable

MIN_FEASIBLE = 100  # nodes: fewer are always all looked at
MIN_PERCENTAGE = 5
BOARDS = 64  # templates whose columns are kept


class NoNodes(Exception):
    """There is no node at all."""


class Algorithm:
    """Finds a node for one Pod after another.

    `percentage` is percentageOfNodesToScore: 0 for upstream's rule, 100 to score them all.
    """

    def __init__(self, handle: Handle, percentage: int = 0) -> None:
        self.handle = handle
        self.percentage = percentage
        self.start = 0  # the node at which the next search begins, so that all get their turn
        self._boards: dict[tuple[str, str | int], Board] = {}

    def wanted(self, framework: Framework, nodes: int) -> int:
        """After how many feasible nodes the search ends."""
        if nodes < MIN_FEASIBLE:
            return nodes
        percentage = self.percentage if framework.percentage is None else framework.percentage
        if percentage == 0:
            percentage = max(50 - nodes // 125, MIN_PERCENTAGE)
        return max(nodes * percentage // 100, MIN_FEASIBLE)

    def schedule(self, framework: Framework, state: CycleState, pod: PodInfo, decision: Decision | None = None) -> str:
        """The name of the node for the Pod.  Raises FitError, NoNodes or PluginError."""
        cache = self.handle.cache
        nodes = cache.nodes
        if not nodes:
            raise NoNodes
        only, rejected, restricting = framework.run_pre_filter(state, pod)
        if decision is not None:
            decision.filters = [plugin.name for plugin in framework.filters if plugin.name not in state.skip_filter]
        if rejected is not None:
            raise FitError(
                len(nodes),
                absent=rejected,
                pre_filter_message=rejected.message,
                plugins=[rejected.plugin] if rejected.plugin else restricting,
            )
        statuses: dict[str, Status] = {}
        placement = None
        if pod.nominated_node:
            placement = self._nominated(framework, state, pod, statuses, decision)
        absent = None
        if placement is None and only is None and decision is None:
            placement = self._find_quickly(framework, state, pod, nodes, statuses)
        elif placement is None:
            if only is not None:
                nodes = [cache.by_name[name] for name in only if name in cache.by_name and cache.by_name[name].node]
                absent = unresolvable(f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(restricting))}]")
            placement = self._find_slowly(framework, state, pod, nodes, statuses, decision)
        if placement is None:
            raise FitError(len(cache.nodes), statuses, absent, plugins=restricting)
        return placement

    # Node by node ----------------------------------------------------------------------------------------------------

    def _nominated(
        self,
        framework: Framework,
        state: CycleState,
        pod: PodInfo,
        statuses: dict[str, Status],
        decision: Decision | None,
    ) -> str | None:
        node = self.handle.cache.by_name.get(pod.nominated_node)
        if node is None or not node.node:
            return None
        status = framework.run_filters_with_nominated(state, pod, node)
        if status is not None:
            statuses[node.name] = status
            return None
        if decision is not None:
            decision.passed(node.name)
            decision.choose(node.name, [node.name], "an earlier preemption nominated it")
        return node.name

    def _find_slowly(
        self,
        framework: Framework,
        state: CycleState,
        pod: PodInfo,
        nodes: Sequence[NodeInfo],
        statuses: dict[str, Status],
        decision: Decision | None,
    ) -> str | None:
        wanted = self.wanted(framework, len(nodes)) if framework.scores else 1
        feasible: list[NodeInfo] = []
        for i in range(len(nodes)):
            node = nodes[(self.start + i) % len(nodes)]
            status = framework.run_filters_with_nominated(state, pod, node)
            if status is None:
                feasible.append(node)
                if decision is not None:
                    decision.passed(node.name)
            else:
                statuses[node.name] = status
                if decision is not None:
                    decision.refused(node.name, status)
            if len(feasible) >= wanted:
                break
        self._advance(len(feasible) + len(statuses))
        if not feasible:
            return None
        if len(feasible) == 1:
            if decision is not None:
                decision.choose(feasible[0].name, [feasible[0].name], "it is the only one that fits")
            return feasible[0].name
        framework.run_pre_score(state, pod, feasible)
        totals = [0] * len(feasible)
        for item in framework.scores:
            if item.plugin.name in state.skip_score:
                continue
            raw = framework.raw_scores(item, state, pod, feasible)
            normalized = framework.normalized(item, state, pod, raw)
            totals = [total + score * item.weight for total, score in zip(totals, normalized, strict=True)]
            if decision is not None:
                decision.scored(item.plugin.name, item.weight, [node.name for node in feasible], raw, normalized)
        best = max(totals)
        ties = [i for i, total in enumerate(totals) if total == best]
        winner = self._fall(ties)
        if decision is not None:
            decision.choose(feasible[winner].name, [feasible[i].name for i in ties])
        return feasible[winner].name

    def _fall(self, ties: list[int]) -> int:
        """One of the nodes that are equally good: by chance, as upstream, but with the seed 0 always the first.

        So what a reader of the course works out by hand, with the seed that its pages use, is what happens.
        """
        if len(ties) == 1 or not self.handle.loop.seed:
            return ties[0]
        return ties[self.handle.rng.randrange(len(ties))]

    def _advance(self, processed: int) -> None:
        self.start = (self.start + processed) % len(self.handle.cache.nodes)

    # On columns ------------------------------------------------------------------------------------------------------

    def _board(self, framework: Framework, pod: PodInfo) -> Board:
        template = pod.template
        key = (framework.name, template.needs if framework.only_ours else template.id)
        board = self._boards.get(key)
        if board is None:
            if len(self._boards) >= BOARDS:
                del self._boards[next(iter(self._boards))]
            board = self._boards[key] = Board(framework, self.handle.cache, pod)
        board.follow()
        return board

    def _find_quickly(
        self, framework: Framework, state: CycleState, pod: PodInfo, nodes: list[NodeInfo], statuses: dict[str, Status]
    ) -> str | None:
        board = self._board(framework, pod)
        wanted = self.wanted(framework, len(nodes)) if framework.scores else 1
        picked: list[int] = []
        spans: list[tuple[int, int]] = []
        first, left = self.start % len(nodes), len(nodes)
        while left and len(picked) < wanted:  # a span never holds more nodes than are still wanted
            after_last = min(first + min(wanted - len(picked), left), len(nodes))
            board.learn(first, after_last)
            picked += self._fitting(board, framework, state, pod, first, after_last, statuses)
            spans.append((first, after_last))
            left -= after_last - first
            first = after_last % len(nodes)
        self.start = first
        if not picked:
            for first, after_last in spans:
                for node, refusal in zip(nodes[first:after_last], board.refusals[first:after_last], strict=True):
                    if refusal is not None:
                        statuses.setdefault(node.name, refusal)
            return None
        if len(picked) == 1:
            return nodes[picked[0]].name
        totals = self._totals(board, framework, state, pod, picked)
        best = max(totals)
        ties = [i for i, total in enumerate(totals) if total == best]
        winner = self._fall(ties)
        return nodes[picked[winner]].name

    def _fitting(
        self,
        board: Board,
        framework: Framework,
        state: CycleState,
        pod: PodInfo,
        first: int,
        after_last: int,
        statuses: dict[str, Status],
    ) -> list[int]:
        """The indices of the nodes of a span that pass all filters."""
        nodes = self.handle.cache.nodes
        picked = list(compress(range(first, after_last), board.fits[first:after_last]))
        for plugin in board.others:
            if plugin.name in state.skip_filter or not picked:
                continue
            asked = list(map(nodes.__getitem__, picked))
            found = framework.call(plugin, RUNNING_FILTER, plugin.filter_nodes, state, pod, asked)
            if any(found):
                for node, status in zip(asked, found, strict=True):
                    if status is not None and status.code != Code.SUCCESS:
                        statuses[node.name] = framework.refusal(plugin, status)
                picked = [i for i, node in zip(picked, asked, strict=True) if node.name not in statuses]
        for name in self.handle.nominator.by_node:
            info = self.handle.cache.by_name.get(name)
            if info is not None and info.node and first <= info.index < after_last:
                status = framework.run_filters_with_nominated(state, pod, info)
                if status is not None:
                    statuses[name] = status
                    picked = [index for index in picked if index != info.index]
        return picked

    def _totals(
        self, board: Board, framework: Framework, state: CycleState, pod: PodInfo, picked: list[int]
    ) -> list[int]:
        totals = board.totals(picked)
        if board.other_scores:
            nodes = list(map(self.handle.cache.nodes.__getitem__, picked))
            framework.run_pre_score(state, pod, nodes, local=False)
            for item in board.other_scores:
                if item.plugin.name in state.skip_score:
                    continue
                scores = framework.normalized(item, state, pod, framework.raw_scores(item, state, pod, nodes))
                totals = [total + score * item.weight for total, score in zip(totals, scores, strict=True)]
        return totals
