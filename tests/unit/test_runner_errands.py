"""Requests to Asterisk keep their order, whatever becomes of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from offhook.runner.errands import Errands


class Log:
    """Errands that note what they did."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def errand(self, name: str) -> Callable[[], Awaitable[None]]:
        async def note() -> None:
            await asyncio.sleep(0)
            self.done.append(name)

        return note


async def fails() -> None:
    raise RuntimeError("refused")


@pytest.mark.asyncio
async def test_errands_run_one_after_the_other_in_their_order() -> None:
    errands, log = Errands("c1"), Log()
    running = asyncio.create_task(errands.run())
    last = [errands.add(log.errand(name)) for name in ("first", "second", "third")][-1]
    await last
    assert log.done == ["first", "second", "third"]
    running.cancel()


@pytest.mark.asyncio
async def test_one_that_fails_is_done_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    errands, log = Errands("c1"), Log()
    running = asyncio.create_task(errands.run())
    failed, next_one = errands.add(fails), errands.add(log.errand("next"))
    await failed
    await next_one
    assert log.done == ["next"]
    assert "refused" in caplog.text
    running.cancel()


@pytest.mark.asyncio
async def test_nothing_is_begun_after_the_end_even_if_an_errand_swallows_it() -> None:
    errands, log, began = Errands("c1"), Log(), asyncio.Event()

    async def swallows() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.done.append("swallowed")

    running = asyncio.create_task(errands.run())
    swallowing = errands.add(swallows)
    errands.add(log.errand("never"))
    await began.wait()
    running.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([running])
    assert swallowing.done()
    assert log.done == ["swallowed"]


@pytest.mark.asyncio
async def test_who_finishes_waits_for_the_one_under_way_and_leaves_out_the_others() -> None:
    errands, log, began, go_on = Errands("c1"), Log(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        began.set()
        await go_on.wait()
        log.done.append("slow")

    running = asyncio.create_task(errands.run())
    errands.add(slow)
    left_out = errands.add(log.errand("left out"))
    await began.wait()
    finishing = asyncio.create_task(errands.finish())
    await asyncio.sleep(0)
    assert left_out.done(), "whoever waits for it need not"
    assert not finishing.done()
    go_on.set()
    await finishing
    await errands.finish()
    assert log.done == ["slow"]
    running.cancel()
