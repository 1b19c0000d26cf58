"""A plugin that returns what it must not: it is named in the log, and costs no other plugin anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import web

import offhook_activation_vad
from offhook import Settings, hookimpl
from offhook.plugins.hooks import Hooks


def hooks_with(bad: object, *, and_vad: bool = False) -> Hooks:
    hooks = Hooks()
    if and_vad:
        hooks.register(offhook_activation_vad, "activation_vad")
    hooks.register(bad, "bad")
    return hooks


async def answer(request: web.Request) -> web.Response:
    return web.Response()


class NoPart:
    @hookimpl
    def activation_mode(self, mode: str, settings: Settings) -> Any:
        return "vad"


def test_what_is_no_part_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    assert hooks_with(NoPart(), and_vad=True).knows_mode("VAD", Settings())
    assert not hooks_with(NoPart()).knows_mode("VAD", Settings())
    assert "plugin bad" in caplog.text


class OddRoutes:
    @hookimpl
    def http_routes(self) -> Iterable[Any]:
        yield web.get("/good", answer)
        yield "/text"
        yield web.get("no-slash", answer)


def test_what_is_no_route_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert [route.path for route in asyncio.run(hooks_with(OddRoutes()).http_routes())] == ["/good"]
    assert caplog.text.count("plugin bad") == 2


class NoRoutes:
    @hookimpl
    def http_routes(self) -> Any:
        return 7


def test_what_is_no_list_of_routes_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    hooks = hooks_with(NoRoutes())
    hooks.register(OddRoutes(), "odd")
    assert [route.path for route in asyncio.run(hooks.http_routes())] == ["/good"]
    assert "plugin bad" in caplog.text
