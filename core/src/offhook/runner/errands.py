"""Requests to Asterisk about one call: one after the other, in the order in which they were decided."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("offhook.runner")

Errand = Callable[[], Awaitable[None]]


class Errands:
    """A queue of requests and the one task that makes them.

    An errand handles its own expected failures; one that raises all the same is logged, and the next one runs.
    """

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._waiting: asyncio.Queue[tuple[Errand, asyncio.Future[None]]] = asyncio.Queue()
        self._under_way: asyncio.Future[None] | None = None

    def add(self, errand: Errand) -> asyncio.Future[None]:
        """Put an errand behind the others; the future is done when it is, well or not."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((errand, done))
        return done

    async def finish(self) -> None:
        """Leave out those that have not begun, and wait for the one that is under way."""
        while not self._waiting.empty():
            _, done = self._waiting.get_nowait()
            done.set_result(None)
        if self._under_way is not None and not self._under_way.done():
            await asyncio.wait([self._under_way])

    async def run(self) -> None:
        """Run errands until cancelled, which an errand cannot keep from us."""
        task = asyncio.current_task()
        while task is None or not task.cancelling():
            errand, done = await self._waiting.get()
            self._under_way = done
            try:
                await errand()
            except Exception:
                log.exception("a request to Asterisk failed", extra={"call_id": self._call_id})
            finally:
                if not done.done():
                    done.set_result(None)
