"""Takes callers in: from the arrival of a channel to the call that runs, and what happens to it in between."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from offhook import ari
from offhook.call import events as ev
from offhook.call.actions import End
from offhook.call.call import Call
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause, Outcome, decide
from offhook.call.record import CallRecord
from offhook.call.result import outcome_of
from offhook.call_records import CallRecords
from offhook.calls import Calls, LiveCall
from offhook.originating import Original, Originating, is_answer
from offhook.plugins.hooks import Hooks
from offhook.runner.ari_events import channel_of, translate
from offhook.runner.arrivals import OURS
from offhook.runner.call_runner import CallRunner, Equipment
from offhook.runner.call_settings import read_call_settings
from offhook.runner.leaving import leave
from offhook.secrets import Vault
from offhook.settings import LayeredSettings
from offhook.telemetry.journal import Journal, Journals
from offhook.telemetry.journal_lines import Head

log = logging.getLogger("offhook.host")

STOP_SECONDS = 10.0
"""How long calls that are ended by the host's stop may take to hand over their result."""


class Reception:
    """The callers of one host.

    next_calls: the settings of calls to come. vault: gives each call a fresh key. clock: the time of day.
    """

    def __init__(
        self,
        next_calls: LayeredSettings,
        hooks: Hooks,
        *,
        vault: Vault,
        clock: Callable[[], datetime],
    ) -> None:
        self.next_calls = next_calls
        self.calls = Calls()
        self.records = CallRecords(hooks, self.calls)
        self.originating = Originating()
        self._hooks = hooks
        self._vault = vault
        self._clock = clock
        self._by_channel: dict[str, LiveCall | list[ev.Event]] = {}
        """Each caller's channel: its call, or what happened to it while the call's settings were read."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def open(self, equipment: Equipment, journals: Journals | None) -> None:
        """From now on callers can be taken in. journals: None writes none."""
        self._equipment = equipment
        self._journals = journals

    async def close(self) -> None:
        """End the calls that run, and wait until they have given back everything."""
        self._stopping = True
        self.originating.close()
        for call in self.calls.values():
            call._let_decide(ev.OperatorHangup("shutdown"))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    while self._tasks:  # one that arrives meanwhile is given back, too
                        await asyncio.wait(self._tasks)
        finally:  # also where whoever stops the host is in a hurry
            late = tuple(self._tasks)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def originate(self, original: Original) -> LiveCall:
        """Call somebody; returns once it is answered. Raises NotAnswered and AriError."""
        self.originating.add(original)
        self._spawn(self.originating.attempt(self._equipment.ari, original), f"calling {original.call_id}")
        return await original.answered()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- What Asterisk says -----------------------------------------------------------------------

    def arrived(self, start: ari.StasisStart) -> bool:
        """A caller's channel has entered the application, or that of somebody whom we have called.

        False: nobody wants that call any more; the channel is to be hung up.
        """
        channel, original = start.channel, self.originating.entered(start)
        if original is None and is_answer(start):
            return False
        info = CallInfo(
            call_id=original.call_id if original else uuid.uuid4().hex[:12],
            channel_id=channel.id,
            caller_number=channel.caller.number,
            caller_name=channel.caller.name,
            dialed=original.endpoint if original else channel.dialplan.extension,
            context=channel.dialplan.context,
            args=() if original else start.args,
        )
        below = original.settings if original else self.next_calls
        early: list[ev.Event] = []
        self._by_channel[channel.id] = early
        serving = self._serve(info, below, channel.is_up, early, original.ready if original else None)
        self._spawn(serving, f"call {info.call_id}")
        return True

    def happened(self, event: ari.AriEvent) -> None:
        """Something happened to a channel: a caller's, or one that carries a call's audio."""
        channel_id = channel_of(event)
        if channel_id.startswith(OURS):
            self._own_channel(event, channel_id)
            return
        self.originating.happened(event)
        call = self._by_channel.get(channel_id)
        if isinstance(call, LiveCall):
            if happened := translate(event, call.call_id):
                call._let_decide(happened)
        elif call is not None and (happened := translate(event, "")):
            call.append(happened)

    def _own_channel(self, event: ari.AriEvent, channel_id: str) -> None:
        """Something about a channel that carries a call's audio: the only news is its end."""
        if isinstance(event, ari.StasisEnd | ari.ChannelDestroyed):
            call_id = channel_id.removeprefix(OURS).partition("-")[0]
            if call := self.calls.get(call_id):
                call._let_decide(
                    ev.MediaFailed(f"Asterisk ended {channel_id}, which carried the call's audio")
                )

    @property
    def channels(self) -> list[str]:
        """The ids of the channels of callers, and of those who are being called."""
        return [*self._by_channel, *self.originating.channels]

    def gone(self, channel_ids: Iterable[str]) -> None:
        """Channels that ended unheard."""
        for channel_id in channel_ids:
            self.originating.gone(channel_id)
            call = self._by_channel.get(channel_id)
            if isinstance(call, LiveCall):
                call._let_decide(ev.CallerHungUp())
            elif call is not None:
                call.append(ev.CallerHungUp())

    # --- One call ---------------------------------------------------------------------------------

    async def _serve(
        self,
        info: CallInfo,
        below: LayeredSettings,
        answered: bool,
        early: list[ev.Event],
        ready: asyncio.Future[LiveCall] | None,
    ) -> None:
        extra = {"call_id": info.call_id}
        log.info("call from %s to %s", info.caller_number or "unknown", info.dialed, extra=extra)
        try:
            layered = await read_call_settings(info, below, self._equipment.ari, self._hooks)
            layered = await self._vault.for_call(layered)
            call, runner = await self._make(info, layered, answered)
        except Exception as error:
            log.exception("the call cannot be taken; it goes on in the dialplan", extra=extra)
            self._forget(info.channel_id, early)
            reason = f"internal error: {type(error).__name__}: {error}"
            outcome = decide(
                info.call_id, EndCause.PLUGIN_ERROR, recognition=False, transcripts=[], reason=reason
            )
            await leave(self._equipment.ari, info, End(outcome), {}, playing=(), talk_detect=False)
            if ready is not None and not ready.done():
                ready.set_exception(error)
            return
        if self._by_channel.get(info.channel_id) is early:
            self._by_channel[info.channel_id] = call
        self.calls._add(call)
        for happened in early:
            call._let_decide(happened)
        if self._stopping:
            call._let_decide(ev.OperatorHangup("shutdown"))
        if ready is not None and not ready.done():
            ready.set_result(call)
        await self._run(call, runner)

    async def _run(self, call: LiveCall, runner: CallRunner) -> None:
        extra = {"call_id": call.call_id}
        outcome: Outcome | None = None
        try:
            outcome = await runner.run()
            told = ": ".join(filter(None, (outcome.cause.value, outcome.error)))
            log.log(logging.WARNING if outcome.error else logging.INFO, "call ended: %s", told, extra=extra)
        except Exception:
            log.exception("the call could not be cleared up in full", extra=extra)
        finally:
            cause = EndCause.SHUTDOWN if self._stopping else EndCause.PLUGIN_ERROR
            outcome = outcome or runner.call.outcome or outcome_of(runner.call.state, cause)
            self._forget(call.info.channel_id, call)
            self.calls._remove(call, outcome)
            self.records.closed(call.record)

    async def _make(
        self, info: CallInfo, layered: LayeredSettings, answered: bool
    ) -> tuple[LiveCall, CallRunner]:
        settings = layered.settings
        mode = settings.recognition.recognition_activation_mode
        record = CallRecord(
            info.call_id,
            info.channel_id,
            info.caller_number,
            info.caller_name,
            info.dialed,
            self._clock(),
            mode,
            settings.call.session_kind,
            digits_sensitive=settings.dtmf.dtmf_sensitive,
        )
        call = Call(
            info,
            settings,
            activation=await self._hooks.activation_mode(mode, settings),
            keypad=await self._hooks.digit_handler(settings),
            problems=layered.problems,
        )
        runner = CallRunner(
            call,
            info,
            self._equipment,
            await self._hooks.tools(settings),
            answered=answered,
            watch=self.records.open(record, layered.problems, self._journal(info, layered, record)),
        )
        return LiveCall(runner, layered, record), runner

    def _journal(self, info: CallInfo, layered: LayeredSettings, record: CallRecord) -> Journal | None:
        if self._journals is None:
            return None
        taking_part = {
            plugin.name: f"{plugin.distribution} {plugin.version}"
            for plugin in self._hooks.plugins
            if plugin.plugin is not None
        }
        settings, now = layered.settings, time.monotonic()
        return self._journals.open(
            Head(info, settings, now, record.started_at, taking_part, layered.problems)
        )

    def _forget(self, channel_id: str, call: LiveCall | list[ev.Event]) -> None:
        """The channel has no call any more, unless the dialplan has sent it here again meanwhile."""
        if self._by_channel.get(channel_id) is call:
            del self._by_channel[channel_id]
