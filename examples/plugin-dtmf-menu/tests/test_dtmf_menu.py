"""The menu without Asterisk: keys in, actions out; and its question to a web service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import entry_points

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import offhook_dtmf_menu as plugin
from offhook import CallInfo, Digit, EndCause, Say, SendText
from offhook.testing import CallScenario, KeypadSuite

MakeCall = Callable[..., CallScenario]


class TestMenu(KeypadSuite):
    plugin = plugin


def test_it_takes_the_place_of_offhooks_keypad() -> None:
    assert plugin in [installed.load() for installed in entry_points(group="offhook.plugins", name="dtmf")]


# --- Keys ---------------------------------------------------------------------------------------------------


def test_1_asks_for_the_balance_and_says_that_it_takes_a_moment(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin)
    call.listening()
    call.at(1, Digit("1"))
    call.expect(1, Say("One moment, please."))
    assert "balance" in call.works


def test_the_balance_is_told_by_the_model_and_by_no_log(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin)
    call.listening()
    call.at(1, Digit("1"))
    call.ran(2, "balance", "12.50 euros")
    text = "The caller's balance is 12.50 euros. Tell the caller so in one sentence."
    call.expect(2, SendText(text, role="system", sensitive=True))


def test_without_a_balance_the_model_apologises_and_offers_a_person(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin)
    call.listening()
    call.at(1, Digit("1"))
    call.ran(6, "balance", error="gave no answer within 5 s")
    call.expect(6, SendText(plugin.FAILED, role="system"))


def test_0_sends_the_caller_to_a_person(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin)
    call.listening()
    call.at(1, Digit("0"))
    call.expect_end(1, EndCause.TRANSFER)


def test_any_other_key_reads_out_the_menu(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin)
    call.listening()
    call.at(1, Digit("7"))
    call.expect(1, Say(plugin.MENU))


def test_in_a_recognition_a_key_is_the_result(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin, session_kind="recognition")
    call.listening()
    call.at(1, Digit("1"))
    assert call.expect_end(1, EndCause.DTMF).digits == "1"


# --- The web service ----------------------------------------------------------------------------------------


async def press_1(
    make: MakeCall, monkeypatch: pytest.MonkeyPatch, status: int
) -> tuple[CallScenario, list[str]]:
    """A call of 0800 55 in which 1 is pressed, and the numbers that the service was asked for."""
    numbers: list[str] = []

    async def balance(request: web.Request) -> web.Response:
        numbers.append(request.query["number"])
        return web.json_response({"balance": "12.50 euros"}, status=status)

    app = web.Application()
    app.add_routes([web.get("/balance", balance)])
    async with TestServer(app) as server:
        monkeypatch.setenv("MENU_BALANCE_URL", str(server.make_url("/balance")))
        call = make(plugin, info=CallInfo("call-1", "channel-1", caller_number="0800 55"))
        call.listening()
        call.at(1, Digit("1"))
        await call.run_works(2)
    return call, numbers


def test_the_service_is_asked_about_who_calls(
    offhook_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, numbers = asyncio.run(press_1(offhook_call, monkeypatch, 200))
    assert numbers == ["0800 55"]
    (told,) = call.all_of(SendText)
    assert "12.50 euros" in told.text


def test_a_service_that_fails_costs_the_caller_nothing_but_the_balance(
    offhook_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, _ = asyncio.run(press_1(offhook_call, monkeypatch, 500))
    assert call.all_of(SendText) == [SendText(plugin.FAILED, role="system")]
    call.expect_running()
