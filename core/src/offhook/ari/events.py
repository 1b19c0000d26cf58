"""ARI's event stream: one WebSocket for the application, opened again whenever it breaks.

Asterisk replays nothing: what happened while the stream was down is only seen by asking. So the stream tells
when it was lost and when it is back, and whoever reads it compares what Asterisk has with what it holds.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from offhook import json_text

from .client import AriClient
from .errors import AriError
from .event_socket import EventSocket
from .models import ApplicationReplaced, AriEvent
from .parsing import parse_event

log = logging.getLogger("offhook.ari")

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
STABLE_SECONDS = 10.0
"""A connection that lasted so long makes the next delay the first one again."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream is open: the application is registered, its events follow."""

    first: bool
    """False after a loss: events in between are lost for good."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The stream broke and is being opened again; `reason` is for people."""

    reason: str


StreamEvent = AriEvent | Connected | Disconnected


def reconnect_delay_seconds(attempt: int, jitter: float) -> float:
    """How long to wait before the given attempt (0 is the first after a loss): 0.2 s doubling up to 10 s.

    `jitter`, between 0 and 1, takes off up to half of it, so that many hosts do not come back all at once.
    """
    doubled = FIRST_DELAY_SECONDS * float(2 ** min(attempt, 16))
    return min(LONGEST_DELAY_SECONDS, doubled) * (1 - jitter / 2)


def next_attempt(attempt: int, connected_seconds: float) -> int:
    """The number of the next attempt, after a connection that lasted so long.

    A peer that accepts and hangs up at once is not to be called in a tight loop.
    """
    return 0 if connected_seconds >= STABLE_SECONDS else attempt + 1


class AriEvents:
    """The application's events, as they come.

    `async with AriEvents(client) as events: async for event in events: …`. Opening raises `Unauthorized` or
    another `AriError` when Asterisk refuses the first connection, `AriUnreachable` when it cannot be reached;
    from then on the stream is opened again for ever. Events are taken from the socket at once, however slow
    their reader is: Asterisk cuts off who does not read for 100 ms (`websocket_write_timeout` of ari.conf).

    on_event: gets each event in the callback that has read it, sooner than any task could; then none is left for
    `async for`, which waits for the end. What it raises ends the stream, and is raised there.
    """

    def __init__(
        self,
        client: AriClient,
        *,
        on_event: Callable[[StreamEvent], None] | None = None,
        heartbeat_seconds: float = 10.0,
        delay_seconds: Callable[[int, float], float] = reconnect_delay_seconds,
    ) -> None:
        self._client = client
        self._heartbeat_seconds = heartbeat_seconds
        self._delay_seconds = delay_seconds
        self._queue: asyncio.Queue[StreamEvent | BaseException | None] = asyncio.Queue()
        self._on_event = on_event or self._queue.put_nowait
        self._reader: asyncio.Task[None] | None = None
        self._socket: EventSocket | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the first connection; `async for` does it too. Does nothing if it was opened before."""
        if self._reader is not None or self._closed:
            return
        socket = await self._client.connect_events(self._heartbeat_seconds)
        if self._closed:  # meanwhile, by another task
            await socket.close()
            return
        self._reader = asyncio.create_task(self._reconnect_for_ever(), name="ARI events")
        self._listen(socket, first=True)

    async def close(self) -> None:
        """End the stream and its `async for`, at once; events not yet taken are dropped."""
        self._closed = True
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._socket is not None:
            await self._socket.close()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        await self.open()
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)  # the end stays the end
            raise StopAsyncIteration
        if isinstance(event, BaseException):
            raise event
        return event

    def _listen(self, socket: EventSocket, *, first: bool) -> None:
        self._socket = socket
        self._hand_on(Connected(first))
        socket.listen(self._take)

    async def _reconnect_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = -1
        try:
            while not self._closed and self._socket is not None:
                opened = loop.time()
                reason = await self._socket.ended()
                if self._closed:
                    return
                log.warning("ARI event stream lost: %s", reason)
                self._hand_on(Disconnected(reason))
                attempt = next_attempt(attempt, loop.time() - opened)
                socket, attempt = await self._reconnect(attempt)
                log.info("ARI event stream is back")
                self._listen(socket, first=False)
        except Exception as error:  # a bug: whoever waits for events must not wait for ever
            self._break(error)

    def _take(self, text: bytes) -> None:
        try:
            data = json_text.loads(text)
        except ValueError as error:
            shown = text.decode("utf-8", "replace")
            log.warning("ARI event left out, no JSON (%s): %.200s", error, shown)
            return
        event = parse_event(data)
        if event is None:
            return
        if isinstance(event, ApplicationReplaced):
            log.warning(
                "Another client has taken over the ARI application %s: it gets the calls now",
                event.application,
            )
        self._hand_on(event)

    def _hand_on(self, event: StreamEvent) -> None:
        if self._closed:
            return
        try:
            self._on_event(event)
        except Exception as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        """Nothing comes any more, and the connection is cut, lest a reconnect takes the application back."""
        self._closed = True
        self._queue.put_nowait(error)
        if self._socket is not None:
            self._socket.transport.abort()

    async def _reconnect(self, attempt: int) -> tuple[EventSocket, int]:
        """Try until it works; returns the connection and the number of the attempt that made it."""
        while True:
            delay = self._delay_seconds(attempt, random.random())
            await asyncio.sleep(delay)
            try:
                return await self._client.connect_events(self._heartbeat_seconds), attempt
            except AriError as error:
                log.warning("ARI event stream not back yet: %s", error)
                attempt += 1
