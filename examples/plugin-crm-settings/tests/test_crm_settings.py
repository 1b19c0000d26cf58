"""The answers of a web service, and what becomes of them."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import offhook_crm_settings as plugin
from offhook import CallInfo

CALL = CallInfo("call-1", "channel-1", caller_number="+49 30 100")


def answer(body: Any, status: int = 200) -> tuple[dict[str, Any], list[str]]:
    """What the plugin makes of this answer, and the numbers that the service was asked for."""
    asked: list[str] = []

    async def callers(request: web.Request) -> web.Response:
        asked.append(request.query["number"])
        return web.json_response(body, status=status)

    async def ask() -> dict[str, Any]:
        app = web.Application()
        app.add_routes([web.get("/callers", callers)])
        async with TestServer(app) as server:
            return await plugin.settings_of(str(server.make_url("/callers")), CALL.caller_number)

    return asyncio.run(ask()), asked


def test_it_is_installed_under_its_name() -> None:
    (installed,) = entry_points(group="offhook.plugins", name="crm_settings")
    assert installed.load() is plugin


def test_a_known_caller_gets_the_settings_of_the_service() -> None:
    known = {"language": "de", "voice": "cedar", "instructions": "Be brief."}
    assert answer(known) == (known, ["+49 30 100"])


def test_what_the_service_may_not_set_is_left_out_and_so_is_what_is_empty() -> None:
    settings, _ = answer({"voice": "cedar", "language": None, "resultContext": "admin"})
    assert settings == {"voice": "cedar"}


def test_an_unknown_caller_gets_the_settings_of_the_host() -> None:
    assert answer({"error": "unknown"}, status=404)[0] == {}


def test_a_service_that_fails_is_an_error_for_the_log() -> None:
    with pytest.raises(aiohttp.ClientResponseError, match="500"):
        answer({}, status=500)


def test_an_answer_that_is_no_object_is_an_error_for_the_log() -> None:
    with pytest.raises(ValueError, match="not with a JSON object"):
        answer(["de"])


@pytest.mark.parametrize(("address", "number"), [("", "100"), ("http://127.0.0.1:9/callers", "")])
def test_without_a_service_or_a_number_nobody_is_asked(
    address: str, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_URL", address)
    assert plugin.call_settings(CallInfo("call-1", "channel-1", caller_number=number)) is None
