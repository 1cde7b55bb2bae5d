"""From a URL to what is asked for (apiserver: endpoints/request/requestinfo.go)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Route(NamedTuple):
    """The parts of a resource's path: `/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME[/SUBRESOURCE]]`.

    `rest` is what follows a subresource (proxy paths); `watch` is set by the old `/api/v1/watch/...` prefix.
    """

    group: str
    version: str
    namespace: str
    plural: str
    name: str
    subresource: str
    rest: str = ""
    watch: bool = False


NAMESPACE_SUBRESOURCES = ("status", "finalize")


@lru_cache(maxsize=8192)
def parse(path: str) -> Route | None:
    """The route of a resource path, or None for any other path.  A trailing slash says nothing."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, parts = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return None
    watch = parts[0] == "watch" and len(parts) > 1
    if watch:
        parts = parts[1:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
        else:  # the namespace itself is the object
            parts = ["namespaces", *parts[1:]]
            namespace = ""
    if "" in parts:
        return None
    padded = [*parts, "", ""]
    return Route(group, version, namespace, padded[0], padded[1], padded[2], "/".join(parts[3:]), watch)
