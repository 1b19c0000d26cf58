"""One clock for every call's outgoing frames: 20 ms apart without drift, in quarters of 5 ms.

A task that sleeps for each call costs more than all the rest of the audio's road, and a single 20 ms tick
would send every call's packet in one burst. So one timer ticks every 5 ms, and each call has its frame on
every fourth tick.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from typing import Protocol

from .formats import FRAME_MS

log = logging.getLogger("offhook.media")

QUARTERS = 4
TICK_MS = FRAME_MS // QUARTERS
MOST_BEHIND = 2 * QUARTERS
"""So many ticks are caught up after a delay: at most two frames of a call back to back."""


class Paced(Protocol):
    """Whatever has frames to send: a call's playout."""

    def send_next(self, at_ms: int, /) -> bool:
        """Send the frame whose place on the pacer's clock is `at_ms`; False if there is none: it leaves."""


class Quarters:
    """Which call's frame is due when. No timer and no clock of its own: `now` is seconds on a monotonic
    clock.

    Ticks are counted from `start`, so that rounding never adds up. A late tick is caught up; after a stall
    of more than two frames the clock is shifted instead: the ticks in between are left out, so a receiver
    is not flooded, and the `at_ms` of the next frame tells how long the pause was.
    """

    def __init__(self, start: float) -> None:
        self.skipped = 0
        """Ticks left out because of stalls."""
        self._start = start
        self._next = 0  # the first tick that is not done
        self._quarters: tuple[dict[Paced, None], ...] = tuple({} for _ in range(QUARTERS))
        self._quarter_of: dict[Paced, int] = {}

    def __len__(self) -> int:
        """How many are being paced."""
        return len(self._quarter_of)

    def add(self, source: Paced, now: float) -> bool:
        """Pace `source` from the next tick on, at most 5 ms from now.

        False if it is paced already; it keeps its place.
        """
        if source in self._quarter_of:
            return False
        tick = max(self._next, math.floor((now - self._start) * 1000 / TICK_MS) + 1)
        if not self._quarter_of:
            self._next = tick
        self._quarter_of[source] = quarter = tick % QUARTERS
        self._quarters[quarter][source] = None
        return True

    def discard(self, source: Paced) -> None:
        """Pace it no longer; one that is not paced is not an error."""
        quarter = self._quarter_of.pop(source, None)
        if quarter is not None:
            del self._quarters[quarter][source]

    @property
    def deadline(self) -> float | None:
        """When the next frame is due; None if nobody has any."""
        for tick in range(self._next, self._next + QUARTERS):
            if self._quarters[tick % QUARTERS]:
                return self._time(tick)
        return None

    def due(self, now: float) -> Iterator[tuple[Paced, int]]:
        """The frames due by `now`: (source, its `at_ms`), in order of time.

        Sources may be added and discarded between two steps of the iteration.
        """
        latest = math.floor((now - self._start) * 1000 / TICK_MS + 1e-6)  # the timer may be a hair early
        if latest - self._next >= MOST_BEHIND:
            self.skipped += latest + 1 - MOST_BEHIND - self._next
            self._next = latest + 1 - MOST_BEHIND
        while self._next <= latest:
            tick = self._next
            self._next += 1
            quarter = self._quarters[tick % QUARTERS]
            for source in tuple(quarter):
                if source in quarter:
                    yield source, tick * TICK_MS

    def _time(self, tick: int) -> float:
        return self._start + tick * TICK_MS / 1000


class Pacer:
    """Drives `Quarters` with one timer of the running event loop. Without audio to send it does nothing at
    all.
    """

    def __init__(
        self,
        *,
        on_error: Callable[[Paced, Exception], None] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """A source that raises is dropped and `on_error` is told. `loop`: the running one if not given."""
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self._quarters = Quarters(self._loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        """When the timer is due; uvloop's handle of a time that is past cannot tell."""
        self._on_error = on_error
        self._closed = False

    @property
    def skipped_ms(self) -> int:
        """How long the loop stalled beyond what could be caught up, in milliseconds; a sign of overload."""
        return self._quarters.skipped * TICK_MS

    def __len__(self) -> int:
        """How many calls are speaking."""
        return len(self._quarters)

    def add(self, source: Paced) -> None:
        """`source` has frames to send: the first goes out within 5 ms. It leaves by itself when it has
        none.
        """
        if self._closed or not self._quarters.add(source, self._loop.time()):
            return
        deadline = self._quarters.deadline
        if self._timer is None or (deadline is not None and deadline < self._timer_at):
            self._arm()

    def discard(self, source: Paced) -> None:
        """Send nothing more of `source`."""
        self._quarters.discard(source)

    def close(self) -> None:
        """Stop for good; a second call does nothing."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._quarters.deadline
        if deadline is not None and not self._closed:
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for source, at_ms in self._quarters.due(self._loop.time()):
            try:
                more = source.send_next(at_ms)
            except Exception as error:
                # One call's fault must not silence the others.
                log.exception("a call's playout failed; it is silent from now on")
                more = False
                if self._on_error is not None:
                    self._on_error(source, error)
            if not more:
                self._quarters.discard(source)
        self._arm()
