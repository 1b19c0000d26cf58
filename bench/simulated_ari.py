"""As much of Asterisk's ARI as the host asks for in the topology `bridge`, and no switch behind it.

The simulated Asterisk of the package knows far more, and costs as much as the host: here the caller's phone *is* the
external media channel, so that a packet is made and taken without a detour.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from phones import FIRST_NUMBER, Phone, Phones

APP, USER, PASSWORD = "bench", "bench", "bench"
SET_UP_SECONDS = 20.0
Json = dict[str, Any]


class Call:
    """One caller's channel."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = f"call-{number}"
        self.state = "Ring"
        self.phone: Phone | None = None
        self.up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def as_json(self) -> Json:
        caller = {"name": "", "number": str(FIRST_NUMBER + self.number)}
        return channel(self.id, f"PJSIP/{self.id}", self.state) | {
            "caller": caller,
            "dialplan": {"context": "bench", "exten": "7000", "priority": 1},
        }


class SimulatedAri:
    """The HTTP server, and the calls. Use `start`, then `dial`."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones
        self._calls: dict[str, Call] = {}
        self._media: dict[str, tuple[Phone, tuple[str, int]]] = {}
        """External media channels: the phone, and the host's address."""
        self._bridges: dict[str, list[str]] = {}
        self._socket: web.WebSocketResponse | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._connected = asyncio.Event()

    async def start(self) -> Json:
        """Listen; where, as the host's environment has it."""
        app = web.Application()
        app.add_routes(
            [web.get("/ari/events", self._events), web.route("*", "/ari/{rest:.*}", self._request)]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1000)
        await site.start()
        return {
            "ASTERISK_ARI_URL": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "ASTERISK_ARI_USERNAME": USER,
            "ASTERISK_ARI_PASSWORD": PASSWORD,
            "ASTERISK_ARI_APP_NAME": APP,
        }

    # Callers

    async def dial(self, number: int) -> Phone | None:
        """A caller calls; its phone once the call is up, or None if it does not come up."""
        await self._connected.wait()
        call = Call(number)
        self._calls[call.id] = call
        self._tell("StasisStart", channel=call.as_json(), args=[])
        try:
            async with asyncio.timeout(SET_UP_SECONDS):
                await call.up
        except TimeoutError:
            return None
        return call.phone

    async def hang_up(self, number: int) -> None:
        """The caller hangs up."""
        call = self._calls.pop(f"call-{number}", None)
        if call is None:
            return
        if call.phone is not None:
            call.phone.close()
        self._tell("ChannelHangupRequest", channel=call.as_json())
        self._tell("StasisEnd", channel=call.as_json())

    def _come_up(self, call: Call) -> None:
        if call.state == "Up" and call.phone is not None and not call.up.done():
            call.phone.on_talking = lambda talking: self._talking(call, talking)
            call.up.set_result(None)

    def _talking(self, call: Call, talking: bool) -> None:
        if talking:
            self._tell("ChannelTalkingStarted", channel=call.as_json())
        else:
            self._tell("ChannelTalkingFinished", channel=call.as_json(), duration=1000)

    # Events

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self._socket = socket
        self._connected.set()
        async for _ in socket:
            pass
        return socket

    def _tell(self, kind: str, **fields: Any) -> None:
        if self._socket is None or self._socket.closed:
            return
        event = {"type": kind, "application": APP, "timestamp": "2025-01-01T00:00:00.000+0000", **fields}
        sending = asyncio.ensure_future(self._socket.send_str(json.dumps(event)))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    # Requests

    async def _request(self, request: web.Request) -> web.Response:
        parts = request.match_info["rest"].split("/")
        match request.method, *parts:
            case "GET", "asterisk", "info":
                return web.json_response(
                    {"system": {"version": "22.0.0", "entity_id": "bench"}, "config": {}}
                )
            case "GET", ("channels" | "bridges"):
                return web.json_response([])
            case "GET", "channels", channel_id, "variable" if channel_id in self._calls:
                return web.json_response({"value": separators(request.query["variable"])})
            case "GET", "channels", channel_id if channel_id in self._calls:
                return web.json_response(self._calls[channel_id].as_json())
            case "POST", "channels", "externalMedia":
                return self._external_media(request.query)
            case "POST", "channels", channel_id, action if channel_id in self._calls:
                return await self._act(self._calls[channel_id], action)
            case "POST", "bridges", bridge_id:
                self._bridges[bridge_id] = []
                return web.json_response({"id": bridge_id, "bridge_type": "mixing", "channels": []})
            case "POST", "bridges", bridge_id, "addChannel" if bridge_id in self._bridges:
                return self._join(request.query["channel"].split(","))
            case "DELETE", "bridges", bridge_id if self._bridges.pop(bridge_id, None) is not None:
                return web.Response(status=204)
            case "DELETE", "channels", channel_id if channel_id in self._media:
                self._media.pop(channel_id)[0].close()
                return web.Response(status=204)
        return web.json_response({"message": "Channel not found"}, status=404)

    def _external_media(self, query: Any) -> web.Response:
        host, _, port = query["external_host"].rpartition(":")
        phone = Phone(self._phones)
        channel_id = query["channelId"]
        self._media[channel_id] = phone, (host, int(port))
        made = channel(channel_id, f"UnicastRTP/{channel_id}", "Down")
        self._tell("StasisStart", channel=made, args=[])
        address = {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": str(phone.port)}
        return web.json_response(made | {"channelvars": address})

    def _join(self, channel_ids: list[str]) -> web.Response:
        call = next((self._calls[one] for one in channel_ids if one in self._calls), None)
        media = next((self._media[one] for one in channel_ids if one in self._media), None)
        if call is not None and media is not None:
            call.phone, remote = media
            call.phone.call = call.number
            call.phone.connect(remote)
            self._come_up(call)
        return web.Response(status=204)

    async def _act(self, call: Call, action: str) -> web.Response:
        if action == "answer":
            call.state = "Up"
            self._tell("ChannelStateChange", channel=call.as_json())
            self._come_up(call)
        elif action == "continue":
            self._tell("StasisEnd", channel=call.as_json())
        return web.Response(status=204)


def channel(channel_id: str, name: str, state: str) -> Json:
    """ARI's Channel model, as much as is asked for."""
    return {"id": channel_id, "name": name, "state": state, "language": "en"}


def separators(expression: str) -> str:
    """The value of an EVAL() of variables that are not set: what stands between them."""
    inner = expression.removeprefix("EVAL(").removesuffix(")")
    kept, _, rest = inner.partition("${")
    while rest:
        after = rest.partition("}")[2]
        between, _, rest = after.partition("${")
        kept += between
    return kept
