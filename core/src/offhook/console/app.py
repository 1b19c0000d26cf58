"""The HTTP server: routes, start and stop.

Routes: `GET /` the page · `WS /logs` live events and requests · `GET /calls`, `GET /calls/{id}`,
`POST /calls/{id}/hangup` · `GET /tools` · `GET /public-url` · `GET /healthz`, `GET /readyz`.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import WSCloseCode, WSMsgType, web

from .access import allowed_origin, check, is_loopback, json_errors
from .console_host import ConsoleHost
from .feed import Feed, Subscriber
from .record_json import facts, whole_call
from .requests import answer

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from offhook.settings.model import ServerConfig

log = logging.getLogger("offhook.console")

STATIC: Final = Path(__file__).parent / "static"
MESSAGE_LIMIT: Final = 256 * 1024
"""Bytes of one request over the WebSocket."""
HEARTBEAT_SECONDS: Final = 20.0
"""A WebSocket whose peer answers no ping within half of this is closed."""
ROUND_SECONDS: Final = 0.05
"""Events that come so soon after one that was sent go out together."""
ROUND_LIMIT: Final = 100
"""So many at a time, so that calls have their turn."""
CLOSE_SECONDS: Final = 2.0
"""How long `close` waits for requests under way."""

HEADERS: Final = {
    # Everything comes from this server, and nobody may frame the page: a call can be ended by a click.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class ConsoleError(Exception):
    """The server cannot start; the text names the setting at fault and what is allowed."""


class ConsoleApp:
    """Offhook's HTTP server.

    Args:
        host: what is shown and commanded.
        settings: `server`: port (0 takes a free one), host_ip, public_url, token.
        routes: further routes, those of plugins and `/metrics`; they are guarded like the others.
        feed: where the host publishes what happens on calls; without it the server makes one of its own.
    """

    def __init__(
        self,
        host: ConsoleHost,
        *,
        settings: ServerConfig,
        routes: Iterable[web.AbstractRouteDef] = (),
        feed: Feed | None = None,
    ) -> None:
        self.feed = feed or Feed(lambda: host.records)
        self._host = host
        self._settings = settings
        self._token = settings.token.get_secret_value()
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._address: tuple[str, int] | None = None
        self._app = self._make_app(routes)

    @property
    def url(self) -> str:
        """The address of the page on this machine, without a token. Raises RuntimeError before `start`."""
        if self._address is None:
            raise RuntimeError("the server has not been started")
        ip, port = self._address
        return f"http://[{ip}]:{port}/" if ":" in ip else f"http://{ip}:{port}/"

    async def start(self) -> tuple[str, int]:
        """Listen; returns the address and port that it listens on.

        Raises ConsoleError: no token on an address that others can reach, the port is taken, the address is
        not one of this machine.
        """
        ip, port = self._settings.host_ip, self._settings.port
        if not self._token and not is_loopback(ip):
            raise ConsoleError(
                f"server.hostIp (WEBSOCKET_SERVER_HOST_IP) is {ip!r}, which other machines can reach: set "
                "server.token (OFFHOOK_TOKEN), or listen on a loopback address such as 127.0.0.1"
            )
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=CLOSE_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, ip, port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConsoleError(_why_not(error, ip, port)) from error
        self._runner = runner
        self._address = (str(runner.addresses[0][0]), int(runner.addresses[0][1]))
        return self._address

    async def close(self) -> None:
        """Stop listening and close every connection; safe to call twice, or before `start`."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _make_app(self, routes: Iterable[web.AbstractRouteDef]) -> web.Application:
        app = web.Application(middlewares=[json_errors, self._guard])
        app.add_routes(
            [
                web.get("/", self._page),
                web.static("/static", STATIC),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/tools", self._tools),
                web.get("/public-url", self._public_url),
                web.get("/calls", self._calls),
                web.get("/calls/{call_id}", self._call),
                web.post("/calls/{call_id}/hangup", self._hangup),
                web.get("/logs", self._logs),
                *routes,
            ]
        )
        app.on_response_prepare.append(self._add_headers)
        app.on_shutdown.append(self._close_sockets)
        return app

    # --- Around every request ------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if preflight and allowed_origin(request, self._token):
            return web.Response(status=204)
        check(request, self._token)
        return await handler(request)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if origin := allowed_origin(request, self._token):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Vary"] = "Origin"

    # --- Answers -------------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, request: web.Request) -> web.Response:
        ready = self._host.ready
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _tools(self, request: web.Request) -> web.Response:
        return web.json_response(await self._host.tools())

    async def _public_url(self, request: web.Request) -> web.Response:
        return web.json_response({"publicUrl": self._settings.public_url or self.url.rstrip("/")})

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response({"calls": [facts(record) for record in self._host.records.values()]})

    async def _call(self, request: web.Request) -> web.Response:
        call_id = request.match_info["call_id"]
        record = self._host.records.get(call_id)
        if record is None:
            raise web.HTTPNotFound(text=f"there is no call {call_id!r}")
        return web.json_response(whole_call(record))

    async def _hangup(self, request: web.Request) -> web.Response:
        call_id = request.match_info["call_id"]
        if call_id not in self._host.records:
            raise web.HTTPNotFound(text=f"there is no call {call_id!r}")
        if not self._host.hangup(call_id):
            raise web.HTTPConflict(text=f"the call {call_id!r} has ended already")
        return web.json_response({"callId": call_id, "status": "ending"}, status=202)

    # --- WS /logs ------------------------------------------------------------------------------------

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        # Uncompressed: deflating costs the loop that paces the calls' audio more than the bytes are worth.
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=MESSAGE_LIMIT, compress=False
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            with self.feed.subscribe() as subscriber:
                sending = asyncio.create_task(_send_events(socket, subscriber))
                try:
                    await self._answer_requests(socket)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _answer_requests(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                reply = await answer(self._host, message.data)
            else:
                reply = {"type": "error", "message": "a request must be a text message"}
            with suppress(ConnectionError):
                await socket.send_str(json.dumps(reply, default=str))

    async def _close_sockets(self, app: web.Application) -> None:
        closing = [s.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops") for s in self._sockets]
        await asyncio.gather(*closing, return_exceptions=True)


async def _send_events(socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
    """Send in rounds what comes in plenty: a write for each event would cost more than the event itself."""
    with suppress(ConnectionError):
        while True:
            await socket.send_str(await subscriber.next())
            await asyncio.sleep(ROUND_SECONDS)
            for _ in range(ROUND_LIMIT):
                text = subscriber.take()
                if text is None:
                    break
                await socket.send_str(text)


def _why_not(error: OSError, ip: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"PORT is {port}, and another program listens there on {ip}: choose a free one, or 0 for any"
            )
        case errno.EACCES:
            return f"PORT is {port}, which this user may not listen on: choose one above 1023"
        case _:
            return (
                f"server.hostIp (WEBSOCKET_SERVER_HOST_IP) is {ip!r}: cannot listen there: {error.strerror}"
            )
