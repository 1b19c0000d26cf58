"""One clock for every call's outgoing frames: 20 ms apart without drift, in quarters of 5 ms.

A task that sleeps for each call costs more than all the rest of the audio's road, and a single 20 ms tick
would send every call's packet in one burst. So one timer ticks every 5 ms, and each call has its frame on
every fourth tick.

A frame that comes when its call has nothing to send and its time has come goes out at once: the first of an answer,
and each one of a model that speaks no faster than it is heard.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from .formats import FRAME_MS

log = logging.getLogger("offhook.media")

QUARTERS = 4
TICK_MS = FRAME_MS // QUARTERS
MOST_BEHIND = 2 * QUARTERS
"""So many ticks are caught up after a delay: at most two frames of a call back to back."""
EARLY_MS = 2
"""A frame may leave so much before its time rather than wait, and more if the last tick before its time is past: with
the next one it would be late."""
LATE_MS = 5
"""A frame that is late by less keeps its place in time, and the next ones come the sooner. One that is later is a
pause: what follows stays so much behind, and the next late one of a jittery model is not heard."""


class Paced(Protocol):
    """Whatever has frames to send: a call's playout."""

    @property
    def due_ms(self) -> int | None:
        """When its next frame may leave, on the pacer's clock: a frame after the last; None before the first."""
        ...

    @property
    def ready(self) -> bool:
        """There may be a frame to send."""
        ...

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
        self._quarters: tuple[dict[Paced, int], ...] = tuple({} for _ in range(QUARTERS))
        """Who is in which quarter, and since which tick: one that is late yet belongs to those who were there."""
        self._quarter_of: dict[Paced, int] = {}

    def __len__(self) -> int:
        """How many are being paced."""
        return len(self._quarter_of)

    def __contains__(self, source: Paced) -> bool:
        return source in self._quarter_of

    def clock_ms(self, now: float) -> float:
        """This moment on the clock that `at_ms` counts, in milliseconds."""
        return (now - self._start) * 1000

    def add(self, source: Paced, now: float, due_ms: int = 0) -> bool:
        """Pace `source` from the next tick on, at most 5 ms from now, or from the last tick before `due_ms` on.

        False if it is paced already; it keeps its place.
        """
        if source in self._quarter_of:
            return False
        coming = math.floor(self.clock_ms(now) / TICK_MS) + 1
        if not self._quarter_of:
            self._next = coming
        tick = max(self._next, coming, due_ms // TICK_MS)
        self._quarter_of[source] = quarter = tick % QUARTERS
        self._quarters[quarter][source] = tick
        return True

    def discard(self, source: Paced) -> None:
        """Pace it no longer; one that is not paced is not an error."""
        quarter = self._quarter_of.pop(source, None)
        if quarter is not None:
            del self._quarters[quarter][source]

    @property
    def deadline(self) -> float | None:
        """When the next frame is due, or earlier where somebody came late in the tick; None if nobody has any."""
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
            first = min((since for quarter in self._quarters for since in quarter.values()), default=latest)
            going_on = latest + 1 - MOST_BEHIND
            self.skipped += max(0, going_on - max(first, self._next))
            self._next = going_on
        while self._next <= latest:
            tick = self._next
            self._next += 1
            quarter = self._quarters[tick % QUARTERS]
            for source in tuple(quarter):
                if quarter.get(source, tick + 1) <= tick:
                    yield source, tick * TICK_MS

    def _time(self, tick: int) -> float:
        return self._start + tick * TICK_MS / 1000


def _clock(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The loop's clock, and to the microsecond: uvloop's goes by whole milliseconds and stands still for a turn."""
    return time.monotonic if abs(loop.time() - time.monotonic()) < 1 else loop.time


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
        self._clock = _clock(self._loop)
        self._quarters = Quarters(self._loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        """When the timer is due; uvloop's handle of a time that is past cannot tell."""
        self.late_ticks = 0
        """Ticks that came more than a tick too late: the loop was busy, or the machine."""
        self._on_error = on_error
        self._closed = False

    @property
    def skipped_ms(self) -> int:
        """How long the loop stalled beyond what could be caught up, in milliseconds; a sign of overload."""
        return self._quarters.skipped * TICK_MS

    def counted(self) -> Mapping[str, int]:
        """What tells of overload (see `Totals`)."""
        return {"late_ticks": self.late_ticks, "skipped_ms": self.skipped_ms}

    def __len__(self) -> int:
        """How many calls are speaking."""
        return len(self._quarters)

    def add(self, source: Paced) -> None:
        """`source` has frames to send: the first goes out at once, unless the one before has only just left. It
        leaves by itself when it has none, and is to be added again when it has.
        """
        if not source.ready or source in self._quarters or self._closed:
            return
        now = self._clock()
        now_ms, due_ms = self._quarters.clock_ms(now), source.due_ms
        if due_ms is None or now_ms >= due_ms - EARLY_MS or now_ms >= due_ms - due_ms % TICK_MS:
            if not (self._send(source, int(now_ms)) and source.ready):
                return  # its next frame comes back here
            due_ms = source.due_ms
        self._quarters.add(source, now, due_ms or 0)
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
        now = self._clock()
        self.late_ticks += now - self._timer_at > TICK_MS / 1000
        for source, at_ms in self._quarters.due(now):
            if not self._send(source, at_ms):
                self._quarters.discard(source)
            elif (
                source in self._quarters  # sending may have had it discarded
                and source.due_ms is not None
                and source.due_ms < at_ms + FRAME_MS
            ):
                # It catches up with its time: its next frame comes on an earlier tick.
                self._quarters.discard(source)
                self._quarters.add(source, now, source.due_ms)
        self._arm()

    def _send(self, source: Paced, at_ms: int) -> bool:
        """Send one frame, at its own place in time if it is only a little early or late."""
        due_ms = source.due_ms
        if due_ms is not None and due_ms - TICK_MS < at_ms < due_ms + LATE_MS:
            at_ms = due_ms
        try:
            return source.send_next(at_ms)
        except Exception as error:
            # One call's fault must not silence the others.
            log.exception("a call's playout failed; what it was to send is lost")
            if self._on_error is not None:
                self._on_error(source, error)
            return False
