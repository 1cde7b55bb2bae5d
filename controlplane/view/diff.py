"""What is different: two objects, or the whole cluster at two revisions, field by field in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from controlplane.view.history import History

Obj = dict[str, Any]

UNSEEN = {  # bookkeeping of the API server, and times that only say when the next line happened
    "managedFields", "resourceVersion", "lastHeartbeatTime", "lastTransitionTime", "lastUpdateTime", "lastProbeTime",
}  # fmt: skip
LONG = 60  # characters of a value
NAMES = ("name", "type", "uid", "ip", "key")  # what tells the items of a list apart
MISSING = object()


def changes(before: Obj, after: Obj) -> list[str]:
    """A line for each field that differs: "spec.replicas: 4 → 5", "+ spec.nodeName: node-a", "- status.x"."""
    return list(_compare("", before, after))


def _compare(path: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            if name not in UNSEEN:
                yield from _compare(f"{path}.{name}" if path else name, old.get(name, MISSING), new.get(name, MISSING))
    elif isinstance(old, list) and isinstance(new, list) and (named := _named(old, new)):
        left, right = named
        for name in [*left, *(name for name in right if name not in left)]:
            yield from _compare(f"{path}[{name}]", left.get(name, MISSING), right.get(name, MISSING))
    elif old is MISSING:
        yield f"+ {path}: {short(new)}"
    elif new is MISSING:
        yield f"- {path}: {short(old)}"
    else:
        yield f"{path}: {short(old)} → {short(new)}"


def _named(*lists: list[Any]) -> list[dict[str, Any]]:
    """The items of each list by their names, or [] if they have none or share them."""
    named: list[dict[str, Any]] = []
    for items in lists:
        names = {_identity(item): item for item in items}
        if len(names) < len(items) or "" in names:
            return []
        named.append(names)
    return named


def _identity(item: Any) -> str:
    """What tells an item of a list apart from the others, or ""."""
    if not isinstance(item, dict):
        return ""
    if "effect" in item:  # a taint or a toleration: a node has several of one key
        return f"{item.get('key', '')}:{item['effect']}"
    found = next((item[name] for name in NAMES if isinstance(item.get(name), str)), "")
    return str(found or (item.get("targetRef") or {}).get("name", ""))


def short(value: Any) -> str:
    """A value in at most so many characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


class Diff:
    """What differs between two revisions, by object.  Prints as text, shows as HTML in a notebook."""

    def __init__(self, title: str, objects: Mapping[str, list[str]]) -> None:
        self.title = title
        self.objects = objects  # "~ Deployment default/web" -> its lines; "+" and "-" for those made and removed

    def __str__(self) -> str:
        lines = [self.title]
        for name, told in self.objects.items():
            lines += [name, *(f"    {line}" for line in told)]
        return "\n".join(lines) if self.objects else f"{self.title}\nnothing"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        blocks = "".join(
            f'<div style="margin-top:4px"><strong>{escape(name)}</strong>'
            + "".join(f'<div style="padding-left:2em"><code>{escape(line)}</code></div>' for line in told)
            + "</div>"
            for name, told in self.objects.items()
        )
        return (
            '<figure style="margin:8px 0;padding:8px 12px;max-width:960px;background:#fff;color:#1f2328;border:1px '
            'solid #d0d7de;font:13px/1.5 system-ui,sans-serif">'
            f"<figcaption>{escape(self.title)}</figcaption>{blocks or 'nothing'}</figure>"
        )


def diff(history: History, old: int, new: int = 0, leave_out: tuple[str, ...] = ("Event", "Lease")) -> Diff:
    """The cluster at revision `old` against `new` (0: now); kinds that only make noise are left out."""
    before, after = history.at(old), history.at(new)
    objects: dict[str, list[str]] = {}
    for key in sorted({*before, *after}):
        left, right = before.get(key), after.get(key)
        some = right or left or {}
        if some.get("kind") in leave_out:
            continue
        if left is None or right is None:
            objects[f"{'-' if right is None else '+'} {_name(some)}"] = []
        elif told := changes(left, right):
            objects[f"~ {_name(some)}"] = told
    return Diff(f"From revision {old} to {new or history.last}:", objects)


def _name(obj: Obj) -> str:
    meta = obj["metadata"]
    where = f"{meta['namespace']}/" if "namespace" in meta else ""
    return f"{obj['kind']} {where}{meta['name']}"
