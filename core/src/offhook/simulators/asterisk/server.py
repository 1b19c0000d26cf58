"""`SimulatedAsterisk`: the switch behind real HTTP and WebSocket ports, and the way to place calls."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from aiohttp import WSMsgType, web

from offhook.simulators.asterisk import channel_routes, other_routes
from offhook.simulators.asterisk.bridges import Bridge
from offhook.simulators.asterisk.channels import CallerChannel, Channel
from offhook.simulators.asterisk.outgoing import Refusal, SimulatedCallee
from offhook.simulators.asterisk.rest import Exchange, RestSide, Routes
from offhook.simulators.asterisk.sounds import Sounds
from offhook.simulators.asterisk.stasis import EventSocket
from offhook.simulators.asterisk.switch import Switch
from offhook.simulators.caller import SimulatedCaller

DIALPLAN_CONTEXT = "default"


class SimulatedAsterisk:
    """An Asterisk to develop and test against, without Asterisk.

    It serves ARI (REST and events) on `host:port`, speaks RTP with external media hosts, and behaves as
    Asterisk 22 does where that matters to an application: the order of events, the texts of errors, what
    waits for a prompt to end, what is left over when a caller hangs up. Port 0 takes any free one.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        username: str = "offhook",
        password: str = "offhook",
        app: str = "openai-ari-app",
        sounds: Mapping[str, str | Path | bytes] | None = None,
        stasis_start_delay_seconds: float = 0.001,
    ) -> None:
        """`sounds`: more sounds by name, as WAV files (mono, 16 bits) or 16-bit PCM at 8 kHz. `app`: the
        Stasis application that `dial` hands calls to. `stasis_start_delay_seconds`: how long a new external
        media or snoop channel cannot be bridged yet.
        """
        self.host = host
        self.app = app
        self.username = username
        self.password = password
        self._port = port
        self._switch = Switch(host, Sounds(sounds), stasis_start_delay_seconds)
        routes = Routes()
        routes.extend(channel_routes.routes)
        routes.extend(other_routes.routes)
        self._rest = RestSide(self._switch, routes, username, password)
        self._sockets: set[web.WebSocketResponse] = set()
        self._attached = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the port. Raises `OSError` when it is taken."""
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{rest:.*}", self._rest.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Drop all calls and close the port."""
        self._switch.close()
        await self.disconnect_applications()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """The base URL, without `/ari`."""
        return f"http://{self.host}:{self._port}"

    @property
    def channels(self) -> Mapping[str, Channel]:
        """All channels by id."""
        return self._switch.channels

    @property
    def bridges(self) -> Mapping[str, Bridge]:
        """All bridges by id."""
        return self._switch.bridges

    @property
    def requests(self) -> Sequence[Exchange]:
        """Every REST exchange so far."""
        return self._rest.exchanges

    async def connected(self, timeout_seconds: float | None = 10) -> None:
        """Wait until the application has opened its event WebSocket. Raises `TimeoutError`, unless it is to wait
        for as long as it takes (None).
        """
        async with asyncio.timeout(timeout_seconds):
            while not self._switch.stasis.connected(self.app):
                self._attached.clear()
                await self._attached.wait()

    async def disconnect_applications(self) -> None:
        """Cut all event WebSockets, as a restart of the network would; calls stay up."""
        for socket in list(self._sockets):
            await socket.close(code=1001)

    async def dial(
        self,
        extension: str = "7000",
        *,
        variables: Mapping[str, str] | None = None,
        caller_number: str = "100",
        caller_name: str = "",
        answered: bool = False,
        args: Sequence[str] = (),
        app: str = "",
        dtx: bool = False,
        dialplan_seconds: float = 0.2,
    ) -> SimulatedCaller:
        """Call an extension whose dialplan sets `variables` and runs `Stasis(app,args…)`, after `Answer()` if
        `answered`.

        When the application lets the call go on in the dialplan, that takes `dialplan_seconds` and then hangs
        up.
        """
        switch = self._switch
        state = "Up" if answered else "Ring"
        name = f"PJSIP/simulated-{switch.unique():08x}"
        channel = CallerChannel(switch, switch.channel_id(), name, "Ring", caller_number, dtx)
        channel.caller_name = caller_name
        channel.context, channel.extension = DIALPLAN_CONTEXT, extension
        channel.variables |= variables or {}
        channel.dialplan_seconds = dialplan_seconds
        switch.add_caller(channel)
        if state == "Up":
            switch.answer(channel)
        channel.priority = 2
        self._enter(channel, app or self.app, list(args))
        return channel.phone

    def callee(
        self,
        endpoint: str,
        *,
        answers_after_seconds: float | None = 0.2,
        refuses: Refusal | None = None,
        rings: bool = True,
        dtx: bool = False,
    ) -> SimulatedCallee:
        """Set up a telephone that the application can call as `endpoint`, such as `PJSIP/alice`.

        It answers after `answers_after_seconds`; None: nobody picks up, and it rings until the call is given up.
        With `refuses` it refuses after that time, as busy or in another way. `rings` False: it does not report
        that it rings. An endpoint that was not set up is one that Asterisk does not know.
        """
        telephone = SimulatedCallee(
            endpoint, answers_after_seconds=answers_after_seconds, refuses=refuses, rings=rings, dtx=dtx
        )
        self._switch.callees[endpoint] = telephone
        return telephone

    async def dial_again(self, call: SimulatedCaller, *, args: Sequence[str] = ()) -> None:
        """The dialplan, where `call` went on, runs `Stasis` once more. Raises `LookupError` when the call is
        over.
        """
        channel = self._switch.channels.get(call.channel_id)
        if not isinstance(channel, CallerChannel) or channel.app is not None:
            raise LookupError(f"call {call.channel_id} is not in the dialplan")
        self._enter(channel, self.app, list(args))

    def _enter(self, channel: CallerChannel, app: str, args: list[str]) -> None:
        channel.phone.stasis_entered()
        if not self._switch.enter_stasis(channel, app, args):
            self._switch.refused(channel)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """The event WebSocket: `GET /ari/events?app=a,b&subscribeAll=true`."""
        if not self._rest.authorized(request):
            return await self._rest.handle(request)
        names = [name for name in request.query.get("app", "").split(",") if name]
        if not names:
            return web.json_response({"message": "Invalid application"}, status=400)
        socket = web.WebSocketResponse(timeout=1.0)
        if not socket.can_prepare(request).ok:
            return web.Response(
                status=426, text="<html><body>Upgrade Required</body></html>", content_type="text/html"
            )
        await socket.prepare(request)
        events = EventSocket(socket)
        writing = asyncio.create_task(events.write())
        self._sockets.add(socket)
        self._switch.stasis.attach(
            names, events, request.query.get("subscribeAll", "").lower() in ("true", "yes", "1")
        )
        self._attached.set()
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._sockets.discard(socket)
            self._switch.stasis.detach(events)
            events.end()
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
        return socket
