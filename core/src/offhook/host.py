"""The host: takes the calls of one Stasis application and runs them.

    async with Host(settings) as host:
        await host.serve()

Several hosts may run in one event loop. A host sets no signal handler, sets up no logging, and keeps nothing in
globals.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from offhook import ari
from offhook.call import events as ev
from offhook.call.record import CallRecord
from offhook.calls import Calls, LiveCall
from offhook.console import ConsoleApp
from offhook.media import NoPortLeftError, Pacer, RtpPorts
from offhook.originating import Original, check_request
from offhook.plugins.hooks import Hooks
from offhook.reception import Reception
from offhook.runner.arrivals import OURS, Arrivals
from offhook.runner.call_runner import Equipment
from offhook.runner.call_settings import with_known_modes
from offhook.secrets import Secrets, Vault
from offhook.settings import LayeredSettings, Settings, SettingsError, check_ready, shown_tree
from offhook.telemetry.journal import Journals, why_no_journal
from offhook.telemetry.metrics import CONTENT_TYPE, HostMetrics
from offhook.telemetry.stalls import Stalls
from offhook.telemetry.totals import Totals

log = logging.getLogger("offhook.host")

ASK_AGAIN_SECONDS = 1.0


class HostError(Exception):
    """The host cannot go on, or cannot do what it was asked; the text says why, for people."""


class Host:
    """Takes the calls of a Stasis application.

    settings: of the host; a `LayeredSettings` (from `load_settings`) also knows where each value came from.
    plugins: further plugins by name, objects with hook implementations; they run in this event loop. hooks: all
    plugins; None takes those that are installed. console: serve the HTTP server. http_session: for ARI; None makes
    one. clock: the time of day, with a time zone; timers run on the event loop's own clock. secrets: gives what the
    settings do not hold.

    Entering it connects to Asterisk and takes calls from then on. Raises `SettingsError`, `AriError` (refused
    login, unreachable), `ConsoleError` (the port is taken), `PluginConflict`, `BadPlugin`, `OSError`. Leaving it
    ends the calls that still run with cause `shutdown` and their result variables set.
    """

    def __init__(
        self,
        settings: Settings | LayeredSettings,
        *,
        plugins: Mapping[str, object] | None = None,
        hooks: Hooks | None = None,
        console: bool = True,
        http_session: aiohttp.ClientSession | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        secrets: Secrets | None = None,
    ) -> None:
        self._layered = settings if isinstance(settings, LayeredSettings) else LayeredSettings.of(settings)
        asked = self._layered.settings.plugins
        self.hooks = hooks or Hooks.installed(
            disabled=asked.disabled, choices=asked.choices, strict=asked.strict_plugins
        )
        try:
            for name, plugin in (plugins or {}).items():
                self.hooks.register(plugin, name)
            next_calls = with_known_modes(self._layered, self.hooks)
        except Exception:
            self.hooks.close()
            raise
        self._vault = Vault(secrets)
        self._reception = Reception(next_calls, self.hooks, vault=self._vault, clock=clock)
        self._totals = Totals()
        self._metrics = HostMetrics(
            ready=lambda: self.ready,
            running_calls=lambda: len(self.calls),
            ended_calls=lambda: self._reception.records.ended,
            rtp_ports_in_use=lambda: self.ports_in_use,
            counted=self._totals.sums,
            plugin_failures=self.hooks.failures.counts,
        )
        self._serves_console = console
        self._console: ConsoleApp | None = None
        self._http_session = http_session
        self._arrivals = Arrivals()
        self._chores: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._entered = False
        self._connected = False
        self._stopping = False
        self._resources = AsyncExitStack()

    # --- Life -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError("a host is entered once; make another Host for another start")
        self._entered = True
        async with AsyncExitStack() as opened:
            opened.push_async_callback(self.hooks.closed)
            opened.callback(self.calls._close)
            await self._open(opened)
            self._resources = opened.pop_all()
        log.info("taking calls of the application %s at %s", self._ari.app, self._ari.base_url)
        return self

    async def _open(self, opened: AsyncExitStack) -> None:
        secret = await self._vault.at_start(self._reception.next_calls, console=self._serves_console)
        self._layered = self._reception.next_calls = secret
        settings = self._layered.settings
        if missing := check_ready(settings):
            raise SettingsError(missing)
        self._layered.with_check("journalDir", why_no_journal)
        asterisk, media = settings.asterisk, settings.media
        try:
            ports = RtpPorts(media.rtp_bind_ip or media.rtp_host_ip, media.rtp_port_min, media.rtp_port_max)
            self._ari = ari.AriClient(
                asterisk.ari_url,
                asterisk.ari_username,
                asterisk.ari_password.get_secret_value(),
                asterisk.ari_app_name,
                session=self._http_session,
                timeout_seconds=asterisk.ari_timeout_seconds,
            )
        except ValueError as error:
            raise SettingsError([str(error)]) from None
        # An address that cannot be used is better known now than by the first caller.
        try:
            ports.release(ports.acquire())
        except NoPortLeftError:
            raise
        except OSError as error:
            raise SettingsError([error.strerror or str(error)]) from None
        pacer = Pacer()
        opened.callback(pacer.close)
        stalls = Stalls()
        opened.callback(stalls.close)
        for part in (pacer, stalls):
            self._totals.opened(part)
            opened.callback(self._totals.closed, part)
        await opened.enter_async_context(self._ari)
        self._equipment = Equipment(self._ari, self._arrivals, ports, self._totals, pacer, self.hooks)
        self._reception.open(self._equipment, self._open_journals(opened))
        if self._serves_console:
            self._console = await self._make_console()
            await self._console.start()
            opened.push_async_callback(self._console.close)
        events = ari.AriEvents(self._ari, on_event=self._happened)
        await opened.enter_async_context(events)
        self._reader = asyncio.create_task(self._until_ended(events), name="offhook host")
        opened.push_async_callback(self._stop_reading, events)
        opened.push_async_callback(self._reception.close)
        await self.hooks.host_started(self)

    def _open_journals(self, opened: AsyncExitStack) -> Journals | None:
        directory = self.settings.logging.journal_dir
        if not directory:
            return None
        journals = Journals(Path(directory))
        opened.push_async_callback(journals.close)
        self._totals.opened(journals)
        opened.callback(self._totals.closed, journals)
        return journals

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        try:
            await self.hooks.host_stopping(self)
        finally:
            await self._resources.aclose()

    async def serve(self) -> None:
        """Wait until the host cannot go on, which raises `HostError`; cancel it to stop sooner.

        Returns when somebody else has stopped the host. Raises `HostError` too where it has not been started.
        """
        if self._reader is None:
            raise HostError("the host has not been started: async with Host(settings) as host")
        await asyncio.wait([self._reader])
        if not self._reader.cancelled():
            self._reader.result()

    async def _stop_reading(self, events: ari.AriEvents) -> None:
        assert self._reader is not None
        await events.close()
        await asyncio.gather(self._reader, *self._chores, return_exceptions=True)

    # --- Asterisk's events ----------------------------------------------------------------------------

    async def _until_ended(self, events: ari.AriEvents) -> None:
        """Wait for the end of the event stream. Raises what has broken it."""
        async for _ in events:
            pass  # none: each was taken as it came

    def _happened(self, event: ari.StreamEvent) -> None:
        try:
            self._take(event)
        except HostError:
            raise
        except Exception:
            log.exception("an event of Asterisk was not understood: %r", event)

    def _take(self, event: ari.StreamEvent) -> None:
        match event:
            case ari.Connected(first=first):
                self._connected = True
                if not first:
                    self._do(self._catch_up())
            case ari.Disconnected():
                self._connected = False
            case ari.ApplicationReplaced():
                self._connected = False
                raise HostError(
                    f"another program has taken over the Stasis application {self._ari.app} "
                    "(ASTERISK_ARI_APP_NAME): no call comes here any more"
                )
            case ari.StasisStart(channel=channel):
                ours = channel.id.startswith(OURS)
                wanted = self._arrivals.arrived(channel.id) if ours else self._reception.arrived(event)
                if not wanted:  # the call that it was made for has ended, or was taken back
                    self._do(self._ari.hangup(channel.id, missing_ok=True))
            case _:
                self._reception.happened(event)

    async def _catch_up(self) -> None:
        """After a loss of the event stream: calls whose channel is gone have ended unheard."""
        held = self._reception.channels  # what arrives while we ask may be missing in the answer
        while self.ready:  # a further loss asks again by itself
            try:
                there = {channel.id for channel in await self._ari.channels()}
            except ari.AriError as error:
                log.warning("could not ask Asterisk for its channels: %s", error)
                await asyncio.sleep(ASK_AGAIN_SECONDS)
                continue
            self._reception.gone(channel_id for channel_id in held if channel_id not in there)
            return

    def _do(self, work: Any) -> None:
        async def contained() -> None:
            try:
                await work
            except ari.AriError as error:
                log.warning("%s", error)

        task = asyncio.create_task(contained())
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    # --- What embedding programs ask --------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The settings that the host was started with."""
        return self._layered.settings

    @property
    def calls(self) -> Calls:
        """The calls that run, by id; `async for` over it, or its `stream`, tells what happens on them."""
        return self._reception.calls

    async def originate(
        self,
        endpoint: str,
        *,
        caller_id: str = "",
        timeout_seconds: float = 30.0,
        settings: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> LiveCall:
        """Call somebody; returns the call once it is answered, and it runs like any other.

        endpoint: as in the dialplan's Dial(), such as `PJSIP/alice` or `Local/200@ivr`. caller_id: what is shown
        there, `"Name" <number>`. timeout_seconds: how long it may ring. settings: of this call (name → value), over
        those of the host, below `APP_…` variables. variables: channel variables to set. Cancelled, it stops ringing.

        Raises `NotAnswered` (busy, rejected, no answer …), `AriError` (no such endpoint), `SettingsError`, ValueError
        (an argument), `HostError` (the host does not run, or is not connected to Asterisk at the moment).
        """
        check_request(endpoint, caller_id, timeout_seconds, variables)
        if not self.ready:
            raise HostError(f"{endpoint} cannot be called: the host is not connected to Asterisk")
        below = self._reception.next_calls
        layered = await self.hooks.aside(
            lambda: below.with_layer("originate", settings or {}, strict=True, per_call_only=True)
        )
        return await self._reception.originate(
            Original(endpoint, layered, timeout_seconds, caller_id, variables)
        )

    # --- What the console asks --------------------------------------------------------------------------

    @property
    def records(self) -> Mapping[str, CallRecord]:
        """Call id → record: the live calls, and some that ended lately. Oldest first."""
        return self._reception.records.all

    def metrics(self) -> bytes:
        """What `GET /metrics` answers: the host's numbers in Prometheus' text format."""
        return self._metrics.text()

    @property
    def ready(self) -> bool:
        """True while the host takes calls: connected to Asterisk, and not stopping."""
        return self._connected and not self._stopping

    @property
    def ports_in_use(self) -> int:
        """How many RTP ports calls hold at the moment."""
        return self._equipment.ports.in_use

    @property
    def console_url(self) -> str:
        """The address of the console's page; empty without one."""
        return self._console.url if self._console is not None else ""

    async def tools(self) -> list[dict[str, Any]]:
        """The tools on offer to the next call, as the Realtime API and `GET /tools` show them."""
        offered = await self.hooks.tools(self._reception.next_calls.settings)
        return [tool.definition() for tool in offered.values()]

    def call_settings(self, call_id: str | None = None) -> Mapping[str, Any] | None:
        """The settings of a running call (None: it is unknown) or, without an id, of the next ones.

        They come as the tree of a settings file, with secrets masked.
        """
        if call_id is None:
            return shown_tree(self._reception.next_calls.settings)
        call = self.calls.get(call_id)
        return None if call is None else shown_tree(call.settings)

    async def update_session(
        self, changes: Mapping[str, Any], call_id: str | None = None
    ) -> Mapping[str, Any]:
        """Change settings (name → value) of a running call or, without an id, of the next ones.

        Returns what was applied. Raises ValueError (a `SettingsError` is one) and applies nothing then.
        """
        if call_id is not None:
            call = self.calls.get(call_id)
            if call is None or not call.live:
                raise ValueError(f"no call {call_id!r} is running")
            call.update_session(changes)
        else:
            below = self._reception.next_calls
            self._reception.next_calls = await self.hooks.aside(
                lambda: below.with_layer("console", changes, strict=True, per_call_only=True)
            )
        return changes

    def hangup(self, call_id: str) -> bool:
        """End a running call with cause `operator`; False if no such call runs."""
        call = self.calls.get(call_id)
        if call is None or not call.live:
            return False
        call._let_decide(ev.OperatorHangup())
        return True

    async def _make_console(self) -> ConsoleApp:
        async def metrics(request: web.Request) -> web.Response:
            return web.Response(body=self.metrics(), headers={"Content-Type": CONTENT_TYPE})

        routes = [web.get("/metrics", metrics), *await self.hooks.http_routes()]
        return ConsoleApp(
            self, settings=self.settings.server, routes=routes, feed=self._reception.records.feed
        )
