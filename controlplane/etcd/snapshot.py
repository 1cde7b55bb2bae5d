"""A whole store as records, in the log's own format: to start a new log from, to save, to compare (etcd: snap)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from controlplane.etcd.api import Event, KeyValue
from controlplane.etcd.mvcc import Store
from controlplane.etcd.wal import Corrupt, Record, data, lines, read, text


def event_record(event: Event) -> list[str | int]:
    """A put is [key, value, lease], a deletion [key]."""
    kv = event.kv
    return [text(kv.key), text(kv.value), kv.lease] if event.type == "PUT" else [text(kv.key)]


def records(store: Store) -> Iterator[Record]:
    """The store as it is: what was compacted as key-values, every later revision as its events."""
    leases = [[lease.id, lease.ttl] for lease in store.leases.leases.values()]
    yield {"revision": store.revision, "compacted": store.compact_revision, "leases": leases}
    base, revisions = store.parts()
    for kv in base:
        yield {"kv": [text(kv.key), text(kv.value), kv.create_revision, kv.mod_revision, kv.version, kv.lease]}
    for revision, events in revisions:
        yield {"rev": revision, "events": [event_record(event) for event in events]}


def dump(store: Store) -> bytes:
    return lines(records(store), 0)[0]


def content_hash(store: Store, revision: int = 0) -> int:
    """Equal for stores that hold the same, up to a revision if one is given.  *Note*: not the figure etcd computes."""
    base, revisions = store.parts()
    hashed = crc32(b"%d" % store.compact_revision)
    for kv in base:
        hashed = crc32(repr(tuple(kv)).encode(), hashed)
    for number, events in revisions:
        if not revision or number <= revision:
            hashed = crc32(repr([event_record(event) for event in events]).encode(), hashed)
    return hashed


def restore(store: Store, source: Iterable[Record]) -> None:
    """Fill an empty store."""
    header: Record = {}
    base: list[KeyValue] = []
    revisions: list[tuple[int, list[list[str | int]]]] = []
    for record in source:
        if "kv" in record:
            key, value, *numbers = record["kv"]
            base.append(KeyValue(data(key), data(value), *numbers))
        elif "rev" in record:
            revisions.append((record["rev"], record["events"]))
        else:
            header = record
    for id, ttl in header["leases"]:
        store.leases.grant(id, ttl)
    compacted = header["compacted"]
    last = revisions.pop(0)[1] if revisions and revisions[0][0] == compacted else []
    store.load(base, compacted, _compacted_events(compacted, last, {kv.key: kv for kv in base}))
    for kv in base:
        store.leases.move(kv.key, 0, kv.lease)
    for revision, events in revisions:
        replay(store, revision, events)
    store.revision = header["revision"]


def _compacted_events(revision: int, events: list[list[str | int]], base: dict[bytes, KeyValue]) -> list[Event]:
    """The events of the revision that the store is compacted at: what was before them is not known any more."""
    found = []
    for event in events:
        key = data(str(event[0]))
        if len(event) == 1:
            found.append(Event("DELETE", KeyValue(key, b"", 0, revision, 0), None))
        else:
            kv = KeyValue(key, data(str(event[1])), revision, revision, 1, int(event[2]))
            found.append(Event("PUT", base.get(key, kv), None))
    return found


def replay(store: Store, revision: int, events: list[list[str | int]]) -> None:
    """Do one revision again."""
    done: list[Event] = []
    for event in events:
        key = data(str(event[0]))
        if len(event) == 1:
            done += store._delete(key, None, revision)
        else:
            done.append(store._put(key, data(str(event[1])), int(event[2]), revision))
    store.revision = revision - 1
    Store._commit(store, done)


def load(path: Path) -> list[Record]:
    """The records of a snapshot's file.  Raises Corrupt."""
    content = path.read_bytes()
    found = [record for record, _, _ in read(path, content, may_be_torn=False)]
    if not found or "revision" not in found[0] or found[-1] != {"end": len(found) - 1}:
        raise Corrupt(path, len(content), "the end is missing")
    return found[:-1]


def save(store: Store, path: Path, *, fsync: bool = True) -> None:
    """Write a snapshot: there is a whole one under this name, or none."""
    whole = list(records(store))
    content, _ = lines([*whole, {"end": len(whole)}], 0)
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        if fsync:
            os.fsync(file.fileno())
    unfinished.replace(path)
    if fsync:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A new name in a folder is on disk only after this."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
