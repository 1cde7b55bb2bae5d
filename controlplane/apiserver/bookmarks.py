"""Bookmarks: events of a watch that carry no change, only how far it has come (apiserver: storage/cacher)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from controlplane.apiserver import schema
from controlplane.apiserver.codec import encode
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.watch_cache import Entry

Obj = dict[str, Any]

INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}  # on the one that ends what was there already


def bookmark(info: ResourceInfo, revision: int, annotations: dict[str, str] | None = None) -> Entry:
    """An event that says no more than: you have seen everything up to this revision."""
    meta: Obj = {"annotations": annotations} if annotations else {}
    # a custom resource has no schema here: it shows its type and its metadata
    empty = {} if info.custom else _empty(info.api_version, info.kind)
    stored = {"kind": info.kind, "apiVersion": info.api_version, "metadata": meta, **empty}
    return Entry.build(b"", stored, encode(stored), revision)


@lru_cache(maxsize=256)
def _empty(api_version: str, kind: str) -> Obj:
    """What an object of which nothing is said has besides its metadata: the fields that Go always writes."""
    known = schema.type_of(api_version, kind)
    if known is None:
        return {}
    empty, _ = known.decode({"apiVersion": api_version, "kind": kind, "metadata": {}}, "Ignore")
    return {key: _nil(value) for key, value in empty.items() if key not in ("apiVersion", "kind", "metadata")}


def _nil(value: Any) -> Any:
    """A list of which nothing is said is null."""
    if isinstance(value, dict):
        return {key: _nil(inner) for key, inner in value.items()}
    return None if value == [] else value
