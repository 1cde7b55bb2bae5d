"""The thread in which real sockets are read and written: one asyncio loop beside the cluster's own `WallLoop`.

A notebook runs the cluster's loop only now and then; connections must go on in between.  Nothing of the cluster runs in
this thread: what it has to say goes to the `WallLoop` by `post`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from controlplane.clock import WallLoop

T = TypeVar("T")


class InputOutput:
    """A running asyncio loop in a thread of its own."""

    def __init__(self, loop: WallLoop) -> None:
        self.loop = loop
        self.asyncio = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="controlplane-io", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.asyncio)
        self.asyncio.run_forever()

    def call(self, fn: Callable[..., Any], *args: Any) -> None:
        """Run `fn(*args)` in the thread, soon."""
        if not self.asyncio.is_closed():
            self.asyncio.call_soon_threadsafe(fn, *args)

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine in the thread to its end."""
        if self.asyncio.is_closed():
            coroutine.close()
        else:
            self.call(self._start, coroutine)

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = self.asyncio.create_task(coroutine)
        self._tasks.add(task)  # asyncio itself keeps only weak references
        task.add_done_callback(self._tasks.discard)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.asyncio).result(10)

    def close(self) -> None:
        """End the thread, with what is under way in it."""
        if self.asyncio.is_closed():
            return
        self.wait(self._cancel())
        self.asyncio.call_soon_threadsafe(self.asyncio.stop)
        self._thread.join(10)
        self.asyncio.close()

    async def _cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
