"""Pods of one ReplicaSet have the same spec: it is decoded, defaulted and checked once, and shared by all of them.

What is shared is never changed: admission and strategies put new objects in the place of those that they change.
"""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.codec import encode

Obj = dict[str, Any]

KEEP = 256  # different specs


class Alike:
    """The last specs that were sent, by their JSON, as they came out of decoding and defaulting."""

    def __init__(self) -> None:
        self._specs: dict[bytes, Obj] = {}

    def find(self, sent: Any) -> tuple[bytes, Obj | None]:
        """(what to remember the spec by, its decoded form if one like it was sent before); b"" if it is no object."""
        if not isinstance(sent, dict):
            return b"", None
        try:
            key = encode(sent)
        except (TypeError, ValueError, RecursionError):
            return b"", None
        return key, self._specs.get(key)

    def remember(self, key: bytes, spec: Obj) -> None:
        """From now on `spec` stands for every spec that is sent like it."""
        if len(self._specs) >= KEEP:
            del self._specs[next(iter(self._specs))]
        self._specs[key] = spec
