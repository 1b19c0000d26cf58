"""One timer for all calls of a process: each has its turn every 20 ms, spread over ten phases of 2 ms."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

TURN_SECONDS = 0.020
PHASES = 10
EARLY_SECONDS = 0.001
"""uvloop's timers are whole milliseconds: one that is so early is not set again."""


class TakesTurns(Protocol):
    """Whoever has something to do every 20 ms."""

    def turn(self) -> None: ...


class Ticker:
    """Gives turns, without drift: a late tick is caught up, and noted."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        """How late each tick was: what the load itself adds to the times that it notes."""
        self._phases: tuple[dict[TakesTurns, None], ...] = tuple({} for _ in range(PHASES))
        self._loop = asyncio.get_running_loop()
        self._start = time.monotonic()  # the loop's own clock is coarser
        self._tick = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ticks()

    def add(self, one: TakesTurns) -> None:
        """Give it a turn every 20 ms from now on, in the phase that has the fewest."""
        min(self._phases, key=len)[one] = None

    def discard(self, one: TakesTurns) -> None:
        """Give it no more turns."""
        for phase in self._phases:
            phase.pop(one, None)

    def close(self) -> None:
        """Stop for good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ticks(self) -> None:
        while True:
            now = time.monotonic()
            due = self._start + self._tick * TURN_SECONDS / PHASES
            if due > now + EARLY_SECONDS:
                break
            phase = self._phases[self._tick % PHASES]
            self._tick += 1
            if phase:
                self.late_ms.append(max(0.0, 1000 * (now - due)))
                for one in tuple(phase):
                    one.turn()
        self._timer = self._loop.call_later(due - now, self._ticks)
