"""The verdict of a plugin, and the message that a Pod without a node gets (upstream: kube-scheduler/framework)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import IntEnum


class Code(IntEnum):
    """Upstream's status codes."""

    SUCCESS = 0
    ERROR = 1  # something broke: an internal or an API error, a plugin that raised
    UNSCHEDULABLE = 2  # not here; removing Pods might help
    UNSCHEDULABLE_AND_UNRESOLVABLE = 3  # not here, and removing Pods cannot help
    WAIT = 4  # Permit only: hold the Pod
    SKIP = 5  # the plugin has nothing to say about this Pod
    PENDING = 6  # rejected until something that the plugin waits for has happened


class Status:
    """What a plugin answers; None stands for success.  Statuses are shared: never change one."""

    __slots__ = ("code", "reasons", "plugin")

    def __init__(self, code: Code, *reasons: str, plugin: str = "") -> None:
        self.code = code
        self.reasons = reasons
        self.plugin = plugin

    @property
    def message(self) -> str:
        return ", ".join(self.reasons)

    @property
    def rejected(self) -> bool:
        """The plugin decided against the Pod (and nothing broke)."""
        return self.code in (Code.UNSCHEDULABLE, Code.UNSCHEDULABLE_AND_UNRESOLVABLE, Code.PENDING)

    def of(self, plugin: str) -> Status:
        """The same status, with the name of the plugin that gave it."""
        return self if self.plugin else Status(self.code, *self.reasons, plugin=plugin)

    def __repr__(self) -> str:
        return f"Status({self.code.name}, {self.message!r}, plugin={self.plugin!r})"


def unschedulable(*reasons: str, plugin: str = "") -> Status:
    """Not here; removing other Pods might help."""
    return Status(Code.UNSCHEDULABLE, *reasons, plugin=plugin)


def unresolvable(*reasons: str, plugin: str = "") -> Status:
    """Not here, whatever Pods are removed."""
    return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, *reasons, plugin=plugin)


SKIP = Status(Code.SKIP)
NO_NODES = "no nodes available to schedule pods"


class PluginError(Exception):
    """A plugin broke: it raised, ran past its budget or answered nonsense.  The message names it."""


class FitError(Exception):
    """No node fits the Pod.  `statuses` says why for each node that was looked at, `absent` for all others."""

    def __init__(
        self,
        all_nodes: int,
        statuses: Mapping[str, Status] | None = None,
        absent: Status | None = None,
        pre_filter_message: str = "",
        plugins: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.all_nodes = all_nodes
        self.statuses: Mapping[str, Status] = statuses or {}
        self.absent = absent
        self.pre_filter_message = pre_filter_message
        self.post_filter_message = ""
        self._distinct = {id(status): status for status in self.statuses.values()}  # few, over many nodes
        named = {status.plugin for status in self._distinct.values() if status.plugin}
        self.plugins = sorted(named | set(plugins))
        self.pending = any(status.code == Code.PENDING for status in self._distinct.values())

    @property
    def message(self) -> str:
        """Upstream's sentence: "0/3 nodes are available: 2 Insufficient cpu, ..."."""
        parts = [f"0/{self.all_nodes} nodes are available:"]
        if self.pre_filter_message:
            parts.append(f"{self.pre_filter_message}.")
        elif reasons := self.histogram():
            parts.append(", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items())) + ".")
        if self.post_filter_message:
            parts.append(self.post_filter_message)
        return " ".join(parts)

    def histogram(self) -> dict[str, int]:
        """How many nodes gave each reason."""
        counts: dict[str, int] = {}
        for identity, count in Counter(map(id, self.statuses.values())).items():
            for reason in self._distinct[identity].reasons:
                counts[reason] = counts.get(reason, 0) + count
        if self.absent is not None and len(self.statuses) < self.all_nodes:
            for reason in self.absent.reasons:
                counts[reason] = counts.get(reason, 0) + self.all_nodes - len(self.statuses)
        return counts

    def status_of(self, node: str) -> Status | None:
        return self.statuses.get(node, self.absent)

    def __str__(self) -> str:
        return self.message
