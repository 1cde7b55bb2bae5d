"""The cluster's loop inside asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from controlplane.apiserver.http.driver import Driver
from controlplane.clock import WallLoop


def drive(test: Callable[[WallLoop, asyncio.Event], Awaitable[None]]) -> None:
    """Run a test with a driven loop; it sets the event, or fails after twenty seconds."""

    async def main() -> None:
        loop, done = WallLoop(), asyncio.Event()
        driver = Driver(loop)
        await test(loop, done)
        driver.kick()
        await asyncio.wait_for(done.wait(), 20)
        driver.stop()

    asyncio.run(main())


def test_timers_fire_in_their_order():
    order: list[int] = []

    async def test(loop: WallLoop, done: asyncio.Event) -> None:
        loop.call_later(0.02, done.set)
        loop.call_later(0.01, order.append, 2)
        loop.call_soon(order.append, 1)

    drive(test)
    assert order == [1, 2]


def test_another_thread_wakes_it():
    async def test(loop: WallLoop, done: asyncio.Event) -> None:
        threading.Timer(0.05, loop.post, (done.set,)).start()

    drive(test)


def test_a_sooner_timer_moves_the_next_run_forward():
    async def test(loop: WallLoop, done: asyncio.Event) -> None:
        loop.call_later(3600, pytest.fail)
        loop.call_soon(loop.call_later, 0.01, done.set)

    drive(test)


def test_a_callback_that_fails_does_not_stop_the_others(caplog):
    def fail() -> None:
        raise RuntimeError("of my own making")

    async def test(loop: WallLoop, done: asyncio.Event) -> None:
        loop.call_soon(fail)
        loop.call_soon(done.set)

    drive(test)
    assert "of my own making" in caplog.text


def test_the_network_gets_its_turn():
    async def test(loop: WallLoop, done: asyncio.Event) -> None:
        def again() -> None:  # work without end
            if not done.is_set():
                loop.call_soon(again)

        loop.call_soon(again)
        asyncio.get_running_loop().call_later(0.05, done.set)

    drive(test)
