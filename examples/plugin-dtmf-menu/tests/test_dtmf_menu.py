"""The menu without Asterisk: keys in, actions out; and its question to a web service."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import offhook_dtmf_menu as plugin
from offhook import (
    Action,
    Activate,
    CallInfo,
    CallView,
    Digit,
    EndCause,
    Event,
    Finish,
    Interrupt,
    Outcome,
    Ran,
    Run,
    Say,
    SendText,
    Settings,
    Silence,
    Status,
    TimerExpired,
    load_settings,
)


class View:
    """What a part sees of its call, as far as this one looks at it."""

    call_id = "call-1"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


def reaction(event: Event, **settings: object) -> list[Action]:
    asked = load_settings(environ={}, overrides=settings).settings
    part = plugin.digit_handler(asked)
    assert part is not None
    return list(part.on(event, cast("CallView", View(asked))))


# --- Keys ---------------------------------------------------------------------------------------------------


def test_it_takes_the_place_of_offhooks_keypad() -> None:
    assert plugin in [installed.load() for installed in entry_points(group="offhook.plugins", name="dtmf")]


def test_1_asks_for_the_balance_and_says_that_it_takes_a_moment() -> None:
    *before, run = reaction(Digit("1"))
    assert before == [Silence(), Activate(), Say("One moment, please.")]
    assert isinstance(run, Run)
    assert (run.name, run.timeout_seconds) == ("balance", plugin.PATIENCE_SECONDS)


def test_the_balance_is_told_by_the_model_and_by_no_log() -> None:
    text = "The caller's balance is 12.50 euros. Tell the caller so in one sentence."
    assert reaction(Ran("balance", "12.50 euros")) == [SendText(text, role="system", sensitive=True)]


def test_without_a_balance_the_model_apologises_and_offers_a_person() -> None:
    assert reaction(Ran("balance", error="TimeoutError")) == [SendText(plugin.FAILED, role="system")]


def test_0_sends_the_caller_to_a_person() -> None:
    assert reaction(Digit("0")) == [Finish(EndCause.TRANSFER, context="support", extension="100")]


def test_any_other_key_reads_out_the_menu() -> None:
    assert reaction(Digit("7")) == [Silence(), Activate(), Say(plugin.MENU)]


def test_in_a_recognition_a_key_is_the_result() -> None:
    assert reaction(Digit("1"), sessionKind="recognition") == [
        Interrupt(),
        Finish(EndCause.DTMF, digits="1"),
    ]


def test_nothing_else_matters() -> None:
    assert reaction(TimerExpired("patience")) == []


def test_where_digits_are_switched_off_it_stays_away() -> None:
    assert plugin.digit_handler(load_settings(environ={}, overrides={"dtmfEnabled": False}).settings) is None


# --- The web service ----------------------------------------------------------------------------------------


def asked_balance(monkeypatch: pytest.MonkeyPatch, status: int = 200) -> tuple[object, list[str]]:
    """What pressing 1 brings on a call of 0800 55, and the numbers that the service was asked for."""
    numbers: list[str] = []

    async def balance(request: web.Request) -> web.Response:
        numbers.append(request.query["number"])
        return web.json_response({"balance": "12.50 euros"}, status=status)

    async def press() -> object:
        app = web.Application()
        app.add_routes([web.get("/balance", balance)])
        async with TestServer(app) as server:
            monkeypatch.setenv("MENU_BALANCE_URL", str(server.make_url("/balance")))
            run = reaction(Digit("1"))[-1]
            assert isinstance(run, Run)
            return await run.work()

    call = CallInfo("call-1", "channel-1", caller_number="0800 55")
    plugin.call_settings(call)
    try:
        return asyncio.run(press()), numbers
    finally:
        plugin.result_variables(call, Outcome("call-1", EndCause.HANGUP, Status.OK, "000"))
        assert plugin.callers == {}, "the caller of an ended call is remembered"


def test_the_service_is_asked_about_who_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_balance(monkeypatch) == ("12.50 euros", ["0800 55"])


def test_a_service_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(aiohttp.ClientResponseError, match="500"):
        asked_balance(monkeypatch, status=500)
