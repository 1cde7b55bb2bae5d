"""A store whose process is killed again and again under load; run by test_durable in a process of its own.

    python kill_loop.py FOLDER KILLS

Each child opens the store and writes one operation after another, telling through a pipe what is acknowledged; the
parent kills it at a random moment, opens the store itself and compares it with a store in memory.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from controlplane.etcd.api import EtcdError, Put
from controlplane.etcd.durable import DurableStore
from controlplane.etcd.mvcc import Store
from controlplane.etcd.snapshot import content_hash

LEASES = range(1, 6)


def operate(store: Store, number: int) -> None:
    """The operation with this number, the same for whoever does it."""
    draw = random.Random(number)
    key = b"/registry/%d" % draw.randint(0, 20)
    kind = draw.random()
    try:
        if kind < 0.5:
            store.put(key, b"%d " % number * draw.choice([1, 10, 2000]), draw.choice([0, *LEASES]))
        elif kind < 0.7:
            store.txn((), [Put(b"/pair/a", b"%d" % number), Put(b"/pair/b", b"%d" % number)])
        elif kind < 0.8:
            store.delete_range(key, key + b"\xff")
        elif kind < 0.88:
            store.grant(60, draw.choice(LEASES))
        elif kind < 0.94:
            store.revoke(draw.choice(LEASES))
        else:
            store.compact(store.revision - draw.randint(0, 5))
    except EtcdError:  # no such lease, compacted already: nothing is done, and that too is an answer
        pass


def open_store(folder: Path) -> DurableStore:
    return DurableStore(folder, snapshot_records=40)


def child(folder: Path, first: int, batch: int, pipe: int) -> None:
    store = open_store(folder)
    os.write(pipe, b"r")
    while True:
        with store.batch():
            for number in range(first, first + batch):
                operate(store, number)
        first += batch
        os.write(pipe, b"a")


def main(folder: Path, kills: int) -> None:
    draw = random.Random(1)
    model, done, lost_midway = Store(), 0, 0
    for kill in range(kills):
        batch = draw.choice([1, 1, 4])
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            child(folder, done, batch, writer)
        os.close(writer)
        os.read(reader, 1)
        time.sleep(draw.uniform(0, 0.012))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        acknowledged = 0
        while answers := os.read(reader, 4096):
            acknowledged += len(answers)
        os.close(reader)
        for number in range(done, done + acknowledged * batch):
            operate(model, number)
        done += acknowledged * batch
        store = open_store(folder)
        extra = 0  # of what was being written, the start can be there, whole operations only
        while content_hash(store) != content_hash(model) or store.leases.leases.keys() != model.leases.leases.keys():
            assert extra < batch, f"kill {kill}: after {done} operations and {extra} more, the store is another one"
            operate(model, done + extra)
            extra += 1
        lost_midway += extra > 0
        done += extra
        store.close()
    print(f"{kills} kills, {done} operations, {lost_midway} kills between write and acknowledgement")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
