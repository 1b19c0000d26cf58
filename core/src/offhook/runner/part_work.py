"""The work that a call's parts have started with `Run`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.call.actions import StartWork
from offhook.call.events import WorkFinished


class PartWork:
    """Does it, each piece in a task of its own, and tells the call how it ended."""

    def __init__(self, post: Callable[[WorkFinished], None]) -> None:
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
        try:
            result = await wanted.work()  # within its time limit: see `plugins/guard.py`
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = "it was cancelled"  # not by us: the work cancelled something itself
        except TimeoutError as failure:
            error = str(failure) or "TimeoutError"
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}".removesuffix(": ")
        self._post(WorkFinished(wanted.work_id, result, error))
