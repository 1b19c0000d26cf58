"""The host: takes the calls of one Stasis application and runs them.

    async with Host(settings) as host:
        await host.serve()

Several hosts may run in one event loop. A host sets no signal handler, sets up no logging, and keeps nothing in
globals.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import aiohttp

from offhook import ari
from offhook.call import events as ev
from offhook.call.actions import End
from offhook.call.call import Call
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause, decide
from offhook.call.record import CallRecord
from offhook.call_records import CallRecords
from offhook.console import ConsoleApp
from offhook.media import Pacer, RtpPorts
from offhook.plugins.hooks import Hooks
from offhook.runner.ari_events import channel_of, translate
from offhook.runner.arrivals import OURS, Arrivals
from offhook.runner.call_runner import CallRunner, Equipment
from offhook.runner.call_settings import read_call_settings, with_known_modes
from offhook.runner.leaving import leave
from offhook.session_changes import changed_session
from offhook.settings import LayeredSettings, Settings, SettingsError, check_ready, shown_tree

log = logging.getLogger("offhook.host")

STOP_SECONDS = 10.0
"""How long calls that are ended by the host's stop may take to hand over their result."""
ASK_AGAIN_SECONDS = 1.0


class HostError(Exception):
    """The host cannot go on; the text says why, for people."""


