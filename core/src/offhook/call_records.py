"""What is known of the calls of a host, for people: the live ones and some that have ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence

from offhook.call import events as ev
from offhook.call.actions import Action
from offhook.call.record import CallRecord
from offhook.calls import Calls
from offhook.console import Feed
from offhook.plugins.hooks import Hooks
from offhook.runner.deciding import Watch
from offhook.telemetry.journal import Journal

log = logging.getLogger("offhook.host")

ENDED_KEPT = 50
"""Records of ended calls that stay readable; the oldest go first."""


class CallRecords:
    """Keeps the records, and tells everybody who watches: the journal, the console's feed, subscribers and plugins."""

    def __init__(self, hooks: Hooks, calls: Calls) -> None:
        self.all: dict[str, CallRecord] = {}
        """Call id → record, oldest first."""
        self.feed = Feed(lambda: self.all)
        self.ended: Counter[str] = Counter()
        """How many calls have ended, by cause."""
        self._hooks = hooks
        self._calls = calls

    def open(self, record: CallRecord, problems: Sequence[str], journal: Journal | None) -> Watch:
        """Take in a new call. What is returned is to be told of everything that its call decides."""
        self.all[record.call_id] = record
        loop, now = asyncio.get_running_loop(), time.monotonic()
        for problem in problems:
            record.problem(now, problem)
            self.feed.publish(record.call_id, now, None, (), record)
        observed = self._hooks.has("call_event")

        def watch(event: ev.Event | None, actions: Sequence[Action], now: float) -> None:
            if journal is not None:
                journal.add(event, actions, now)
            try:
                record.apply(now, event, actions)
            except Exception:
                # A mistake in showing a call must never become a mistake in the call.
                log.exception("a call's record is incomplete", extra={"call_id": record.call_id})
            self.feed.publish(record.call_id, now, event, actions, record)
            self._calls._happened(record.call_id, event, actions, now)
            if isinstance(event, ev.PlaybackFinished) and event.failed and record.live:
                log.warning(
                    "Asterisk could not play the %s", event.playback_id, extra={"call_id": record.call_id}
                )
            if observed:  # after the call has gone on: an observer may be slow
                loop.call_soon(self._hooks.call_event, record.call_id, event, tuple(actions))

        return watch

    def closed(self, record: CallRecord) -> None:
        """A call has ended and everything that it held is free."""
        if record.outcome is not None:
            self.ended[record.outcome.cause.value] += 1
        self.feed.released(record.call_id, time.monotonic(), record)
        ended = [call_id for call_id, known in self.all.items() if not known.live]
        for call_id in ended[: max(0, len(ended) - ENDED_KEPT)]:
            del self.all[call_id]
