"""Why it is so: from a write back to the write that its author saw before, up to somebody's wish.

Components do not say why they write.  The cause of a write is therefore inferred: it is the latest earlier change of a
related object (itself, its owner, what it owns, its node, a sibling that goes) in a resource that the author watches.

*Note*: a component may have had older reasons as well; a write that only time brought about has the last change before
it, such as the last heartbeat of a node that is given up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from html import escape

from controlplane.view.diff import changes
from controlplane.view.history import History, Obj, Write

MOST = 24  # steps back
AGENTS = ("system:kube-scheduler", "system:scheduler")  # they and kubelets act on what a Pod itself says
DETAILS = ("Time", "reason", "message", "eneration", "uid")  # ends of fields that a line leaves out
SHOWN = 4  # changed fields that a line names
CELL = "border:1px solid #d0d7de;padding:3px 9px;color:#1f2328;background:#fff;text-align:left;vertical-align:top"


class Causes:
    """The cause of each write of a history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.of: dict[int, Write] = {}  # revision -> the write that led to it
        watched = {(e.user, e.resource) for e in history.cluster.log if e.verb == "watch" and e.code < 400}
        own: dict[str, list[Write]] = defaultdict(list)  # uid -> writes to that object
        owned: dict[str, list[Write]] = defaultdict(list)  # uid -> writes to what it owns
        nodes: dict[str, list[Write]] = defaultdict(list)  # name -> writes to that Node
        for write in history.writes:
            if write.resource == "events":
                continue
            found = self._cause(write, watched, own, owned, nodes)
            if found is not None:
                self.of[write.revision] = found
            own[write.uid].append(write)
            for uid in owners(write.object):
                owned[uid].append(write)
            if write.kind == "Node":
                nodes[write.name].append(write)

    def _cause(
        self,
        write: Write,
        watched: set[tuple[str, str]],
        own: dict[str, list[Write]],
        owned: dict[str, list[Write]],
        nodes: dict[str, list[Write]],
    ) -> Write | None:
        if write.by in ("you", "API server"):
            return None
        obj = write.object
        rows = [own[write.uid]]
        if write.kind != "Pod" or (write.user not in AGENTS and not write.user.startswith("system:node:")):
            rows += [owned[write.uid], *(own[uid] for uid in seen(obj))]
            rows += [[w for w in own[uid] if w.subresource != "status"] for uid in owners(obj)]
            rows.append(nodes[str(_spec(write.before or {}).get("nodeName", ""))])
        if write.verb == "create" and not write.subresource:
            rows += [[w for w in owned[uid] if goes(w)] for uid in owners(obj)]
        candidates = (self._latest(row, write, watched) for row in rows)
        return max((c for c in candidates if c is not None), key=lambda c: c.revision, default=None)

    @staticmethod
    def _latest(row: list[Write], write: Write, watched: set[tuple[str, str]]) -> Write | None:
        for earlier in reversed(row):
            if (write.user, earlier.resource) in watched and (earlier.user, earlier.key) != (write.user, write.key):
                return earlier
        return None

    def chain(self, write: Write) -> list[Write]:
        """The write, what led to it, what led to that: back to a wish, or as far as is known."""
        steps = [write]
        while len(steps) < MOST and (cause := self.of.get(steps[-1].revision)) is not None:
            steps.append(cause)
        return steps


def owners(obj: Obj) -> list[str]:
    return [str(owner["uid"]) for owner in obj["metadata"].get("ownerReferences") or []]


def seen(obj: Obj) -> Iterator[str]:
    """The uids of the Pods that an EndpointSlice is made from."""
    for endpoint in obj.get("endpoints") or []:
        uid = (endpoint.get("targetRef") or {}).get("uid")
        if uid:
            yield uid


def goes(write: Write) -> bool:
    """Did the write remove the object, or mark it as going?"""
    return write.after is None or (
        "deletionTimestamp" in write.after["metadata"]
        and "deletionTimestamp" not in ((write.before or {}).get("metadata") or {})
    )


def _spec(obj: Obj) -> Obj:
    spec: Obj = obj.get("spec") or {}
    return spec


class Why:
    """The answer: a line for each write, the newest first.  Prints as text, shows as a table in a notebook."""

    def __init__(self, what: str, start: float, steps: list[Write]) -> None:
        self.what = what
        self.steps = steps
        self.start = start

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """(revision, time, by whom, what, which fields) of each write."""
        return [(str(w.revision), f"{w.time - self.start:.1f} s", w.by, w.what, summary(w)) for w in self.steps]

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [f"Why is {self.what} as it is?  Its last change, and what led to it:"]
        for i, row in enumerate(rows):
            cells = "  ".join(
                cell.rjust(width) if j < 2 else cell.ljust(width)
                for j, (cell, width) in enumerate(zip(row[:4], widths, strict=True))
            )
            lines.append(f"{'  ' if i == 0 else '← '}{cells}  {row[4]}".rstrip())
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="{CELL}">{name}</th>' for name in HEAD)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self.rows())
        return (
            '<figure style="margin:8px 0;max-width:960px;overflow-x:auto">'
            f"<figcaption>Why is {escape(self.what)} as it is? Its last change, and what led to it:</figcaption>"
            '<table style="border-collapse:collapse;font:13px/1.4 system-ui,sans-serif">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></figure>"
        )


def _cell(text: str) -> str:
    return f'<td style="{CELL}">{escape(text)}</td>'


HEAD = ("revision", "time", "by", "write", "what changed")


def summary(write: Write) -> str:
    """The fields that a write changed, in one line."""
    if write.before is None:
        return "new"
    if write.after is None:
        return "removed"
    told = [line for line in changes(write.before, write.after) if not line.partition(":")[0].endswith(DETAILS)]
    return "; ".join(told[:SHOWN]) + (f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else "")


def why(history: History, what: str, namespace: str = "default") -> Why:
    """Why is the object "pod/web-1" as it is?"""
    last = history.find(what, namespace)[-1]
    return Why(what, history.cluster.loop.start, Causes(history).chain(last))
