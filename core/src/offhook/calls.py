"""The calls of a host, for the program that runs it: what happens on them as a stream, and each as a handle."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from offhook.call import events as ev
from offhook.call.actions import Action
from offhook.call.info import CallInfo
from offhook.call.outcome import Outcome
from offhook.call.record import CallRecord
from offhook.call.state import CallEnded
from offhook.session_changes import changed_session
from offhook.settings import LayeredSettings, Settings

if TYPE_CHECKING:
    from offhook.runner.call_runner import CallRunner


class LiveCall:
    """One call that runs, or ran. Its methods belong in the host's event loop."""

    def __init__(self, runner: CallRunner, layered: LayeredSettings, record: CallRecord) -> None:
        self.info: CallInfo = runner.info
        """Who calls whom."""
        self.record: CallRecord = record
        """What was said and done so far, as the console shows it."""
        self._runner: CallRunner | None = runner
        self._layered = layered
        self._outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    @property
    def call_id(self) -> str:
        """The id in logs, console and journal, and in `OFFHOOK_CALL_ID`."""
        return self.info.call_id

    @property
    def settings(self) -> Settings:
        """The settings of this call, all layers merged."""
        return self._layered.settings

    @property
    def live(self) -> bool:
        """True until the call has decided to end."""
        return self._runner is not None and not self._runner.ended

    def say(self, text: str) -> None:
        """Have the model speak this text to the caller, as soon as it is free.

        Before the call listens, the text waits. Where the keypad has taken over, it is dropped. Raises ValueError
        for an empty text and in a recognition, whose model says nothing, and CallEnded.
        """
        if not text.strip():
            raise ValueError("text is empty; it must be what the caller is to hear")
        if self._layered.settings.call.session_kind == "recognition":
            raise ValueError(
                "sessionKind is 'recognition': its model says nothing; say() needs 'conversation'"
            )
        self._post(ev.SayRequested(text))

    def update_session(self, changes: Mapping[str, Any]) -> None:
        """Change settings (name → value) of the Realtime session: voice, instructions, speed …

        Raises SettingsError, with every problem, for what is unknown, bad or fixed while a call runs (nothing is
        changed then), and CallEnded.
        """
        self._running()
        layered = changed_session(self._layered, changes)
        self._layered = layered
        self._post(ev.SettingsChanged(layered.settings, tuple(changes.items())))

    async def end(self) -> Outcome:
        """End the call now, with cause `operator`; returns when it has given back everything.

        An ended call's outcome is returned at once, or when all is given back.
        """
        if self.live:
            self._post(ev.OperatorHangup())
        return await self.ended()

    def transfer(self, context: str, extension: str) -> None:
        """Send the caller to a dialplan extension, once the answer that is being spoken has been heard.

        Where the keypad has taken over, that is at once. Raises ValueError for an empty name, and CallEnded.
        """
        for name, value in (("context", context), ("extension", extension)):
            if not value:
                raise ValueError(f"{name} is empty; it must be one of the dialplan's")
        self._post(ev.EndRequested("transfer", context, extension, by_program=True))

    async def ended(self) -> Outcome:
        """Wait for the end of the call, until it has given back everything; returns its result."""
        return await asyncio.shield(self._outcome)

    def _let_decide(self, event: ev.Event) -> None:
        """For the host: let the call decide about an event. After the end nothing happens."""
        if self._runner is not None:
            self._runner.post(event)

    def _closed(self, outcome: Outcome) -> None:
        """For the host: the call is over and what it held is free."""
        self._runner = None
        self._outcome.set_result(outcome)

    def _post(self, event: ev.Event) -> None:
        self._running().post(event)

    def _running(self) -> CallRunner:
        if self._runner is None or self._runner.ended:
            raise CallEnded(f"the call {self.call_id} has ended")
        return self._runner


# --- The stream -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call came in, its settings are known, and its audio is being connected."""

    call: LiveCall


@dataclass(frozen=True, slots=True)
class CallHappened:
    """Something happened on a call, and the call decided what to do about it."""

    call: LiveCall
    event: ev.Event | None
    """None: a timer ran out."""
    actions: tuple[Action, ...]
    at: float
    """Seconds on the clock of `time.monotonic`."""


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call has ended and has given back everything."""

    call: LiveCall
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The subscriber was too slow: so many events are missing here."""

    count: int


HostEvent = CallStarted | CallHappened | CallFinished | EventsLost
"""What a `CallStream` tells."""


class CallStream(AsyncIterator[HostEvent]):
    """One subscriber's view of all calls, from now on; it ends when the host stops, or with `close`."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; it must be 1 or more events")
        self._limit = limit
        self._events: deque[HostEvent] = deque()
        self._lost = 0
        self._arrived = asyncio.Event()
        self._closed = False

    def _publish(self, event: HostEvent) -> None:
        """For the host: never waits."""
        if self._closed:
            return
        if len(self._events) >= self._limit:
            self._lost += 1
            return
        if self._lost:
            self._events.append(EventsLost(self._lost))
            self._lost = 0
        self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        """No more events; those that wait are still handed out."""
        self._closed = True
        self._arrived.set()

    @property
    def closed(self) -> bool:
        """No more events will come."""
        return self._closed

    async def __anext__(self) -> HostEvent:
        """Wait for the next event. Raises StopAsyncIteration after the last one."""
        while not self._events:
            if self._lost:
                lost, self._lost = self._lost, 0
                return EventsLost(lost)
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Calls(Mapping[str, LiveCall]):
    """The calls that run, by their ids, and the stream of what happens on all of them.

    async for happened in host.calls:
        ...
    """

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}
        self._streams: weakref.WeakSet[CallStream] = weakref.WeakSet()
        """Weak, as whoever leaves an `async for` does not close it."""
        self._closed = False

    def stream(self, limit: int = 1000) -> CallStream:
        """Subscribe, from now on. So many events wait for a slow subscriber; then it is told how many it lost.

        Before the host is entered this is possible too, and nothing is missed then. Raises ValueError.
        """
        stream = CallStream(limit)
        if self._closed:
            stream.close()
        self._streams.add(stream)
        return stream

    def __aiter__(self) -> CallStream:
        """What happens on all calls from now on: a `stream` with its usual limit."""
        return self.stream()

    def __getitem__(self, call_id: str) -> LiveCall:
        """The call of that id. Raises KeyError."""
        return self._calls[call_id]

    def __iter__(self) -> Iterator[str]:
        """The ids, oldest first; calls may come and go meanwhile."""
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        """How many calls run."""
        return len(self._calls)

    # --- For the host -----------------------------------------------------------------------------

    def _add(self, call: LiveCall) -> None:
        self._calls[call.call_id] = call
        self._publish(CallStarted(call))

    def _remove(self, call: LiveCall, outcome: Outcome) -> None:
        del self._calls[call.call_id]
        call._closed(outcome)
        self._publish(CallFinished(call, outcome))

    def _happened(self, call_id: str, event: ev.Event | None, actions: Sequence[Action], at: float) -> None:
        if self._streams and (call := self._calls.get(call_id)):
            self._publish(CallHappened(call, event, tuple(actions), at))

    def _close(self) -> None:
        """The host has stopped."""
        self._closed = True
        for stream in tuple(self._streams):
            stream.close()

    def _publish(self, event: HostEvent) -> None:
        for stream in tuple(self._streams):
            if stream.closed:
                self._streams.discard(stream)
            else:
                stream._publish(event)
