"""The objects of one resource in the state store (apiserver: storage/etcd3/store.go, storage/continue.go).

The key is `/registry/PLURAL/NAMESPACE/NAME`, the value the object's JSON without its resourceVersion: that is the
key's mod revision.  Every write is a compare-and-swap on it, so no writer ever overwrites what it has not seen.
"""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from controlplane.apiserver import errors
from controlplane.apiserver.codec import DecodeError, decode, encode
from controlplane.apiserver.conversion import conversion
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.watch_cache import Entry, WatchCache
from controlplane.etcd.api import Compacted, Compare, DeleteRange, EtcdStore, FutureRevision, Put, Range, prefix_end

Obj = dict[str, Any]
Match = Callable[[Entry], bool]

CHUNK = 500  # keys read at once while a limited list looks for what matches

EXPIRED_LIST = "The resourceVersion for the provided list is too old."
EXPIRED_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


class Page(NamedTuple):
    """What a list found: `remaining` is None where upstream does not say it."""

    entries: list[Entry]
    revision: int
    continue_: str
    remaining: int | None


class Storage:
    """One resource's part of the keyspace, with its watch cache."""

    def __init__(
        self, info: ResourceInfo, store: EtcdStore, now: Callable[[], float], triggers: dict[str, Callable[[Obj], str]]
    ) -> None:
        self.info = info
        self.store = store
        self.prefix = info.etcd_prefix.encode()
        self._conversion = conversion(info)
        convert = self._conversion.from_stored if self._conversion is not None else None
        self.cache = WatchCache(store, self.prefix, now, triggers, convert, keeps_decoded=info.plural != "events")

    def key(self, namespace: str, name: str) -> bytes:
        return self.info.key(namespace, name).encode()

    def internal(self, obj: Obj) -> Obj:
        """An object in the one form in which a kind is validated, whatever version it came in."""
        if self._conversion is None or self.info.custom:
            return obj
        return self._conversion.to_stored(obj)

    def get(self, key: bytes) -> Entry | None:
        """The object as it is now, or None."""
        kvs = self.store.range(key).kvs
        return self.cache.entry(kvs[0]) if kvs else None

    def create(self, key: bytes, obj: Obj) -> Entry | None:
        """Write a new object; None if the key is taken."""
        return self._write(key, obj, 0)

    def replace(self, entry: Entry, obj: Obj) -> Entry | None:
        """Write `obj` over `entry`; None if something else was written in between."""
        return self._write(entry.key, obj, entry.revision)

    def _write(self, key: bytes, obj: Obj, expected: int) -> Entry | None:
        stored = to_stored(obj)
        if self._conversion is not None:
            stored = self._conversion.to_stored(stored)
        value = bytes(memoryview(encode(stored)))  # a copy of the right size: orjson's buffers are mostly air
        self.cache.written = (value, stored)
        try:
            result = self.store.txn([Compare(key, "mod", "=", expected)], [Put(key, value)], [Range(key)])
        finally:
            self.cache.written = None
        if not result.succeeded:
            return None
        entry = self.cache.entries.get(key)
        if entry is not None and entry.revision == result.revision:
            return entry
        return self.cache.build(key, stored, value, result.revision)

    def remove(self, entry: Entry) -> int:
        """Delete what `entry` is; its revision, or 0 if something else was written in between."""
        result = self.store.txn(
            [Compare(entry.key, "mod", "=", entry.revision)], [DeleteRange(entry.key)], [Range(entry.key)]
        )
        return result.revision if result.succeeded else 0

    # Lists ----------------------------------------------------------------------------------------------------------

    def list(
        self,
        namespace: str,
        match: Match | None,
        *,
        revision: int = 0,
        limit: int = 0,
        continue_: str = "",
        name: str = "",
    ) -> Page:
        """The objects in order of their keys, at `revision` (0 for now), from a continue token on.

        With a `limit`, the page ends there and says how to go on.  `name` narrows the list to one object.
        """
        within = self.prefix + (f"{namespace}/".encode() if namespace and self.info.namespaced else b"")
        start = within
        if continue_:
            start, revision = decode_continue(continue_, within)
            revision = max(revision, 0)  # -1 stands for the latest, whatever was compacted meanwhile
        elif name and (namespace or not self.info.namespaced):
            start = self.key(namespace, name)
        end = prefix_end(within) if start != self.key(namespace, name) or not name else start + b"\0"
        try:
            return self._page(start, end, within, match, revision, limit)
        except Compacted as error:
            if continue_:
                raise errors.expired(EXPIRED_CONTINUE, encode_continue(start, within, -1)) from error
            raise errors.expired(EXPIRED_LIST) from error
        except FutureRevision as error:
            raise errors.too_large_resource_version(revision, self.store.revision) from error

    def _page(self, start: bytes, end: bytes, within: bytes, match: Match | None, revision: int, limit: int) -> Page:
        first = self.store.range(start, end, limit=limit and (limit if match is None else CHUNK), revision=revision)
        at = revision or first.revision
        entries: list[Entry] = []
        chunk, key = first, start
        while True:
            for entry in self._entries(chunk.kvs):
                if limit and len(entries) >= limit:  # there is more, whether it matches or not
                    return Page(entries, at, encode_continue(key + b"\0", within, at), None)
                key = entry.key
                if match is None or match(entry):
                    entries.append(entry)
            if not chunk.more:
                return Page(entries, at, "", None)
            if limit and len(entries) >= limit:
                remaining = first.count - len(entries) if match is None else None
                return Page(entries, at, encode_continue(key + b"\0", within, at), remaining)
            chunk = self.store.range(key + b"\0", end, limit=CHUNK, revision=at)

    def _entries(self, kvs: Iterable[Any]) -> Iterator[Entry]:
        return map(self.cache.entry, kvs)


