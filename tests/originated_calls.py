"""Calls that an application makes with ARI's `originate`: how each goes, on the simulated Asterisk and a real one.

The events of a channel have one order. Asterisk sends `Dial` from elsewhere, so its place among them varies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from offhook.ari import (
    AriClient,
    AriEvents,
    ChannelDestroyed,
    ChannelHangupRequest,
    ChannelStateChange,
    Dial,
    StasisEnd,
    StasisStart,
)
from offhook.simulators.asterisk.outgoing import Refusal

RINGING = "state Ringing"
UP = "state Up"
ENTERED = "StasisStart, Up"
LEFT = "StasisEnd"
HANG_UP = "hang-up request"
BY_US = "hang-up request of ours"
NO_ANSWER = "destroyed: 19 User alerting, no answer"
NORMAL = "destroyed: 16 Normal Clearing"
UNKNOWN = "destroyed: 0 Unknown"


_N = TypeVar("_N", bound="News")


@dataclass(frozen=True)
class Course:
    """What the telephone does, and what the application hears of it."""

    dial: tuple[str, ...]
    """The statuses of the events `Dial`."""
    events: tuple[str, ...]
    """The other events of the channel."""
    rings: bool = True
    answers: bool = True
    refuses: Refusal | None = None
    then: str = ""
    """Who hangs up, after the answer or while it rings: `callee`, `application`."""

    @property
    def timeout_seconds(self) -> float:
        """How long it may ring: not long where that is what ends it."""
        return 0.7 if NO_ANSWER in self.events and self.refuses is None else 30.0

    @property
    def is_answered(self) -> bool:
        """Whether the call is answered."""
        return ENTERED in self.events

    @property
    def is_over(self) -> bool:
        """Whether the channel is gone in the end."""
        return self.events[-1] != ENTERED


COURSES = {
    "it answers": Course(("", "RINGING", "ANSWER"), (RINGING, UP, ENTERED)),
    "it answers without ringing": Course(("", "ANSWER"), (UP, ENTERED), rings=False),
    "it answers and hangs up": Course(
        ("", "RINGING", "ANSWER"), (RINGING, UP, ENTERED, HANG_UP, LEFT, UNKNOWN), then="callee"
    ),
    "it answers and we hang up": Course(
        ("", "RINGING", "ANSWER"), (RINGING, UP, ENTERED, BY_US, LEFT, NORMAL), then="application"
    ),
    "it is busy": Course(
        ("", "BUSY"), (f"{HANG_UP}: 17", "destroyed: 17 User busy"), rings=False, refuses="busy"
    ),
    "it rejects": Course(
        ("", "RINGING", "NOANSWER"),
        (RINGING, f"{HANG_UP}: 21", "destroyed: 21 Call Rejected"),
        refuses="rejected",
    ),
    "its number is unknown": Course(
        ("", "NOANSWER"),
        (f"{HANG_UP}: 1", "destroyed: 1 Unallocated (unassigned) number"),
        rings=False,
        refuses="unknown",
    ),
    "it is not available": Course(
        ("", "NOANSWER"), (f"{HANG_UP}: 19", NO_ANSWER), rings=False, refuses="unavailable"
    ),
    "it has no free line": Course(
        ("", "CONGESTION"),
        (f"{HANG_UP}: 34", "destroyed: 34 Circuit/channel congestion"),
        rings=False,
        refuses="congestion",
    ),
    "nobody answers": Course(("", "RINGING"), (RINGING, NO_ANSWER), answers=False),
    "nothing is heard of it": Course(("",), (NO_ANSWER,), rings=False, answers=False),
    "it rings and we hang up": Course(
        ("", "RINGING", "NOANSWER"), (RINGING, BY_US, NORMAL), answers=False, then="application"
    ),
}
"""Telephones of SIP, by what they do. Asterisk 22."""

NO_EXTENSION = Course((), (UNKNOWN,))
"""A Local channel to an extension that does not exist."""

REFUSED = {
    "PJSIP/nobody": (500, "PJSIP/nobody cannot be called: no such endpoint, or no phone is registered there"),
    "Nothing/nobody": (500, "Nothing/nobody cannot be called"),
    "nobody": (400, "Invalid endpoint specified (endpoint 'nobody')"),
    "": (400, "Endpoint must be specified"),
}
"""Endpoints that Asterisk does not take: the status, and what the error says."""


News = Dial | ChannelStateChange | ChannelHangupRequest | ChannelDestroyed | StasisStart | StasisEnd


class Application:
    """An application's client, and what its event stream has told so far."""

    def __init__(self, client: AriClient) -> None:
        self.client = client
        self._news: list[News] = []
        self._more = asyncio.Event()

    async def read(self, stream: AriEvents) -> None:
        """Collect events until the stream is closed."""
        async for event in stream:
            if isinstance(event, News):
                self._news.append(event)
                self._more.set()

    async def started(self, channel_id: str) -> StasisStart:
        """Wait until the call is answered and in the application."""
        return await self._first(StasisStart, channel_id)

    async def ringing(self, channel_id: str) -> None:
        """Wait until everything has been heard that a telephone's ringing causes."""
        await self._until(lambda: self.course(channel_id) == (("", "RINGING"), (RINGING,)))

    async def destroyed(self, channel_id: str) -> ChannelDestroyed:
        """Wait until the channel is gone."""
        return await self._first(ChannelDestroyed, channel_id)

    def course(self, channel_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The statuses of the channel's `Dial` events, and its other events in words."""
        news = [event for event in self._news if event.channel.id == channel_id]
        return (
            tuple(event.status for event in news if isinstance(event, Dial)),
            tuple(_words(event) for event in news if not isinstance(event, Dial)),
        )

    async def _first(self, kind: type[_N], channel_id: str) -> _N:
        def found() -> list[_N]:
            return [
                event for event in self._news if isinstance(event, kind) and event.channel.id == channel_id
            ]

        await self._until(found)
        return found()[0]

    async def _until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._more.clear()
                await self._more.wait()


def _words(event: News) -> str:
    match event:
        case ChannelStateChange(channel=channel):
            return f"state {channel.state}"
        case StasisStart(channel=channel):
            return f"StasisStart, {channel.state}"
        case ChannelHangupRequest(soft=True, cause=32):
            return BY_US
        case ChannelHangupRequest(cause=cause):
            return HANG_UP if cause is None else f"{HANG_UP}: {cause}"
        case ChannelDestroyed(cause=cause, cause_text=text):
            return f"destroyed: {cause} {text}"
        case _:
            return type(event).__name__


@asynccontextmanager
async def application(url: str, username: str, password: str, app: str) -> AsyncIterator[Application]:
    """An application that is connected."""
    async with AriClient(url, username, password, app) as client:
        mine, stream = Application(client), AriEvents(client)
        async with stream:
            reading = asyncio.create_task(mine.read(stream))
            yield mine
        await reading
