"""Asterisk's event stream as a small WebSocket server, for tests of what its reader sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from offhook.ari import AriClient, AriEvents, Channel, StasisStart, StreamEvent

PASSWORD = "s3cret-word"
Script = Callable[[web.WebSocketResponse], Awaitable[None]]


class EventServer:
    """Serves `/ari/events`: each connection plays the next script; a number refuses it with that status."""

    def __init__(self) -> None:
        self.url = ""
        self.scripts: list[Script | int] = []
        self.requests: list[web.Request] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        script = self.scripts.pop(0) if self.scripts else stay
        if isinstance(script, int):
            return web.Response(status=script)
        socket = web.WebSocketResponse(autoping=getattr(script, "__name__", "") not in ("deaf", "two_pings"))
        await socket.prepare(request)
        await script(socket)
        return socket


async def stay(socket: web.WebSocketResponse) -> None:
    """Keep the connection until the client closes it."""
    async for _ in socket:
        pass


async def deaf(socket: web.WebSocketResponse) -> None:
    """A peer that is gone without a word: nothing is answered, not even the end."""
    await asyncio.Event().wait()


def send(*messages: object, then: Script = stay) -> Script:
    async def script(socket: web.WebSocketResponse) -> None:
        for message in messages:
            await socket.send_str(message if isinstance(message, str) else json.dumps(message))
        await then(socket)

    return script


async def hang_up(socket: web.WebSocketResponse) -> None:
    await socket.close(code=1001)


@asynccontextmanager
async def event_server() -> AsyncIterator[tuple[EventServer, AriClient]]:
    """The server on loopback, and an open client of it."""
    server = EventServer()
    app = web.Application()
    app.router.add_get("/ari/events", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    async with AriClient(server.url, "ari", PASSWORD, "my app") as client:
        yield server, client
    await runner.cleanup()


def event(kind: str, channel_id: str = "17.1", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "application": "my app", "channel": {"id": channel_id}, **fields}


def at_once(attempt: int, jitter: float) -> float:
    return 0.0


async def take(events: AriEvents, count: int) -> list[StreamEvent]:
    async with asyncio.timeout(10):
        return [await anext(events) for _ in range(count)]


START = StasisStart(Channel("17.1"), application="my app")
