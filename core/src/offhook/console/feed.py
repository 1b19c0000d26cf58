"""Live events for everybody who watches (`WS /logs`): cheap for the host, and nobody slow holds up another.

The host calls `Feed.publish` with each event that it has handed to a call; without a subscriber that costs
one comparison. Each subscriber has its own bounded queue of finished JSON texts; one that does not read fast
enough loses events and is told how many, with a fresh list of the calls so that it can catch up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from offhook import json_text
from offhook.call.actions import Action
from offhook.call.events import Event
from offhook.call.record import CallRecord

from .envelopes import Told, changes_status, status_update, tell
from .record_json import listed, timestamp

log = logging.getLogger("offhook.console")

QUEUE_LIMIT: Final = 1000
"""Events kept for one subscriber that is slow to read."""


class Subscriber:
    """One who watches: a bounded queue of JSON texts, read with `next`."""

    def __init__(self, feed: Feed, limit: int) -> None:
        self._feed = feed
        self._limit = limit
        self._queue: deque[str] = deque()
        self._lost = 0
        self._calls_changed = False
        self._filled = asyncio.Event()

    def calls_changed(self) -> None:
        """The list of active calls is another one: it comes once, after what is queued, however often it changed."""
        self._calls_changed = True
        self._filled.set()

    def offer(self, text: str) -> None:
        """Queue a text, or count it as lost. After a loss nothing is queued until the queue has run empty, so
        that the reader gets one gap and one count, not many."""
        if self._lost or len(self._queue) >= self._limit:
            self._lost += 1
        else:
            self._queue.append(text)
        self._filled.set()

    def take(self) -> str | None:
        """The next text, or None if there is none yet."""
        if self._queue:
            return self._queue.popleft()
        if self._lost:
            lost, self._lost = self._lost, 0
            self._calls_changed = True
            return envelope(None, time.time(), Told("events_lost", "CONSOLE", {"count": lost}, "WARN"))
        if self._calls_changed:
            self._calls_changed = False
            return self._feed.active_calls()
        return None

    async def next(self) -> str:
        """The next text; waits for it."""
        while (text := self.take()) is None:
            self._filled.clear()
            await self._filled.wait()
        return text


class Feed:
    """Turns what happens on calls into envelopes and hands them to the subscribers.

    `calls` tells the calls that there are, each time it is asked: call id → record.
    """

    def __init__(self, calls: Callable[[], Mapping[str, CallRecord]]) -> None:
        self._calls = calls
        self._subscribers: set[Subscriber] = set()

    @property
    def watched(self) -> bool:
        """True while somebody watches."""
        return bool(self._subscribers)

    def publish(
        self, call_id: str, now: float, event: Event | None, actions: Sequence[Action], record: CallRecord
    ) -> None:
        """Show an event (None: time passed) and the actions that followed.

        To be called after `record.apply` with the same arguments, in the event loop's thread; `record` is
        among the host's calls by then. Never raises, never waits.
        """
        if not self._subscribers:
            return
        try:
            moment = record.posix_seconds(now)
            for told in tell(event, actions, record):
                self._send(call_id, moment, told)
            if changes_status(event, actions):
                self._send(call_id, moment, status_update(record))
                for subscriber in self._subscribers:
                    subscriber.calls_changed()
        except Exception:
            # A mistake in showing a call must never become a mistake in the call.
            log.exception("an event could not be shown", extra={"call_id": call_id})

    def released(self, call_id: str, now: float, record: CallRecord) -> None:
        """Show that everything that an ended call held is free, and its channel has left Stasis."""
        if not self._subscribers:
            return
        moment = record.posix_seconds(now)
        self._send(call_id, moment, Told("call_cleanup_completed", "CALL", {}))
        self._send(call_id, moment, Told("call_stasis_end", "ARI", {}))

    @contextmanager
    def subscribe(self, limit: int = QUEUE_LIMIT) -> Iterator[Subscriber]:
        """Watch from now on; the first text is the list of active calls."""
        subscriber = Subscriber(self, limit)
        subscriber.offer(self.active_calls())
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    def active_calls(self) -> str:
        """The envelope `active_calls_list`."""
        calls = [listed(record) for record in self._calls().values() if record.live]
        return envelope(None, time.time(), Told("active_calls_list", "CALL", calls))

    def _send(self, call_id: str, moment: float, told: Told) -> None:
        text = envelope(call_id, moment, told)
        for subscriber in self._subscribers:
            subscriber.offer(text)


def envelope(call_id: str | None, moment: float, told: Told) -> str:
    """The original's envelope as JSON text. moment: in POSIX seconds."""
    return json_text.dumps(
        {
            "type": told.type,
            "callId": call_id,
            "timestamp": timestamp(moment),
            "source": told.source,
            "payload": told.payload,
            "logLevel": told.level,
        },
        default=str,
    )
