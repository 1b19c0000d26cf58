"""The built-in tools: what they do, and that nothing reaches out unless the operator has declared it."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

import offhook_tools
from offhook import CallInfo, Settings
from offhook.realtime.tools import ToolResult, run_tool
from offhook.settings import settings_with


class Context:
    """A call for a tool to act on, which keeps what was asked of it."""

    def __init__(self, settings: Settings) -> None:
        self.call = CallInfo("call-1", "channel-1", context="ivr")
        self.settings = settings
        self.asked: list[tuple[str, ...]] = []

    def end_call(self) -> None:
        self.asked.append(("end_call",))

    def transfer(self, context: str, extension: str) -> None:
        self.asked.append(("transfer", context, extension))

    async def set_variable(self, name: str, value: str) -> None:
        self.asked.append(("set_variable", name, value))

    async def send_digits(self, digits: str) -> None:
        self.asked.append(("send_digits", digits))


def run(name: str, arguments: dict[str, Any], **settings: Any) -> tuple[ToolResult, list[tuple[str, ...]]]:
    """Run one tool as the host would; its result, and what it asked of the call."""
    context = Context(settings_with(**settings))
    tools = {tool.name: tool for tool in offhook_tools.tools(context.settings)}
    result = asyncio.run(run_tool(tools, name, json.dumps(arguments), context, timeout_seconds=5))
    return result, context.asked


def offered(**settings: Any) -> set[str]:
    return {tool.name for tool in offhook_tools.tools(settings_with(**settings))}


def test_what_reaches_out_is_not_offered_until_the_operator_declares_it() -> None:
    harmless = {"end_call", "send_dtmf", "get_current_time"}
    assert offered() == harmless
    assert offered(transfer_targets="200") - harmless == {"transfer_call"}
    assert offered(settable_variables="ORDER_ID") - harmless == {"set_channel_variable"}
    assert offered(http_endpoints="stock=https://stock.example/api") - harmless == {"http_request"}


def test_end_call_ends_the_call_after_a_goodbye() -> None:
    result, asked = run("end_call", {})
    assert asked == [("end_call",)]
    assert "goodbye" in result.output


@pytest.mark.parametrize(
    ("targets", "arguments", "transferred"),
    [
        ("200", {"extension": "200"}, ("transfer", "ivr", "200")),
        ("200", {"extension": "200", "context": "ivr"}, ("transfer", "ivr", "200")),
        ("sales/200", {"extension": "200"}, ("transfer", "sales", "200")),
        ("sales/200", {"extension": "200", "context": "sales"}, ("transfer", "sales", "200")),
        ("200, sales/300", {"extension": "300"}, ("transfer", "sales", "300")),
    ],
)
def test_transfer_call_passes_the_caller_to_a_declared_extension(
    targets: str, arguments: dict[str, str], transferred: tuple[str, ...]
) -> None:
    result, asked = run("transfer_call", arguments, transfer_targets=targets)
    assert not result.failed
    assert asked == [transferred]


@pytest.mark.parametrize(
    "arguments",
    [
        {"extension": "0900123456"},
        {"extension": "200", "context": "outbound"},
        {"extension": "20"},
        {"extension": "sales/200"},
        {"extension": ""},
    ],
)
def test_no_talk_leads_to_an_extension_that_is_not_declared(arguments: dict[str, str]) -> None:
    result, asked = run("transfer_call", arguments, transfer_targets="sales/200")
    assert (result.failed, asked) == (True, [])
    assert "allowed are: sales/200" in result.output


def test_a_declared_variable_is_set() -> None:
    result, asked = run("set_channel_variable", {"name": "ORDER", "value": "7"}, settable_variables="ORDER")
    assert (result.output, asked) == ("set", [("set_variable", "ORDER", "7")])


@pytest.mark.parametrize("name", ["SHELL(rm -rf /)", "order", "ORDER ", "__ORDER", "RECOG_STATUS"])
def test_no_other_variable_is_set(name: str) -> None:
    result, asked = run("set_channel_variable", {"name": name, "value": "7"}, settable_variables="ORDER")
    assert (result.failed, asked) == (True, [])


def test_a_dialplan_function_cannot_even_be_declared() -> None:
    with pytest.raises(ValueError, match="settableVariables"):
        settings_with(settable_variables="SHELL(ls)")


def test_send_dtmf_presses_keys() -> None:
    assert run("send_dtmf", {"digits": "12*#A"})[1] == [("send_digits", "12*#A")]


@pytest.mark.parametrize("keys", ["", "12a", "1 2", "1" * 33, "1\n"])
def test_what_is_no_key_is_not_pressed(keys: str) -> None:
    result, asked = run("send_dtmf", {"digits": keys})
    assert (result.failed, asked) == (True, [])


@pytest.mark.parametrize(("arguments", "hours"), [({}, 0), ({"timezone": "Asia/Tokyo"}, 9)])
def test_get_current_time_tells_time_and_weekday_of_a_place(arguments: dict[str, str], hours: int) -> None:
    told = json.loads(run("get_current_time", arguments)[0].output)
    time = datetime.fromisoformat(told["time"])
    assert time.utcoffset() == timedelta(hours=hours)
    assert told["weekday"] == time.strftime("%A")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime"])
def test_a_place_that_is_none_is_told_to_the_model(zone: str) -> None:
    result, _ = run("get_current_time", {"timezone": zone})
    assert result.failed
    assert "is not a time zone" in result.output


def test_an_endpoint_that_is_not_declared_is_not_called() -> None:
    result, _ = run(
        "http_request",
        {"endpoint": "http://169.254.169.254/"},
        http_endpoints="stock=https://stock.example/api",
    )
    assert result.failed
    assert "there are: stock" in result.output


def test_http_request_takes_no_other_method_than_get_and_post() -> None:
    result, _ = run(
        "http_request",
        {"endpoint": "stock", "method": "DELETE"},
        http_endpoints="stock=https://stock.example/api",
    )
    assert result.failed
