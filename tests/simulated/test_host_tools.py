"""Function calls of the model in whole calls: whatever a tool does, the model gets an answer and the call goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from call_bench import Bench, Mouth, bench, with_plugin
from offhook import Tool, ToolContext, hookimpl
from offhook.simulators.asterisk import SimulatedCaller
from offhook.simulators.realtime.dialogue import CallTool, Reply, Say, Turn
from offhook.simulators.realtime.response import Response


class Replies:
    """A model that gives one reply after the other, and then says `Done.`; `turns` is what it knew each time."""

    def __init__(self, *replies: Reply) -> None:
        self.turns: list[Turn] = []
        self._replies = replies

    def reply(self, turn: Turn) -> Reply:
        self.turns.append(turn)
        number = len(self.turns) - 1
        return self._replies[number] if number < len(self._replies) else [Say("Done.")]

    @property
    def outputs(self) -> list[str]:
        """The outputs that the model got after its first reply, in order."""
        return [output.output for output in self.turns[1].outputs]


class Anything(BaseModel):
    number: int = 0


def tool(name: str, function: Callable[[ToolContext, Anything], Awaitable[Any]]) -> Tool:
    return Tool(name, f"The tool {name}.", Anything, function)


class Toolbox:
    """A plugin with tools."""

    def __init__(self, *tools: Tool) -> None:
        self._tools = tools

    @hookimpl
    def tools(self) -> tuple[Tool, ...]:
        return self._tools


@asynccontextmanager
async def model_calls(
    *calls_of_tools: CallTool, tools: tuple[Tool, ...] = (), plugin: object = None, **settings: Any
) -> AsyncIterator[tuple[Bench, SimulatedCaller, Replies]]:
    """A call in which the model speaks first, by calling tools."""
    model = Replies(calls_of_tools)
    plugins = [Toolbox(*tools), *([plugin] if plugin else [])]
    async with bench(
        mouth=Mouth(0.2),
        hooks=with_plugin(*plugins),
        provider_options={"dialogue": model},
        initial_user_prompt="Begin.",
        **settings,
    ) as calls:
        yield calls, await calls.dial(), model


async def answered(calls: Bench, caller: SimulatedCaller, model: Replies) -> list[str]:
    """Wait for the outputs of the model's calls; then the caller ends the call, which has gone on."""
    await calls.until(lambda: len(model.turns) > 1, "the model's turn after the outputs")
    outputs = model.outputs
    await caller.press("1#")
    assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "1"
    return outputs


@pytest.mark.asyncio
async def test_calls_of_one_response_run_side_by_side_and_get_one_answer_together() -> None:
    both = asyncio.Barrier(2)

    async def meet(context: ToolContext, parameters: Anything) -> dict[str, Any]:
        async with both:  # whoever came first waits for the other
            return {"number": parameters.number, "caller": context.call.caller_number}

    first, second = CallTool("meet", {"number": 1}), CallTool("meet", {"number": 2})
    async with model_calls(first, second, tools=(tool("meet", meet),)) as (calls, caller, model):
        outputs = await answered(calls, caller, model)
        created = [m for m in calls.provider.sessions[0].sent if m["type"] == "response.created"]
    assert sorted(json.loads(output)["number"] for output in outputs) == [1, 2]
    assert json.loads(outputs[0])["caller"] == "100"
    assert len(created) == 2, "one response for both"


@pytest.mark.asyncio
async def test_a_tool_that_no_plugin_has_is_answered_with_those_there_are() -> None:
    class Promises:
        @hookimpl
        def session_config(self, session: dict[str, Any]) -> Mapping[str, Any]:
            teleport = {"type": "function", "name": "teleport", "description": "", "parameters": {}}
            return {"tools": [*session["tools"], teleport]}

    async with model_calls(CallTool("teleport"), plugin=Promises()) as (calls, caller, model):
        (output,) = await answered(calls, caller, model)
    assert "no tool named 'teleport'" in json.loads(output)["error"]
    assert "get_current_time" in json.loads(output)["error"]


@pytest.mark.asyncio
@pytest.mark.parametrize("broken", [False, True], ids=["wrong type", "no JSON"])
async def test_bad_arguments_are_answered_with_what_is_wrong(
    broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = False

    async def count(context: ToolContext, parameters: Anything) -> str:
        nonlocal ran
        ran = True
        return "ran"

    if broken:
        call = Response._call
        monkeypatch.setattr(Response, "_call", lambda self, name, text: call(self, name, text[:-1]))
    asked = CallTool("count", {"number": 1 if broken else "a few"})
    async with model_calls(asked, tools=(tool("count", count),)) as (calls, caller, model):
        (output,) = await answered(calls, caller, model)
    assert "bad arguments for count" in json.loads(output)["error"]
    assert ("JSON" if broken else "number") in json.loads(output)["error"]
    assert not ran


async def raises(context: ToolContext, parameters: Anything) -> str:
    raise LookupError("no such customer")


async def is_late(context: ToolContext, parameters: Anything) -> str:
    await asyncio.sleep(60)
    return "too late"


async def says_much(context: ToolContext, parameters: Anything) -> str:
    return "a" * 50_000


def is_not_async(context: ToolContext, parameters: Anything) -> Any:
    return "at once"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raises, "broken failed: no such customer"),
        (is_late, "broken gave no answer within 0.2 s"),
        (is_not_async, "broken failed"),
    ],
    ids=["raises", "is late", "is not async"],
)
async def test_a_tool_that_fails_is_answered_with_the_reason(function: Any, words: str) -> None:
    async with model_calls(
        CallTool("broken"), tools=(tool("broken", function),), tool_timeout_seconds=0.2
    ) as (calls, caller, model):
        (output,) = await answered(calls, caller, model)
    assert words in json.loads(output)["error"]


