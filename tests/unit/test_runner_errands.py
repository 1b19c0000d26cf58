"""Requests to Asterisk keep their order, whatever becomes of each."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from offhook.runner.errands import Errands, Requests


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
async def test_a_request_is_waited_for_though_whoever_made_it_was_cancelled() -> None:
    requests, began, go_on = Requests(), asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def slow() -> None:
        began.set()
        await go_on.wait()
        done.append("slow")

    asking = asyncio.create_task(requests.make(slow()))
    await began.wait()
    asking.cancel()
    answered = asyncio.create_task(requests.answered())
    await asyncio.wait([asking])
    assert asking.cancelled()
    assert not answered.done()
    go_on.set()
    await answered
    assert done == ["slow"]
    await requests.answered()


@pytest.mark.asyncio
async def test_an_answer_and_a_failure_reach_whoever_asked() -> None:
    requests = Requests()

    async def seven() -> int:
        return 7

    assert await requests.make(seven()) == 7
    with pytest.raises(RuntimeError, match="refused"):
        await requests.make(fails())


@pytest.mark.asyncio
async def test_who_is_in_a_hurry_gives_up_what_is_under_way() -> None:
    requests = Requests()
    asking = asyncio.create_task(requests.make(asyncio.Event().wait()))
    await asyncio.sleep(0)
    await requests.close()
    assert asking.done() or asking.cancel()


@pytest.mark.asyncio
async def test_a_failure_that_nobody_waits_for_any_more_is_not_told() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    requests, began, go_on = Requests(), asyncio.Event(), asyncio.Event()

    async def refused() -> None:
        began.set()
        await go_on.wait()
        raise RuntimeError("refused")

    asking = asyncio.create_task(requests.make(refused()))
    await began.wait()
    asking.cancel()
    await asyncio.wait([asking])
    go_on.set()
    await requests.answered()
    del asking
    gc.collect()
    await asyncio.sleep(0)
    assert told == []