class Host:
    """Takes the calls of a Stasis application.

    settings: of the host; a `LayeredSettings` (from `load_settings`) also knows where each value came from.
    hooks: the plugins; None takes those that are installed. console: serve the HTTP server. http_session: for
    ARI; None makes one.

    Entering it connects to Asterisk and takes calls from then on. Raises `SettingsError`, `AriError` (refused
    login, unreachable), `ConsoleError` (the port is taken), `PluginConflict`, `BadPlugin`, `OSError`. Leaving it
    ends the calls that still run with cause `shutdown` and their result variables set.
    """

    def __init__(
        self,
        settings: Settings | LayeredSettings,
        *,
        hooks: Hooks | None = None,
        console: bool = True,
        http_session: aiohttp.ClientSession | None = None,
    ) -> None:
        layered = settings if isinstance(settings, LayeredSettings) else LayeredSettings.of(settings)
        self.settings = layered.settings
        """The settings that the host was started with."""
        plugins = self.settings.plugins
        self.hooks = hooks or Hooks.installed(
            disabled=plugins.disabled, choices=plugins.choices, strict=plugins.strict_plugins
        )
        self._next_calls = with_known_modes(layered, self.hooks)
        self._records = CallRecords(self.hooks)
        self._console = self._make_console() if console else None
        self._http_session = http_session
        self._arrivals = Arrivals()
        self._runners: dict[str, CallRunner] = {}
        self._settings_of: dict[str, LayeredSettings] = {}
        self._by_channel: dict[str, CallRunner | list[ev.Event]] = {}
        """Each caller's channel: its call, or what happened to it while the call's settings were read."""
        self._calls: set[asyncio.Task[None]] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._connected = False
        self._stopping = False
        self._resources = AsyncExitStack()

    # --- Life -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if missing := check_ready(self.settings):
            raise SettingsError(missing)
        asterisk, media = self.settings.asterisk, self.settings.media
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
        ports.release(
            ports.acquire()
        )  # an address that cannot be used is better known now than by the first caller
        async with AsyncExitStack() as opened:
            self._pacer = Pacer()
            opened.callback(self._pacer.close)
            await opened.enter_async_context(self._ari)
            self._equipment = Equipment(self._ari, self._arrivals, ports, self._pacer, self.hooks)
            if self._console is not None:
                await self._console.start()
                opened.push_async_callback(self._console.close)
            events = await opened.enter_async_context(ari.AriEvents(self._ari))
            self._connected = True
            self._reader = asyncio.create_task(self._read(events), name="offhook host")
            opened.push_async_callback(self._stop_reading)
            opened.push_async_callback(self._end_calls)
            self.hooks.host_started(self)
            self._resources = opened.pop_all()
        log.info("taking calls of the application %s at %s", asterisk.ari_app_name, self._ari.base_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self.hooks.host_stopping(self)
        await self._resources.aclose()

    async def serve(self) -> None:
        """Wait until the host cannot go on, which raises `HostError`; cancel it to stop sooner."""
        await asyncio.shield(self._reader)

    async def _stop_reading(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, *self._chores, return_exceptions=True)

    async def _end_calls(self) -> None:
        """End the calls that run, and wait until they have given back everything."""
        for runner in self._runners.values():
            runner.post(ev.OperatorHangup("shutdown"))
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while self._calls:  # one that arrives meanwhile is given back, too
                    await asyncio.wait(self._calls)
        late = tuple(self._calls)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # --- Asterisk's events ----------------------------------------------------------------------------

    async def _read(self, events: ari.AriEvents) -> None:
        async for event in events:
            try:
                self._take(event)
            except HostError:
                await events.close()  # lest a reconnect takes the application back, and nobody reads
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
                if not channel.id.startswith(OURS):
                    self._start_call(event)
                elif not self._arrivals.arrived(channel.id):
                    # Made for a call that has ended meanwhile.
                    self._do(self._ari.hangup(channel.id, missing_ok=True))
            case _:
                self._hand_on(event)

    def _hand_on(self, event: ari.AriEvent) -> None:
        channel_id = channel_of(event)
        if channel_id.startswith(OURS):
            self._own_channel(event, channel_id)
            return
        call = self._by_channel.get(channel_id)
        if isinstance(call, CallRunner):
            if happened := translate(event, call.info.call_id):
                call.post(happened)
        elif call is not None and (happened := translate(event, "")):
            call.append(happened)

    def _own_channel(self, event: ari.AriEvent, channel_id: str) -> None:
        """Something about a channel that carries a call's audio: the only news is its end."""
        if isinstance(event, ari.StasisEnd | ari.ChannelDestroyed):
            call_id = channel_id.removeprefix(OURS).partition("-")[0]
            if runner := self._runners.get(call_id):
                runner.post(ev.MediaFailed(f"Asterisk ended {channel_id}, which carried the call's audio"))

    async def _catch_up(self) -> None:
        """After a loss of the event stream: calls whose channel is gone have ended unheard."""
        held = list(self._by_channel.items())  # what arrives while we ask may be missing in the answer
        while self.ready:  # a further loss asks again by itself
            try:
                there = {channel.id for channel in await self._ari.channels()}
            except ari.AriError as error:
                log.warning("could not ask Asterisk for its channels: %s", error)
                await asyncio.sleep(ASK_AGAIN_SECONDS)
                continue
            for channel_id, call in held:
                if channel_id not in there:
                    if isinstance(call, CallRunner):
                        call.post(ev.CallerHungUp())
                    else:
                        call.append(ev.CallerHungUp())
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

    # --- Calls ----------------------------------------------------------------------------------------

    def _start_call(self, start: ari.StasisStart) -> None:
        channel = start.channel
        info = CallInfo(
            call_id=uuid.uuid4().hex[:12],
            channel_id=channel.id,
            caller_number=channel.caller.number,
            caller_name=channel.caller.name,
            dialed=channel.dialplan.extension,
            context=channel.dialplan.context,
            args=start.args,
        )
        early: list[ev.Event] = []
        self._by_channel[channel.id] = early
        task = asyncio.create_task(self._serve_call(info, channel.is_up, early), name=f"call {info.call_id}")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _serve_call(self, info: CallInfo, answered: bool, early: list[ev.Event]) -> None:
        extra = {"call_id": info.call_id}
        log.info("call from %s to %s", info.caller_number or "unknown", info.dialed, extra=extra)
        try:
            layered = await read_call_settings(info, self._next_calls, self._ari, self.hooks)
            runner, record = self._make_call(info, layered, answered)
        except Exception as error:
            log.exception("the call cannot be taken; it goes on in the dialplan", extra=extra)
            self._forget(info.channel_id, early)
            reason = f"internal error: {type(error).__name__}: {error}"
            outcome = decide(
                info.call_id, EndCause.PLUGIN_ERROR, recognition=False, transcripts=[], reason=reason
            )
            await leave(self._ari, info, End(outcome), {}, playing=(), talk_detect=False)
            return
        if self._by_channel.get(info.channel_id) is early:
            self._by_channel[info.channel_id] = runner
        self._runners[info.call_id] = runner
        self._settings_of[info.call_id] = layered
        for happened in early:
            runner.post(happened)
        if self._stopping:
            runner.post(ev.OperatorHangup("shutdown"))
        try:
            outcome = await runner.run()
            told = ": ".join(filter(None, (outcome.cause.value, outcome.error)))
            log.log(logging.WARNING if outcome.error else logging.INFO, "call ended: %s", told, extra=extra)
        except Exception:
            log.exception("the call could not be cleared up in full", extra=extra)
        finally:
            self._forget(info.channel_id, runner)
            del self._runners[info.call_id], self._settings_of[info.call_id]
            self._records.closed(record)

    def _forget(self, channel_id: str, call: CallRunner | list[ev.Event]) -> None:
        """The channel has no call any more, unless the dialplan has sent it here again meanwhile."""
        if self._by_channel.get(channel_id) is call:
            del self._by_channel[channel_id]

    def _make_call(
        self, info: CallInfo, layered: LayeredSettings, answered: bool
    ) -> tuple[CallRunner, CallRecord]:
        settings = layered.settings
        mode = settings.recognition.recognition_activation_mode
        record = CallRecord(
            info.call_id,
            info.channel_id,
            info.caller_number,
            info.caller_name,
            info.dialed,
            datetime.now(UTC),
            mode,
            settings.call.session_kind,
            digits_sensitive=settings.dtmf.dtmf_sensitive,
        )
        call = Call(
            info.call_id,
            settings,
            activation=self.hooks.activation_mode(mode, settings),
            keypad=self.hooks.digit_handler(settings),
            problems=layered.problems,
        )
        runner = CallRunner(
            call,
            info,
            self._equipment,
            self.hooks.tools(settings),
            answered=answered,
            watch=self._records.open(record, layered.problems),
        )
        return runner, record

    # --- What the console and embedding programs ask ----------------------------------------------------

    @property
    def calls(self) -> Mapping[str, CallRecord]:
        """Call id → record: the live calls, and some that ended lately. Oldest first."""
        return self._records.calls

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

    def tools(self) -> list[dict[str, Any]]:
        """The tools on offer to the next call, as the Realtime API and `GET /tools` show them."""
        return [tool.definition() for tool in self.hooks.tools(self._next_calls.settings).values()]

    def call_settings(self, call_id: str | None = None) -> Mapping[str, Any] | None:
        """The settings of a running call (None: it is unknown) or, without an id, of the next ones.

        They come as the tree of a settings file, with secrets masked.
        """
        layered = self._next_calls if call_id is None else self._settings_of.get(call_id)
        return None if layered is None else shown_tree(layered.settings)

    def update_session(self, changes: Mapping[str, Any], call_id: str | None = None) -> Mapping[str, Any]:
        """Change settings (name → value) of a running call or, without an id, of the next ones.

        Returns what was applied. Raises ValueError (a `SettingsError` is one) and applies nothing then.
        """
        if call_id is None:
            self._next_calls = self._next_calls.with_layer(
                "console", changes, strict=True, per_call_only=True
            )
            return changes
        runner = self._runners.get(call_id)
        if runner is None:
            raise ValueError(f"no call {call_id!r} is running")
        layered = changed_session(self._settings_of[call_id], changes)
        self._settings_of[call_id] = layered
        runner.post(ev.SettingsChanged(layered.settings, tuple(changes.items())))
        return changes

    def hangup(self, call_id: str) -> bool:
        """End a running call with cause `operator`; False if no such call runs."""
        runner = self._runners.get(call_id)
        if runner is None or runner.call.ended:
            return False
        runner.post(ev.OperatorHangup())
        return True

    def _make_console(self) -> ConsoleApp:
        return ConsoleApp(
            self, settings=self.settings.server, routes=self.hooks.http_routes(), feed=self._records.feed
        )
