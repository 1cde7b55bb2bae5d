"""Is a history of operations on single values linearizable?  (Wing and Gong, with Lowe's memory of what was tried)

Every operation must take effect at one moment between its call and its answer; one without an answer at any moment
after its call, or never.
"""

from __future__ import annotations

from typing import Any

from tests.etcd.raft_world import Operation


def linearizable(history: list[Operation]) -> bool:
    """Values do not depend on each other, so each has a history of its own."""
    return all(_one([o for o in history if o.key == key]) for key in sorted({o.key for o in history}))


def _one(history: list[Operation]) -> bool:
    history = sorted(history, key=lambda operation: operation.began)
    tried: set[tuple[int, Any]] = set()
    whole = sum(1 << i for i, operation in enumerate(history) if operation.ended != float("inf"))

    def search(done: int, value: Any) -> bool:
        if done & whole == whole:
            return True
        if (done, value) in tried:
            return False
        tried.add((done, value))
        waiting = [i for i in range(len(history)) if not done >> i & 1]
        first_end = min(history[i].ended for i in waiting)
        for i in waiting:
            operation = history[i]
            if operation.began > first_end:  # something was over before this one began
                break
            possible, after = _effect(operation, value)
            if possible and search(done | 1 << i, after):
                return True
        return False

    return search(0, None)


def _effect(operation: Operation, value: Any) -> tuple[bool, Any]:
    """Can it have had its result if the value was this, and what is the value after it?"""
    unknown = operation.ended == float("inf")
    if operation.kind == "get":
        return operation.result == value, value
    if operation.kind == "put":
        return True, operation.argument
    expected, new = operation.argument
    swaps = value == expected
    return unknown or operation.result == swaps, new if swaps else value
