"""Puts what happens to a call, one thing after the other, and hands on what the call decides."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from offhook.call import actions as do
from offhook.call import events as ev
from offhook.call.call import Call

Watch = Callable[[ev.Event | None, Sequence[do.Action], float], None]
"""Is told of each event (None: time passed), what the call decided, and when (seconds, monotonic)."""


class Aside(Protocol):
    def __call__(self, function: Callable[[], list[do.Action]], /) -> Awaitable[list[do.Action]]: ...


class Deciding:
    """The inbox and the alarm clock of one call.

    A decision is made at once, in the event loop's thread, unless a part of a plugin from outside is asked: then it
    is made `aside`, where it may wait for the plugin's code, and what happens meanwhile waits in the inbox. carry_out:
    does what was decided. watch: is told next. failed: is told of a mistake of ours, with the event that `watch` has
    not been told of because of it, if any; the call cannot go on.
    """

    def __init__(
        self,
        call: Call,
        *,
        aside: Aside,
        carry_out: Callable[[do.Action], None],
        watch: Watch,
        failed: Callable[[ev.Event | None, Exception], None],
    ) -> None:
        self._call = call
        self._aside = aside
        self._carry_out = carry_out
        self._watch = watch
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._inbox: deque[ev.Event] = deque()
        self._busy = True  # nothing is decided before `begin`
        self._over = False
        self._now = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._waiting: asyncio.Task[None] | None = None

    def post(self, event: ev.Event) -> None:
        """Let the call decide about an event. Never raises, from any thread; after the end it does nothing.

        What happens while an event is being decided about is decided about next.
        """
        if threading.get_ident() != self._thread:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self.post, event)
            return
        if self._over:
            return
        self._inbox.append(event)
        if not self._busy:
            self._go_on()

    def begin(self, first: ev.Event) -> None:
        """Decide from now on; `first` comes before everything that was posted already."""
        self._inbox.appendleft(first)
        self._go_on()

    def end(self) -> None:
        """Decide nothing any more."""
        self._over = True
        if self._alarm is not None:
            self._alarm.cancel()

    async def ended(self) -> None:
        """Wait for a decision that is still being made aside."""
        if self._waiting is not None:
            await asyncio.wait([self._waiting])

    def _go_on(self, at_least: float = 0.0) -> None:
        """Decide about all that is due; at_least: it is no earlier than this."""
        self._busy = True
        while not self._over:
            # Not the loop's own clock: uvloop's stands still for as long as one of its turns lasts.
            self._now = now = max(time.monotonic(), at_least, self._now)
            deadline = self._call.deadline
            if deadline is not None and deadline <= now:
                event = None
            elif self._inbox:
                event = self._inbox.popleft()
            else:
                break
            if any(getattr(part, "aside", False) for part in self._call.asked):
                self._waiting = self._loop.create_task(self._decide_aside(event, now))
                return
            self._decide(event, now)
        self._busy = False
        self._set_alarm()

    def _decide(self, event: ev.Event | None, now: float) -> None:
        try:
            actions = self._decided(event, now)
        except Exception as error:
            self._failed(event, error)
        else:
            self._hand_on(event, actions, now)

    async def _decide_aside(self, event: ev.Event | None, now: float) -> None:
        try:
            actions = await self._aside(lambda: self._decided(event, now))
        except Exception as error:
            self._failed(event, error)
        else:
            if not self._over:
                self._hand_on(event, actions, now)
        self._go_on()

    def _decided(self, event: ev.Event | None, now: float) -> list[do.Action]:
        return self._call.tick(now) if event is None else self._call.handle(event, now)

    def _hand_on(self, event: ev.Event | None, actions: list[do.Action], now: float) -> None:
        # An answer that is to stop does not wait until everybody has been told so.
        try:
            try:
                for action in actions:
                    self._carry_out(action)
            finally:
                self._watch(event, actions, now)
        except Exception as error:
            self._failed(None, error)

    def _set_alarm(self) -> None:
        deadline = None if self._over else self._call.deadline
        if self._alarm is not None:
            if deadline == self._alarm_at:
                return
            self._alarm.cancel()
            self._alarm = None
        if deadline is not None:
            self._alarm_at = deadline
            self._alarm = self._loop.call_later(deadline - time.monotonic(), self._time_is_up)

    def _time_is_up(self) -> None:
        self._alarm = None
        if not self._busy:
            self._go_on(self._call.deadline or 0.0)  # the loop's timers may be a hair early