def to_stored(obj: Obj) -> Obj:
    """The form that goes into the store: type and metadata first, no resourceVersion."""
    meta = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    stored = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}
    for key, value in obj.items():
        if key not in stored:
            stored[key] = value
    return stored


def encode_continue(key: bytes, within: bytes, revision: int) -> str:
    """Where the next page starts, as a token that clients hand back as it is."""
    token = {"v": "meta.k8s.io/v1", "rv": revision, "start": key.removeprefix(within).decode()}
    return base64.urlsafe_b64encode(encode(token)).rstrip(b"=").decode()


def decode_continue(token: str, within: bytes) -> tuple[bytes, int]:
    """(key to start from, revision) of a continue token.  Raises StatusError 400 for anything else."""
    problem = "invalid continue token: continue key is not valid"
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        bad = next((i for i, c in enumerate(token) if not (c.isascii() and (c.isalnum() or c in "-_"))), len(token) - 1)
        raise errors.bad_request(f"{problem}: illegal base64 data at input byte {bad}") from error
    try:
        value = decode(raw)
    except DecodeError as error:
        raise errors.bad_request(f"{problem}: {error}") from error
    if not isinstance(value, dict):
        raise errors.bad_request(f"{problem}: json: cannot unmarshal into Go value of type storage.continueToken")
    version, revision, start = value.get("v", ""), value.get("rv", 0), value.get("start", "")
    if version != "meta.k8s.io/v1":
        raise errors.bad_request(f"{problem}: server does not recognize this encoded version {version}")
    if not isinstance(revision, int) or revision == 0:
        raise errors.bad_request(f"{problem}: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not isinstance(start, str) or not start:
        raise errors.bad_request(f"{problem}: encoded start key empty (version meta.k8s.io/v1)")
    path = start if start.startswith("/") else "/" + start
    if posixpath.normpath(path) != path:
        raise errors.bad_request(f"{problem}: {start}")
    return within + path[1:].encode(), revision
