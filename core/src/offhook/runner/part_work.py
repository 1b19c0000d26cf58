"""The work that a call's parts have started with `Run`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from offhook.call.actions import StartWork
from offhook.call.events import WorkFinished

log = logging.getLogger("offhook.runner")


class PartWork:
    """Does it, each piece in a task of its own, and tells the call how it ended."""

    def __init__(self, call_id: str, post: Callable[[WorkFinished], None]) -> None:
        self._call_id = call_id
        self._post = post
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, wanted: StartWork) -> None:
        task = asyncio.create_task(self._do(wanted))
        self._tasks[wanted.work_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(wanted.work_id, None))

    def cancel(self, work_id: int) -> None:
        if task := self._tasks.get(work_id):
            task.cancel()

    def cancel_all(self) -> set[asyncio.Task[None]]:
        """Cancel everything; returns what takes its time."""
        for task in self._tasks.values():
            task.cancel()
        return set(self._tasks.values())

    async def _do(self, wanted: StartWork) -> None:
        result, error = None, ""
        limit = asyncio.timeout(wanted.timeout_seconds if wanted.timeout_seconds > 0 else None)
        try:
            async with limit:
                result = await wanted.work()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = "it was cancelled"  # not by us: the work cancelled something itself
        except Exception as failure:
            late = limit.expired()
            error = f"no answer within {wanted.timeout_seconds:g} s" if late else _in_words(failure)
            log.warning(
                "%s of the %s: %s", wanted.name, wanted.owner, error, extra={"call_id": self._call_id}
            )
        self._post(WorkFinished(wanted.work_id, result, error))


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
