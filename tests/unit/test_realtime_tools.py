"""One call of a tool: whatever goes wrong becomes an output that tells the model so."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from pydantic import BaseModel, Field

from offhook import CallInfo, Tool, ToolContext
from offhook.realtime.tools import OUTPUT_LIMIT, ToolResult, run_tool


class Order(BaseModel):
    dish: str = Field(description="What to bring.")
    count: int = 1


class Context:
    call = CallInfo("call-1", "channel-1")


async def bring(context: ToolContext, order: Order) -> Any:
    match order.dish:
        case "nothing":
            raise LookupError("the kitchen is closed")
        case "never":
            return await asyncio.Event().wait()
        case "model":
            return order
        case "number":
            return {"count": order.count}
        case "unwritable":
            return {(1, 2): 3}
        case "cancels":
            raise asyncio.CancelledError
        case "much":
            return "x" * (OUTPUT_LIMIT + 5)
        case _:
            return f"{order.count} × {order.dish}"


BRING = Tool("bring", "Bring something.", Order, bring)


def asked(
    arguments: str, name: str = "bring", tool: Tool = BRING, timeout_seconds: float = 5.0
) -> ToolResult:
    context = cast("ToolContext", Context())
    return asyncio.run(run_tool({tool.name: tool}, name, arguments, context, timeout_seconds=timeout_seconds))


def test_a_text_is_the_output_as_it_is() -> None:
    assert asked('{"dish": "tea", "count": 2}') == ToolResult("2 × tea")


@pytest.mark.parametrize(
    ("dish", "output"), [("number", '{"count": 1}'), ("model", '{"dish":"model","count":1}')]
)
def test_anything_else_becomes_json(dish: str, output: str) -> None:
    assert asked(json.dumps({"dish": dish})) == ToolResult(output)


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        ('{"dish": "nothing"}', "bring", "bring failed: the kitchen is closed"),
        ('{"dish": "tea", "count": "many"}', "bring", "bad arguments for bring: count: "),
        ('{"dish": ', "bring", "bad arguments for bring: "),
        ("", "bring", "bad arguments for bring: dish: "),
        ("{}", "fly", "there is no tool named 'fly'; the tools are: bring"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(arguments: str, name: str, words: str) -> None:
    result = asked(arguments, name)
    assert result.failed
    assert json.loads(result.output)["error"].startswith(words)


def test_a_tool_has_a_time_limit() -> None:
    result = asked('{"dish": "never"}', timeout_seconds=0.01)
    assert (result.failed, json.loads(result.output)) == (
        True,
        {"error": "bring gave no answer within 0.01 s"},
    )


def test_a_tools_own_time_limit_comes_before_the_setting() -> None:
    quick = Tool("bring", "", Order, bring, timeout_seconds=0.01)
    assert asked('{"dish": "never"}', tool=quick, timeout_seconds=60).failed


def test_an_output_that_is_too_long_is_cut_and_the_model_is_told() -> None:
    output = asked('{"dish": "much"}').output
    assert output == "x" * OUTPUT_LIMIT + f"… [cut: the output had {OUTPUT_LIMIT + 5} characters]"


def test_whoever_changes_a_definition_changes_no_other() -> None:
    BRING.definition()["parameters"]["properties"].clear()
    assert set(BRING.definition()["parameters"]["properties"]) == {"dish", "count"}


def test_the_definition_is_what_the_realtime_api_takes() -> None:
    definition = BRING.definition()
    assert {key: definition[key] for key in ("type", "name", "description")} == {
        "type": "function",
        "name": "bring",
        "description": "Bring something.",
    }
    assert definition["parameters"]["required"] == ["dish"]
    assert set(definition["parameters"]["properties"]) == {"dish", "count"}


@pytest.mark.parametrize("dish", ["unwritable", "cancels"])
def test_a_tool_that_breaks_in_an_odd_way_is_answered_too(dish: str) -> None:
    result = asked(json.dumps({"dish": dish}))
    assert result.failed
    assert json.loads(result.output)["error"].startswith("bring ")


def test_a_tool_is_cancelled_with_its_call() -> None:
    async def cancelled() -> bool:
        context = cast("ToolContext", Context())
        work = run_tool({"bring": BRING}, "bring", '{"dish": "never"}', context, timeout_seconds=5)
        task = asyncio.create_task(work)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(cancelled())
