"""Reading one's own writes: not deciding from a cache that does not show yet what we did (upstream: the feature
StaleControllerConsistency, which 1.36 has for other controllers).

Resource versions of one resource can be compared as numbers (KEP-5504).
"""

from __future__ import annotations

from controlplane.client.base import Obj
from controlplane.client.informer import Informer, key_of
from controlplane.clock import Loop

PATIENCE = 10.0  # seconds after which a write that is not seen counts as undone: what we wrote was deleted since


class OwnWrites:
    """The versions that we wrote of objects in one cache, by the key for which we wrote them."""

    def __init__(self, loop: Loop, cache: Informer) -> None:
        self.loop = loop
        self.cache = cache
        self._written: dict[str, dict[str, tuple[int, float]]] = {}  # for whom -> object -> (version, when)

    def note(self, key: str, obj: Obj) -> None:
        """`obj` is what the API server answered to a write for `key`."""
        version = obj["metadata"]["resourceVersion"]
        if version.isdecimal():
            self._written.setdefault(key, {})[key_of(obj)] = (int(version), self.loop.now())

    def seen(self, key: str) -> bool:
        """Does the cache show everything that was written for `key`?"""
        written = self._written.get(key)
        if not written:
            return True
        for name, (version, when) in list(written.items()):
            obj = self.cache.get(name)
            shown = obj is not None and int(obj["metadata"]["resourceVersion"]) >= version
            if shown or self.loop.now() - when > PATIENCE:
                del written[name]
        if not written:
            del self._written[key]
        return key not in self._written

    def forget(self, key: str) -> None:
        self._written.pop(key, None)