@pytest.mark.asyncio
async def test_an_output_that_is_too_long_is_cut_and_says_so() -> None:
    async with model_calls(CallTool("tell"), tools=(tool("tell", says_much),)) as (calls, caller, model):
        (output,) = await answered(calls, caller, model)
    assert 20_000 <= len(output) < 20_100
    assert output.endswith("[cut: the output had 50000 characters]")


@pytest.mark.asyncio
async def test_a_tool_that_runs_when_the_caller_hangs_up_is_stopped_and_can_do_nothing_more() -> None:
    began, said = asyncio.Event(), list[str]()

    async def linger(context: ToolContext, parameters: Anything) -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            context.end_call()
            context.transfer("default", "100")
            said.append("stopped")
            raise
        return "never"

    async with model_calls(CallTool("linger"), tools=(tool("linger", linger),), tool_timeout_seconds=600) as (
        calls,
        caller,
        _,
    ):
        await asyncio.wait_for(began.wait(), 10)
        await caller.hangup()
        await calls.over()
        await calls.until(lambda: said, "the tool stopped")
        assert calls.record.outcome is not None
        assert calls.record.outcome.cause == "hangup"


@pytest.mark.asyncio
async def test_a_tool_that_will_not_stop_does_not_keep_the_caller() -> None:
    began, released, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def cling(context: ToolContext, parameters: Anything) -> str:
        began.set()
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        ended.set()
        return "at last"

    async with model_calls(CallTool("cling"), tools=(tool("cling", cling),)) as (calls, caller, _):
        await asyncio.wait_for(began.wait(), 10)
        await caller.press("1#")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "1"
        await calls.until(lambda: calls.host.ports_in_use == 0, "the port given back")
        released.set()
        await asyncio.wait_for(ended.wait(), 10)


# --- The built-in tools ---------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_transfer_to_where_the_operator_did_not_allow_it_is_refused() -> None:
    asked = CallTool("transfer_call", {"extension": "00900123456"})
    async with model_calls(asked, transfer_targets="sales/100, 200") as (calls, caller, model):
        (output,) = await answered(calls, caller, model)
    assert "'00900123456' is not allowed" in json.loads(output)["error"]
    assert "sales/100, 200" in json.loads(output)["error"]


@pytest.mark.asyncio
async def test_a_transfer_goes_to_the_calls_own_context_where_none_is_named() -> None:
    asked = CallTool("transfer_call", {"extension": "200"})
    async with model_calls(asked, transfer_targets="sales/100, 200", end_action="hangup") as (_, caller, _):
        left = await caller.left_stasis()
    assert (left.how, left.context, left.extension, left.priority) == ("continued", "default", "200", 1)
    assert left.variables["OFFHOOK_END_CAUSE"] == "transfer"
    assert left.variables["RECOG_STATUS"] == "OK"


@pytest.mark.asyncio
async def test_the_model_sets_the_variables_that_the_operator_allows_and_no_other() -> None:
    asked = [
        CallTool("set_channel_variable", {"name": name, "value": "42"})
        for name in ("ORDER", "SHELL(reboot)", "RECOG_STATUS")
    ]
    async with model_calls(*asked, settable_variables="ORDER") as (calls, caller, model):
        await calls.until(lambda: len(model.turns) > 1, "the outputs")
        outputs = model.outputs
        await caller.press("1#")
        left = await caller.left_stasis()
    assert left.variables["ORDER"] == "42"
    assert left.variables["RECOG_STATUS"] == "OK"
    assert not any("SHELL" in name for name in left.variables)
    assert sorted("may not be set" in output for output in outputs) == [False, True, True]


@pytest.mark.asyncio
async def test_keys_that_the_model_presses_reach_the_other_side() -> None:
    async with model_calls(CallTool("send_dtmf", {"digits": "12#"})) as (calls, caller, model):
        assert await answered(calls, caller, model) == ["sent"]
    assert caller.digits_heard == "12#"


@pytest.mark.asyncio
async def test_what_asterisk_refuses_to_a_tool_is_told_to_the_model() -> None:
    async def send(context: ToolContext, parameters: Anything) -> str:
        calls.refuse("send_dtmf", times=1)
        await context.send_digits("1")
        return "sent"

    async with model_calls(CallTool("send"), tools=(tool("send", send),)) as (calls, caller, model):
        (output,) = await answered(calls, caller, model)
    assert "Allocation failed" in json.loads(output)["error"]


@pytest.mark.asyncio
async def test_no_tool_that_reaches_out_is_offered_before_the_operator_allows_something() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        offered = {tool["name"] for tool in calls.provider.sessions[0].configuration["tools"]}
        await caller.hangup()
        assert offered == {tool["name"] for tool in await calls.host.tools()}
    assert offered == {"end_call", "send_dtmf", "get_current_time"}
