"""Plugins that are bad on purpose, one for each way; tests and a benchmark see that a host contains them.

Each is bad only on calls that bear its name: as their mode, as their instructions, or as the caller's number.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from offhook import (
    Action,
    Activate,
    AudioListener,
    CallInfo,
    CallView,
    Emit,
    Event,
    Ran,
    Run,
    Settings,
    Started,
    StartTimer,
    TimerExpired,
    Tool,
    ToolContext,
    hookimpl,
)

RELEASED = threading.Event()
"""Lets go of all threads that wait for ever."""


def wait_for_ever() -> None:
    """Keep the thread, without computing: what a socket without a time limit does."""
    RELEASED.wait()


def compute_for_ever() -> None:
    """Keep the thread and the processor."""
    while True:
        pass


class _Bad:
    """Knows the calls that bear its name."""

    @property
    def name(self) -> str:
        return type(self).__name__

    def has_mode(self, mode: str) -> bool:
        return mode == self.name.lower()


class _Mode(_Bad):
    """Serves the mode of its name; the first event of a call is where it goes wrong."""

    @hookimpl
    def activation_mode(self, mode: str) -> Any:
        return self if self.has_mode(mode) else None

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        answer: Iterable[Action] = self.start(call) if isinstance(event, Started) else ()
        return answer

    def start(self, call: CallView) -> Any:
        raise NotImplementedError


class PartRaises(_Mode):
    def start(self, call: CallView) -> Any:
        raise LookupError("no such menu")


class PartWaits(_Mode):
    def start(self, call: CallView) -> Any:
        wait_for_ever()


class PartComputes(_Mode):
    def start(self, call: CallView) -> Any:
        compute_for_ever()


class PartIsSlow(_Mode):
    """Takes its time with each event, and then goes on."""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        time.sleep(0.2)
        return [Activate()] if isinstance(event, Started) else []


class PartAnswersNonsense(_Mode):
    def start(self, call: CallView) -> Any:
        return ["hang up"]


class PartFloods(_Mode):
    def start(self, call: CallView) -> Iterator[Action]:
        number = 0
        while True:
            number += 1
            yield StartTimer(f"t{number}", 60)


class PartFloodsInTime(_Mode):
    """A timer that is due at once, again and again."""

    def on(self, event: Event, call: CallView) -> Iterator[Action]:
        if isinstance(event, Started | TimerExpired):
            yield StartTimer("again", 0.000_001)


class PartKeepsItsCall(_Mode):
    """Activates, and asks for news of the call long after it has ended."""

    def __init__(self) -> None:
        self.views: list[CallView] = []

    def start(self, call: CallView) -> Iterable[Action]:
        self.views.append(call)
        asyncio.get_running_loop().create_task(self.look_again(call))
        return [Activate()]

    async def look_again(self, call: CallView) -> None:
        while call.settings:  # noqa: ASYNC110 - a bad plugin
            await asyncio.sleep(0.05)


class WorkNeverEnds(_Mode):
    """Asks a service that never answers, and gives up when it is told so."""

    def on(self, event: Event, call: CallView) -> Iterator[Action]:
        match event:
            case Started():
                yield Run("ask", asyncio.Event().wait, timeout_seconds=0.5)
            case Ran(name="ask", error=error) if error:
                yield Activate()
            case _:
                pass


class WorkWaits(_Mode):
    """Its async function waits as if it were a plain one."""

    async def ask(self) -> None:
        wait_for_ever()

    def on(self, event: Event, call: CallView) -> Iterator[Action]:
        match event:
            case Started():
                yield Run("ask", self.ask)
            case Ran(error=error) if error:
                yield Activate()
            case _:
                pass


class HookRaises(_Bad):
    @hookimpl
    def activation_mode(self, mode: str) -> Any:
        if self.has_mode(mode):
            raise LookupError("no such mode")


class HookWaits(_Bad):
    @hookimpl
    def activation_mode(self, mode: str) -> Any:
        if self.has_mode(mode):
            wait_for_ever()


class HookComputes(_Bad):
    @hookimpl
    def activation_mode(self, mode: str) -> Any:
        if self.has_mode(mode):
            compute_for_ever()


class HookReturnsNonsense(_Bad):
    @hookimpl
    def activation_mode(self, mode: str) -> Any:
        return 42 if self.has_mode(mode) else None


class SettingsNeverCome(_Bad):
    @hookimpl
    def call_settings(self, call: CallInfo) -> Awaitable[Mapping[str, Any]] | None:
        async def never() -> Mapping[str, Any]:
            await asyncio.Event().wait()
            return {}

        return never() if call.caller_number == self.name else None


class Nothing(BaseModel):
    """No parameters."""


async def do_nothing(context: ToolContext, parameters: Nothing) -> str:
    return ""


class ToolsWithoutEnd(_Bad):
    @hookimpl
    def tools(self, settings: Settings) -> Iterator[Tool] | None:
        def endless() -> Iterator[Tool]:
            tool = Tool("nothing", "Does nothing.", Nothing, do_nothing)
            while True:
                yield tool

        return endless() if settings.openai.instructions == self.name else None


class ObserverWaits(_Bad):
    def __init__(self) -> None:
        self.bad_call = ""

    @hookimpl
    def call_settings(self, call: CallInfo) -> None:
        if call.caller_number == self.name:
            self.bad_call = call.call_id

    @hookimpl
    def call_event(self, call_id: str) -> None:
        if call_id == self.bad_call:
            wait_for_ever()


class _Listens(_Bad):
    @hookimpl
    def audio_tap(self, call: CallInfo, emit: Emit) -> AudioListener | None:
        return self if call.caller_number == self.name else None

    def hear(self, frame: bytes) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


class ListenerRaises(_Listens):
    def hear(self, frame: bytes) -> None:
        raise LookupError("no such word")


class ListenerWaits(_Listens):
    def hear(self, frame: bytes) -> None:
        wait_for_ever()


class ListenerComputes(_Listens):
    def hear(self, frame: bytes) -> None:
        compute_for_ever()


BAD_PLUGINS: Mapping[str, Callable[[], object]] = {
    kind.__name__: kind
    for kind in (
        PartRaises,
        PartWaits,
        PartComputes,
        PartIsSlow,
        PartAnswersNonsense,
        PartFloods,
        PartFloodsInTime,
        PartKeepsItsCall,
        WorkNeverEnds,
        WorkWaits,
        HookRaises,
        HookWaits,
        HookComputes,
        HookReturnsNonsense,
        SettingsNeverCome,
        ToolsWithoutEnd,
        ObserverWaits,
        ListenerRaises,
        ListenerWaits,
        ListenerComputes,
    )
}


def calls_by(kind: str) -> dict[str, Any]:
    """What makes a call one on which this plugin is bad: arguments of `SimulatedAsterisk.dial`."""
    variables = {"APP_RECOGNITION_ACTIVATION_MODE": kind, "APP_OPENAI_INSTRUCTIONS": kind}
    return {"caller_number": kind, "variables": variables}
