"""The code of a plugin that pip installed from outside: where it runs, and that it can do there what it needs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from call_bench import SPEECH, bench
from offhook import (
    Action,
    Activate,
    AudioListener,
    CallInfo,
    CallView,
    Event,
    Host,
    Outcome,
    Part,
    Ran,
    Run,
    Settings,
    Started,
    Tool,
    ToolContext,
    hookimpl,
)
from offhook.plugins.hooks import Hooks
from offhook.plugins.loader import FoundPlugin, find_plugins
from offhook.simulators.realtime.dialogue import CallTool, Reply, Say, Turn


class Note(BaseModel):
    text: str


class Notes:
    """A model that notes a word before it says goodbye."""

    def reply(self, turn: Turn) -> Reply:
        return [Say("Goodbye.")] if turn.outputs else [CallTool("note", {"text": "a word"})]


class Everything:
    """Implements every hook, and notes in which thread and which loop it was called."""

    def __init__(self) -> None:
        self.called: dict[str, set[tuple[int, int]]] = {}
        self.gate: asyncio.Event

    def here(self, what: str) -> None:
        place = (threading.get_ident(), id(asyncio.get_running_loop()))
        self.called.setdefault(what, set()).add(place)

    @hookimpl
    def host_started(self, host: Host) -> None:
        self.here("host_started")
        self.gate = asyncio.Event()
        asyncio.get_running_loop().create_task(self.open_gate())

    async def open_gate(self) -> None:
        self.here("a task of its own")
        self.gate.set()

    @hookimpl
    def host_stopping(self, host: Host) -> None:
        self.here("host_stopping")

    @hookimpl
    def call_settings(self, call: CallInfo, variables: Mapping[str, str]) -> Awaitable[Mapping[str, Any]]:
        self.here("call_settings")
        return self.look_up()

    async def look_up(self) -> Mapping[str, Any]:
        self.here("look_up")
        await self.gate.wait()  # made in its own loop, and good there
        return {"voice": "cedar"}

    @hookimpl
    def activation_mode(self, mode: str, settings: Settings) -> Part | None:
        self.here("activation_mode")
        return self if mode == "everything" else None

    def on(self, event: Event, call: CallView) -> Iterator[Action]:
        self.here("on")
        match event:
            case Started():
                yield Run("ask", self.ask)
            case Ran("ask", "yes"):
                yield Activate()
            case _:
                pass

    async def ask(self) -> str:
        self.here("ask")
        await asyncio.sleep(0)
        return "yes"

    @hookimpl
    def tools(self, settings: Settings) -> Iterable[Tool]:
        self.here("tools")
        yield Tool("note", "Note something.", Note, self.note)

    async def note(self, context: ToolContext, parameters: Note) -> str:
        self.here("a tool")
        await context.set_variable("NOTE", parameters.text)
        context.end_call()
        return "noted"

    @hookimpl
    def session_config(self, call: CallInfo, session: dict[str, Any]) -> Mapping[str, Any]:
        self.here("session_config")
        return {"instructions": f"You talk to {call.caller_number}."}

    @hookimpl
    def audio_tap(self, call: CallInfo, settings: Settings) -> AudioListener | None:
        self.here("audio_tap")
        return None

    @hookimpl
    def call_event(self, call_id: str, event: Event | None, actions: Sequence[Action]) -> None:
        self.here("call_event")

    @hookimpl
    def realtime_event(self, call_id: str, message: Mapping[str, Any]) -> None:
        self.here("realtime_event")

    @hookimpl
    def result_variables(self, call: CallInfo, outcome: Outcome) -> Mapping[str, str]:
        self.here("result_variables")
        return {"MINE": "7"}

    @hookimpl
    def http_routes(self) -> None:
        self.here("http_routes")


@pytest.mark.asyncio
async def test_all_of_a_plugin_runs_in_one_thread_and_one_loop_that_are_not_the_hosts() -> None:
    mine = Everything()
    hooks = Hooks([*find_plugins(), FoundPlugin("everything", "acme-everything", "1.0", plugin=mine)])
    async with bench(
        hooks=hooks,
        provider_options={"dialogue": Notes()},
        recognition_activation_mode="EVERYTHING",
    ) as calls:
        caller = await calls.asterisk.dial("7000", caller_number="4711")
        await caller.answered()
        await calls.listening()
        caller.play(SPEECH)
        left = await caller.left_stasis()
        session = calls.provider.sessions[0].configuration
    assert left.variables["OFFHOOK_END_CAUSE"] == "tool"
    assert left.variables["NOTE"] == "a word"
    assert left.variables["MINE"] == "7"
    assert session["audio"]["output"]["voice"] == "cedar"
    assert session["instructions"] == "You talk to 4711."
    places = set().union(*mine.called.values())
    assert len(places) == 1, mine.called
    (thread, loop) = places.pop()
    assert thread != threading.get_ident()
    assert loop != id(asyncio.get_running_loop())
    assert mine.called.keys() == {
        "host_started", "a task of its own", "host_stopping", "call_settings", "look_up", "activation_mode", "on",
        "ask", "tools", "a tool", "session_config", "audio_tap", "call_event", "realtime_event", "result_variables",
        "http_routes",
    }  # fmt: skip
    assert hooks.failures.counts() == {}
