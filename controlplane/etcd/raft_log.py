"""What a member of the cluster must not forget: its term, its vote, and the log (Raft, figure 2: persistent state).

*Note*: here it outlives a crash of its member because the object does; `wal` is how a log is kept on a real disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One command; None is the empty one with which a leader starts its term."""

    term: int
    command: Any


class Log:
    """Entries from index `base + 1` on; everything up to `base` is in `snapshot`."""

    def __init__(self) -> None:
        self.term = 0
        self.vote = ""
        self.base = 0
        self.base_term = 0
        self.snapshot: Any = None
        self.entries: list[Entry] = []

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.base + len(self.entries)

    @property
    def last_term(self) -> int:
        return self.entries[-1].term if self.entries else self.base_term

    def term_at(self, index: int) -> int | None:
        """The term of an entry; None if there is none, or it is in the snapshot."""
        i = index - self.base
        if i == 0:
            return self.base_term
        return self.entries[i - 1].term if 0 < i <= len(self.entries) else None

    def get(self, index: int) -> Entry:
        return self.entries[index - self.base - 1]

    def after(self, index: int, count: int) -> tuple[Entry, ...]:
        """At most `count` entries after an index."""
        return tuple(self.entries[index - self.base : index - self.base + count])

    def append(self, entry: Entry) -> int:
        """Returns the new entry's index."""
        self.entries.append(entry)
        return self.last

    def merge(self, previous: int, entries: Sequence[Entry]) -> None:
        """Take over a leader's entries that follow index `previous`: what contradicts them goes."""
        for index, entry in enumerate(entries, previous + 1):
            if index <= self.base:
                continue
            term = self.term_at(index)
            if term is None:
                self.append(entry)
            elif term != entry.term:
                del self.entries[index - self.base - 1 :]
                self.append(entry)

    def compact(self, index: int, snapshot: Any) -> None:
        """Replace the entries up to an index, all of them applied, by the state that they lead to."""
        term = self.term_at(index)
        assert term is not None
        del self.entries[: index - self.base]
        self.base, self.base_term, self.snapshot = index, term, snapshot

    def install(self, index: int, term: int, snapshot: Any) -> None:
        """Take over a leader's snapshot; entries after it stay if they continue it."""
        if self.term_at(index) == term:
            del self.entries[: index - self.base]
        else:
            self.entries.clear()
        self.base, self.base_term, self.snapshot = index, term, snapshot
