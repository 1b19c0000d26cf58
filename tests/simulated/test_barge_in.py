"""Barge-in in whole calls, with everything that goes wrong around it: the caller is heard, the next answer comes, and
the model is told what was heard of the one before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from call_bench import SPEECH, Bench, Ears, Mouth, bench, with_plugin
from offhook import Tool, ToolContext, hookimpl
from offhook.simulators.asterisk import SimulatedCaller
from offhook.simulators.realtime.dialogue import CallTool, Reply, Say, Turn
from offhook.simulators.realtime.quirks import Quirks

ANSWER_SECONDS = 4.0


@asynccontextmanager
async def conversation(
    *, provider_options: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[tuple[Bench, SimulatedCaller]]:
    """A call whose first answer the caller is hearing; each lasts four seconds."""
    async with bench(
        ears=Ears(("Wait a moment.",)),
        mouth=Mouth(ANSWER_SECONDS),
        provider_options=provider_options,
        initial_user_prompt="Speak.",
        **more,
    ) as calls:
        caller = await calls.dial()
        await caller.wait_heard()
        yield calls, caller
        await caller.hangup()
        await calls.over()


async def interrupt(caller: SimulatedCaller) -> float:
    """Speak over the answer; when the caller heard the last of it."""
    caller.play(SPEECH)
    return await caller.wait_quiet(0.3)


def client(calls: Bench, kind: str) -> list[dict[str, Any]]:
    """The host's messages of a type."""
    messages = calls.provider.sessions[0].messages
    return [m.body for m in messages if not m.from_server and m.body["type"] == kind]


def server(calls: Bench, kind: str) -> list[dict[str, Any]]:
    """The provider's messages of a type."""
    messages = calls.provider.sessions[0].messages
    return [m.body for m in messages if m.from_server and m.body["type"] == kind]


def heard_ms(caller: SimulatedCaller, until: float) -> int:
    """How much the caller had heard by then."""
    return 20 * len(caller.loud_times(until=until + 0.001))


@pytest.mark.asyncio
@pytest.mark.parametrize("pace", [0.0, 1.5], ids=["all of it sent at once", "a little faster than it plays"])
async def test_the_model_is_told_what_was_heard_however_far_ahead_it_is(pace: float) -> None:
    async with conversation(provider_options={"audio_pace": pace}) as (calls, caller):
        quiet = await interrupt(caller)
        await caller.wait_heard(since=quiet)
        (told,) = client(calls, "conversation.item.truncate")
        first = server(calls, "response.done")[0]["response"]["status"]
        assert first == ("cancelled" if pace else "completed"), (
            "response.done was there before the caller spoke"
        )
        assert heard_ms(caller, quiet) - 40 <= told["audio_end_ms"] <= heard_ms(caller, quiet)
        assert not server(calls, "error")


@pytest.mark.asyncio
async def test_a_truncate_that_the_server_refuses_silences_nothing() -> None:
    fewer = Quirks(uncounted_ms=10_000)  # it believes that it sent less than was heard
    async with conversation(provider_options={"quirks": fewer}) as (calls, caller):
        for _ in range(3):
            quiet = await interrupt(caller)
            await caller.wait_heard(since=quiet)
        assert len(server(calls, "error")) == len(client(calls, "conversation.item.truncate")) == 3
        assert not calls.record.problems or all("truncate" not in p.text for p in calls.record.problems)


@pytest.mark.asyncio
async def test_who_interrupts_again_before_the_next_answer_has_interrupted_once() -> None:
    async with conversation(provider_options={"answer_delay_seconds": 1.5}) as (calls, caller):
        await interrupt(caller)
        await interrupt(caller)
        quiet = await interrupt(caller)
        await caller.wait_heard(since=quiet)
        items = [message["item_id"] for message in client(calls, "conversation.item.truncate")]
        assert len(items) == len(set(items)) == 1
        assert not client(calls, "conversation.item.delete")
        assert not server(calls, "error")


@pytest.mark.asyncio
async def test_of_two_spoken_items_the_one_that_was_not_begun_is_deleted() -> None:
    async with conversation(provider_options={"quirks": Quirks(preamble="Let me see.")}) as (calls, caller):
        await calls.until(lambda: server(calls, "response.done"), "both items sent")
        quiet = await interrupt(caller)
        await caller.wait_heard(since=quiet)
        (first, second) = (
            message["item"]["id"] for message in server(calls, "response.output_item.done")[:2]
        )
        assert [m["item_id"] for m in client(calls, "conversation.item.truncate")] == [first]
        assert [m["item_id"] for m in client(calls, "conversation.item.delete")] == [second]
        assert heard_ms(caller, quiet) < ANSWER_SECONDS * 1000
        assert not server(calls, "error")


@pytest.mark.asyncio
async def test_what_is_on_its_way_of_an_answer_that_was_stopped_is_not_heard() -> None:
    # Asterisk hears the caller, and the server sends on until it is told, over a slow network.
    slow = Quirks(cancel_delay_seconds=0.4)
    async with conversation(
        barge_in_source="asterisk", provider_options={"audio_pace": 2.0, "quirks": slow}
    ) as (
        calls,
        caller,
    ):
        quiet = await interrupt(caller)
        (told,) = client(calls, "conversation.item.truncate")
        assert heard_ms(caller, quiet) - 40 <= told["audio_end_ms"] <= heard_ms(caller, quiet)
        assert client(calls, "response.cancel")
        await caller.wait_heard(since=quiet)  # the next answer; nothing in between
        assert len(client(calls, "conversation.item.truncate")) == 1


# --- While a tool works ---------------------------------------------------------------------------------------


class Nothing(BaseModel):
    pass


class Slow:
    """A plugin with a tool that waits until it is told."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.release = asyncio.Event()

    async def look_up(self, context: ToolContext, parameters: Nothing) -> str:
        self.begun.set()
        await self.release.wait()
        return "found"

    @hookimpl
    def tools(self) -> tuple[Tool, ...]:
        return (Tool("look_up", "Looks it up.", Nothing, self.look_up),)


class LooksUp:
    """A model that says something and looks it up, and then answers each turn."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def reply(self, turn: Turn) -> Reply:
        self.turns.append(turn)
        return [Say("One moment."), CallTool("look_up", {})] if len(self.turns) == 1 else [Say("Here it is.")]


@pytest.mark.asyncio
async def test_who_speaks_while_a_tool_works_is_answered_and_so_is_the_tool() -> None:
    slow, model = Slow(), LooksUp()
    async with conversation(hooks=with_plugin(slow), provider_options={"dialogue": model}) as (calls, caller):
        await slow.begun.wait()
        quiet = await interrupt(caller)
        await caller.wait_heard(since=quiet)  # the answer to the caller, though the tool still works
        slow.release.set()
        await calls.until(lambda: len(model.turns) == 3, "a turn after the tool's output")
        (output,) = (
            message["item"]
            for message in client(calls, "conversation.item.create")
            if message["item"]["type"] == "function_call_output"
        )
        assert "found" in output["output"]
        assert len(client(calls, "conversation.item.truncate")) == 1
        codes = [message["error"]["code"] for message in server(calls, "error")]
        assert not codes, "conversation_already_has_active_response is not even tried"
