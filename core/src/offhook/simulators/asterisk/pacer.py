"""One timer for everything that moves in 20 ms steps.

Every 5 ms a quarter of the members takes its step, so that hundreds of calls do not send all at once. Steps
follow the monotonic clock without drift; after a stall the missed steps are made up for.
"""

import asyncio
import logging
import time
from typing import Protocol

log = logging.getLogger("offhook.simulators.asterisk")

STEP_SECONDS = 0.020
GROUPS = 4


class Stepping(Protocol):
    """Something that moves every 20 ms."""

    def step(self, due: float) -> None:
        """Move once; `due` is the `time.monotonic()` second at which this step was meant to be made."""


class Pacer:
    """Calls `step` of each member every 20 ms, from one timer. Sleeps while it has no member."""

    def __init__(self) -> None:
        self._groups: list[dict[Stepping, None]] = [{} for _ in range(GROUPS)]
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._count = 0

    def add(self, member: Stepping) -> None:
        """Begin to move `member`; the first step comes within 20 ms."""
        if any(member in group for group in self._groups):
            return
        min(self._groups, key=len)[member] = None
        if self._timer is None:
            self._started, self._count = time.monotonic(), 1
            self._timer = asyncio.get_running_loop().call_later(STEP_SECONDS / GROUPS, self._run)

    def remove(self, member: Stepping) -> None:
        """Stop moving `member`."""
        for group in self._groups:
            group.pop(member, None)

    def stop(self) -> None:
        """Stop everything."""
        for group in self._groups:
            group.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        if not any(self._groups):
            self._timer = None
            return
        now = time.monotonic()
        while (due := self._started + self._count * STEP_SECONDS / GROUPS) <= now + 0.0005:
            for member in tuple(self._groups[self._count % GROUPS]):
                try:
                    member.step(due)
                except Exception:
                    log.exception("a step of %r failed", member)
            self._count += 1
        self._timer = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._run)
