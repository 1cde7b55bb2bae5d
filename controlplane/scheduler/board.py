"""What is known about each node for the Pods of one template, kept from cycle to cycle.

Most filters and scores depend on nothing but the Pod's template and the one node (`Plugin.local`).  Two Pods of one
Deployment ask the same question of 5,000 nodes of which one has changed in between; so the answers are written down in
columns, one entry for each node, and the cache's log says which entries to compute again.  Scanning, comparing and
summing columns is then left to Python's built-in list and byte operations.
"""

from __future__ import annotations

from itertools import takewhile

from controlplane.scheduler.cache import Cache
from controlplane.scheduler.framework import MAX_SCORE, MIN_SCORE, CycleState
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.runtime import RUNNING_FILTER, Framework, check_scores, describe
from controlplane.scheduler.status import Code, PluginError, Status

REFUSED, FITS, UNKNOWN = 0, 1, 2  # itertools.compress takes the nodes that fit out of a span


class Board:
    """The columns for one template in one profile; where all local plugins are ours, for all templates with the same
    needs.

    `fits` says whether the local filters at the head of the profile pass the node, `refusals` why not, `scores` sums
    the weighted scores of local plugins without NormalizeScore, and `raw` has a column for each local plugin with one.
    """

    def __init__(self, framework: Framework, cache: Cache, pod: PodInfo) -> None:
        self.framework = framework
        self.cache = cache
        self.pod = pod
        self.state = CycleState()  # what local plugins leave for themselves
        framework.run_pre_filter(self.state, pod)
        framework.run_pre_score(self.state, pod, cache.nodes, local=True)
        head = list(takewhile(lambda plugin: plugin.local, framework.filters))
        self.filters = [plugin for plugin in head if plugin.name not in self.state.skip_filter]
        self.others = framework.filters[len(head) :]  # filters to be asked in each cycle
        scores = [item for item in framework.scores if item.plugin.name not in self.state.skip_score]
        self.plain = [item for item in scores if item.plugin.local and not item.normalized]
        self.to_normalize = [item for item in scores if item.plugin.local and item.normalized]
        self.other_scores = [item for item in scores if not item.plugin.local]
        self.reset()

    def reset(self) -> None:
        count = len(self.cache.nodes)
        self.shape = self.cache.shape
        self.position = self.cache.position
        self.fits = bytearray([UNKNOWN]) * count
        self.refusals: list[Status | None] = [None] * count
        self.scores = [0] * count
        self.raw: dict[str, list[int]] = {item.plugin.name: [0] * count for item in self.to_normalize}

    def follow(self) -> None:
        """Forget what has changed since the last cycle."""
        changes = self.cache.since(self.position)
        if self.shape != self.cache.shape or changes is None:
            self.reset()
            return
        self.position = self.cache.position
        fits = self.fits
        for node, _, _ in changes:
            if node.node:
                fits[node.index] = UNKNOWN

    def _look_at(self, node: NodeInfo) -> None:
        index, pod, state, framework = node.index, self.pod, self.state, self.framework
        for plugin in self.filters:
            framework.running = plugin.name
            status = plugin.filter(state, pod, node)
            if status is not None and status.code != Code.SUCCESS:
                self.refusals[index] = framework.refusal(plugin, status)
                self.fits[index] = REFUSED
                return
        total = 0
        for plugin, weight, _ in self.plain:
            framework.running = plugin.name
            score = plugin.score(state, pod, node)
            if type(score) is not int or not MIN_SCORE <= score <= MAX_SCORE:
                check_scores(plugin, (score,), 1)
            total += score * weight
        for plugin, _, _ in self.to_normalize:
            framework.running = plugin.name
            self.raw[plugin.name][index] = plugin.score(state, pod, node)
        self.refusals[index] = None
        self.scores[index] = total
        self.fits[index] = FITS

    def learn(self, first: int, after_last: int) -> None:
        """Fill in what is unknown in a span."""
        fits, nodes = self.fits, self.cache.nodes
        index = fits.find(UNKNOWN, first, after_last)
        try:
            while index >= 0:
                self._look_at(nodes[index])
                index = fits.find(UNKNOWN, index + 1, after_last)
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f"{RUNNING_FILTER.format(self.framework.running)}: {describe(error)}") from error

    def totals(self, picked: list[int]) -> list[int]:
        """The sums of the local scores of the nodes with these indices."""
        totals = list(map(self.scores.__getitem__, picked))
        for item in self.to_normalize:
            raw = list(map(self.raw[item.plugin.name].__getitem__, picked))
            if any(raw):  # all zero is the same for all, whatever NormalizeScore makes of it
                normalized = self.framework.normalized(item, self.state, self.pod, raw)
                totals = [total + score * item.weight for total, score in zip(totals, normalized, strict=True)]
        return totals
