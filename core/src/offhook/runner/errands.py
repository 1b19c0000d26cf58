"""Requests to Asterisk about one call: one after the other, in the order in which they were decided."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

log = logging.getLogger("offhook.runner")

T = TypeVar("T")
Errand = Callable[[], Awaitable[None]]


class Requests:
    """Requests that nothing later may overtake: each goes on though whoever made it is cancelled.

    Asterisk serves each connection in a thread of its own, and a request that was cancelled here may still be carried
    out there, after one that was made since.
    """

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def make(self, request: Coroutine[Any, Any, T]) -> T:
        """Make a request; its answer."""
        task: asyncio.Task[T] = asyncio.create_task(request)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may not be there any more, and it is no news to anybody else

    async def answered(self) -> None:
        """Wait for the answers of all that are under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self) -> None:
        """Give up those that are under way still."""
        for task in self._under_way:
            task.cancel()
        await self.answered()


class Errands:
    """A queue of requests and the one task that makes them.

    An errand handles its own expected failures; one that raises all the same is logged, and the next one runs.
    """

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._waiting: asyncio.Queue[tuple[Errand, asyncio.Future[None]]] = asyncio.Queue()

    def add(self, errand: Errand) -> asyncio.Future[None]:
        """Put an errand behind the others; the future is done when it is, well or not."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((errand, done))
        return done

    async def run(self) -> None:
        """Run errands until cancelled, which an errand cannot keep from us."""
        task = asyncio.current_task()
        while task is None or not task.cancelling():
            errand, done = await self._waiting.get()
            try:
                await errand()
            except Exception:
                log.exception("a request to Asterisk failed", extra={"call_id": self._call_id})
            finally:
                if not done.done():
                    done.set_result(None)
