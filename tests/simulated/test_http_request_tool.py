"""`http_request` against a web service on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import offhook_tools
from offhook import CallInfo
from offhook.realtime.tools import ToolResult, run_tool
from offhook.settings import settings_with
from offhook_tools.http import BODY_LIMIT


class Stock:
    """A small web service that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], str]] = []

    async def stock(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, dict(request.query), await request.text()))
        return web.json_response({"left": 3})

    async def away(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/secret")

    async def secret(self, request: web.Request) -> web.Response:
        self.asked.append(("secret", {}, ""))
        return web.Response(text="secret")

    async def much(self, request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (BODY_LIMIT * 4))


@asynccontextmanager
async def serving(stock: Stock) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/stock", stock.stock)
    app.router.add_get("/away", stock.away)
    app.router.add_get("/secret", stock.secret)
    app.router.add_get("/much", stock.much)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/")).rstrip("/")


class Context:
    def __init__(self, **settings: Any) -> None:
        self.call = CallInfo("call-1", "channel-1")
        self.settings = settings_with(**settings)

    def end_call(self) -> None: ...
    def transfer(self, context: str, extension: str) -> None: ...
    async def set_variable(self, name: str, value: str) -> None: ...
    async def send_digits(self, digits: str) -> None: ...


async def requested(stock: Stock, path: str, **arguments: Any) -> ToolResult:
    async with serving(stock) as address:
        context = Context(http_endpoints={"shop": f"{address}{path}"})
        tools = {tool.name: tool for tool in offhook_tools.tools(context.settings)}
        asked = json.dumps({"endpoint": "shop", **arguments})
        return await run_tool(tools, "http_request", asked, context, timeout_seconds=5)


@pytest.mark.asyncio
async def test_a_declared_endpoint_is_asked_with_the_query() -> None:
    stock = Stock()
    result = await requested(stock, "/stock", query={"item": "tea"})
    assert json.loads(result.output) == {"status": 200, "body": '{"left": 3}'}
    assert stock.asked == [("GET", {"item": "tea"}, "")]


@pytest.mark.asyncio
async def test_post_sends_json() -> None:
    stock = Stock()
    await requested(stock, "/stock", method="POST", body={"item": "tea"})
    assert [(method, json.loads(body)) for method, _, body in stock.asked] == [("POST", {"item": "tea"})]


@pytest.mark.asyncio
async def test_a_redirect_leads_nowhere_that_the_operator_has_not_declared() -> None:
    stock = Stock()
    result = await requested(stock, "/away")
    assert json.loads(result.output)["status"] == 302
    assert stock.asked == []


@pytest.mark.asyncio
async def test_a_long_answer_is_read_to_the_limit_only() -> None:
    result = await requested(Stock(), "/much")
    assert len(result.output) < BODY_LIMIT + 200
    assert not result.failed
