"""Which Pods of a DaemonSet to replace next (upstream: pkg/controller/daemon/update.go, rollingUpdate)."""

from __future__ import annotations

from collections.abc import Callable

from controlplane.client.base import Obj, Objs
from controlplane.controllers.history import HASH


def rolling_update(
    by_node: dict[str, Objs],
    wanted: list[str],
    digest: str,
    max_unavailable: int,
    max_surge: int,
    available: Callable[[Obj], bool],
) -> tuple[Objs, list[str]]:
    """(old Pods to delete, nodes that get a second Pod).

    Without surge, old Pods that are not available go at once, and others as far as maxUnavailable allows; with surge,
    a new Pod starts beside the old one first.
    """
    broken: list[tuple[str, Obj]] = []
    candidates: list[tuple[str, Obj]] = []
    unavailable = surging = 0
    for node in sorted({*by_node, *wanted}):
        fresh, stale = _split(by_node.get(node, []), digest)
        if len(fresh) > 1 or len(stale) > 1:  # for the next pass over the nodes to tidy up
            surging += max_surge > 0
            unavailable += 1
        elif max_surge:
            if fresh and stale:
                surging += 1
            elif stale:
                (candidates if available(stale[0]) else broken).append((node, stale[0]))
        elif bool(fresh) == bool(stale):
            unavailable += 1
        elif fresh:
            unavailable += not available(fresh[0])
        elif available(stale[0]):
            candidates.append((node, stale[0]))
        else:
            broken.append((node, stale[0]))
            unavailable += 1
    if max_surge:
        room = max(max_surge - surging, 0)
        return [], [node for node, _ in [*broken, *candidates[:room]] if node in wanted]
    room = max(max_unavailable - unavailable, 0)
    return [pod for _, pod in [*broken, *candidates[:room]]], []


def _split(pods: Objs, digest: str) -> tuple[Objs, Objs]:
    """(Pods of the newest revision, of older ones), less those that are going."""
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    fresh = [pod for pod in staying if (pod["metadata"].get("labels") or {}).get(HASH) == digest]
    return fresh, [pod for pod in staying if pod not in fresh]
