"""An aiohttp application that answers the telephone too: Offhook's host runs in its event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from offhook import (
    CallEnded,
    CallInfo,
    Host,
    LayeredSettings,
    LiveCall,
    SettingsError,
    hookimpl,
    load_settings,
)

log = logging.getLogger("switchboard")
SETTINGS = web.AppKey("settings", LayeredSettings)
HOST = web.AppKey("host", Host)
GUESTS = {"0800 55": "Mrs Weber of room 12"}
routes = web.RouteTableDef()


class House:
    """A plugin of this application's own; it runs in its event loop and may use its objects."""

    @hookimpl
    def call_settings(self, call: CallInfo) -> dict[str, str]:
        who = GUESTS.get(call.caller_number, "Somebody from outside")
        return {"instructions": f"You are the switchboard of a hotel. {who} is calling."}


async def telephone(app: web.Application) -> AsyncIterator[None]:
    """Takes calls as long as the application runs; those that still run at its end end with `shutdown`."""
    async with Host(app[SETTINGS], plugins={"house": House()}, console=False) as host:
        app[HOST] = host
        serving = asyncio.create_task(host.serve())
        serving.add_done_callback(_gone)
        yield
        serving.cancel()


def _gone(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and (error := serving.exception()):
        log.critical("no calls come in any more: %s", error)
        signal.raise_signal(signal.SIGTERM)  # whoever started us starts us again


def asked_for(request: web.Request) -> LiveCall:
    call = request.app[HOST].calls.get(request.match_info["call_id"])
    if call is None:
        raise web.HTTPNotFound(text="no call of that id is running")
    return call


@routes.get("/calls")
async def list_calls(request: web.Request) -> web.Response:
    calls = request.app[HOST].calls.values()
    told = [{"id": c.call_id, "caller": c.info.caller_number, "now": c.record.activity} for c in calls]
    return web.json_response(told)


@routes.delete("/calls/{call_id}")
async def hang_up(request: web.Request) -> web.Response:
    outcome = await asked_for(request).end()
    return web.json_response({"cause": outcome.cause, "said": outcome.transcription})


@routes.post("/calls/{call_id}/say")
async def say(request: web.Request) -> web.Response:
    try:
        asked_for(request).say(await request.text())
    except (ValueError, CallEnded) as error:
        raise web.HTTPConflict(text=str(error)) from None
    return web.Response(status=204)


def application(settings: LayeredSettings) -> web.Application:
    app = web.Application()
    app[SETTINGS] = settings
    app.cleanup_ctx.append(telephone)
    app.add_routes(routes)
    return app


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        settings = load_settings(dotenv=Path(".env"))
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    web.run_app(application(settings), host="127.0.0.1", port=8090)
