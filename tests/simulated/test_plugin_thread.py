"""The thread of one plugin, for real: what it gives back, what becomes of one that does not answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from offhook.plugins import watch as watch_module
from offhook.plugins.failures import Failures
from offhook.plugins.thread import MUTE_AFTER, Muted, Overran, PluginThread
from offhook.plugins.watch import Watch


@asynccontextmanager
async def plugin_thread(failures: Failures | None = None) -> AsyncIterator[PluginThread]:
    """A thread, whose plugin is called `mine`; at the end it is gone."""
    watch = Watch()
    thread = PluginThread("mine", failures or Failures(), watch)
    try:
        yield thread
    finally:
        await thread.closed()
        watch.close()
    for alive in threading.enumerate():
        if alive.name == "plugin mine":
            alive.join(10)  # it has no more to do
            assert not alive.is_alive()


async def forever() -> None:
    await asyncio.Event().wait()


def compute() -> None:
    while True:
        pass


def compute_whatever_comes() -> None:
    while True:
        try:
            while True:
                pass
        except Exception:
            continue


@pytest.mark.asyncio
async def test_results_and_errors_come_back() -> None:
    async def asked() -> str:
        return "async"

    def fails() -> None:
        raise LookupError("no such menu")

    async with plugin_thread() as thread:
        assert await thread.call("it", lambda: "plain") == "plain"
        assert await thread.run("it", asked) == "async"
        with pytest.raises(LookupError, match="no such menu"):
            await thread.call("it", fails)
        answer = await asyncio.to_thread(thread.ask, "it", lambda: "from another thread")
        assert answer == "from another thread"


@pytest.mark.asyncio
async def test_its_exit_does_not_end_the_host() -> None:
    def leaves() -> None:
        raise SystemExit(3)

    async with plugin_thread() as thread:
        with pytest.raises(RuntimeError, match="SystemExit: 3"):
            await thread.call("it", leaves)
        assert await thread.call("it", lambda: "still there") == "still there"


@pytest.mark.asyncio
async def test_what_takes_too_long_is_cancelled_there() -> None:
    cancelled = threading.Event()

    async def late() -> None:
        try:
            await forever()
        finally:
            cancelled.set()

    async with plugin_thread() as thread:
        with pytest.raises(TimeoutError):
            await thread.run("it", late, seconds=0.05)
        assert cancelled.is_set()


@pytest.mark.asyncio
async def test_who_stops_waiting_cancels_it_there() -> None:
    began, cancelled = threading.Event(), threading.Event()

    async def long() -> None:
        began.set()
        try:
            await forever()
        finally:
            cancelled.set()

    async with plugin_thread() as thread:
        waiting = asyncio.create_task(thread.run("it", long))
        await asyncio.to_thread(began.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(cancelled.wait, 10)


@pytest.mark.asyncio
@pytest.mark.parametrize("computes", [compute, compute_whatever_comes])
async def test_one_that_computes_without_end_is_stopped(computes: Callable[[], None]) -> None:
    failures = Failures()
    async with plugin_thread(failures) as thread:
        with pytest.raises(Overran, match="has computed for"):
            await thread.call("the hook tools", computes)
        assert await thread.call("it", lambda: "in a new thread") == "in a new thread"
    assert failures.counts() == {("mine", "the hook tools", "blocked"): 1}


@pytest.mark.asyncio
async def test_what_had_not_begun_is_done_in_the_new_thread(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    async with plugin_thread() as thread:
        stuck = asyncio.create_task(thread.call("the hook tools", release.wait))
        await asyncio.sleep(0)
        assert await thread.call("it", lambda: "done all the same") == "done all the same"
        with pytest.raises(Overran, match="has kept its thread for"):
            await stuck
        release.set()
    assert "plugin mine: the hook tools has kept its thread" in caplog.text
    assert "release.wait" in caplog.text or "threading.py" in caplog.text, "where it was"


@pytest.mark.asyncio
async def test_one_that_does_so_again_and_again_is_left_out_for_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch_module, "WALL_SECONDS", 0.1)
    release = threading.Event()
    async with plugin_thread() as thread:
        for _ in range(MUTE_AFTER):
            with pytest.raises(Overran):
                await thread.call("it", release.wait)
        with pytest.raises(Muted, match="mine is left out: it has kept its thread too often"):
            await thread.call("it", lambda: "no")
        assert "it is left out for 60 s" in caplog.text
        later = time.monotonic() + 61
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert await thread.call("it", lambda: "again") == "again"
        release.set()


@pytest.mark.asyncio
async def test_a_task_of_its_own_that_fails_is_named() -> None:
    failures = Failures()

    async def fails() -> None:
        raise LookupError("no such menu")

    async with plugin_thread(failures) as thread:
        await thread.call("it", lambda: asyncio.get_running_loop().create_task(fails()) and None)
        async with asyncio.timeout(10):
            while not failures.counts():  # noqa: ASYNC110 - told when the task is collected
                await asyncio.sleep(0.005)
    assert failures.counts() == {("mine", "work of its own", "raised"): 1}
