"""Runs one call: events in, actions out.

Whatever happens is posted as an event and decided at once, in the event loop's thread; what goes to the media
and to the Realtime session is carried out on the spot, what Asterisk has to do goes through a queue, so that
its order is kept. Everything that the call holds is in one exit stack, which frees it however the call ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Literal

from offhook.ari import AriClient, AriError, Conflict, NotFound
from offhook.call import actions as do
from offhook.call import events as ev
from offhook.call.call import Call
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause, Outcome
from offhook.call.result import outcome_of
from offhook.media import Added, CallAudio, NoPortLeftError, Pacer, RtpPorts, format_named
from offhook.plugins.hooks import Hooks
from offhook.realtime.tools import Tool, run_tool
from offhook.telemetry.totals import Totals

from .ari_events import playback_prefix
from .arrivals import Arrivals
from .audio_path import AudioConnector, AudioPathError
from .deciding import Deciding, Watch
from .errands import Errands, Requests
from .leaving import leave
from .part_work import PartWork
from .stream import Stream
from .tool_context import CallToolContext

log = logging.getLogger("offhook.runner")

CEASE_SECONDS = 1.0
"""How long the caller of an ended call waits for what is still being done, such as a tool that cleans up."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all calls of a host share."""

    ari: AriClient
    arrivals: Arrivals
    ports: RtpPorts
    totals: Totals
    pacer: Pacer
    hooks: Hooks


class CallRunner:
    """One call in the real world. `post` may be called from the first moment on; `run` is the call's life.

    answered: the channel is up already. watch: is told of everything that was decided.
    """

    def __init__(
        self,
        call: Call,
        info: CallInfo,
        equipment: Equipment,
        tools: Mapping[str, Tool],
        *,
        answered: bool,
        watch: Watch,
    ) -> None:
        self.call = call
        self.info = info
        self._equipment = equipment
        self._tools = tools
        self._answered = answered
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._deciding = Deciding(
            call,
            aside=equipment.hooks.aside,
            carry_out=self._carry_out,
            watch=watch,
            failed=self._call_failed,
        )
        self.post = self._deciding.post
        """Let the call decide about an event: never raises, from any thread; after the end it does nothing."""
        self._end: asyncio.Future[do.End] = self._loop.create_future()
        self._resources = AsyncExitStack()
        self._errands = Errands(info.call_id)
        self._results = Errands(info.call_id)
        """Apart from the others: Asterisk lets a variable wait until a prompt is over."""
        self._playing, self._setting = Requests(), Requests()
        """To play a prompt; to set something on the channel."""
        self._result: dict[str, str] = {}
        """The result variables as they are set on the channel."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._work = PartWork(self.post)
        self._tool_context = CallToolContext(info, call.view, equipment.ari, self.post)
        self._asked_to_play: dict[str, asyncio.Future[None]] = {}
        """Prompts by id; the future is done when Asterisk has been asked to play it."""
        self._audio: CallAudio | None = None
        self._stream = Stream(
            info,
            equipment.hooks,
            tools,
            on_event=self.post,
            on_audio=self._answer_audio,
            on_audio_done=self._answer_audio_done,
        )

    @property
    def ended(self) -> bool:
        """The call is over, though it may still hold resources."""
        return self._end.done()

    def _call_failed(self, event: ev.Event | None, error: Exception) -> None:
        # A mistake of ours must not leave a caller in silence.
        log.error("the call cannot go on", exc_info=error, extra={"call_id": self.info.call_id})
        if self.ended:
            return
        reason = f"internal error: {type(error).__name__}: {error}"
        end = do.End(self.call.outcome or outcome_of(self.call.state, EndCause.PLUGIN_ERROR, reason))
        self._finish(end)
        self._watch(event, [end], time.monotonic())

    def _finish(self, end: do.End) -> None:
        if not self.ended:
            self._end.set_result(end)
            self._deciding.end()

    # --- The call's life ------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """From the channel's arrival to the last freed resource. Cancelled, it frees everything all the same."""
        async with self._resources:
            self._resources.push_async_callback(self._stream.closed)
            for requests in (self._playing, self._setting):
                self._resources.push_async_callback(requests.close)
            try:
                self._spawn(self._errands.run())
                self._spawn(self._results.run())
                self._deciding.begin(ev.Arrived(channel_up=self._answered))
                end = await self._end
            finally:
                await self._cease()
            await self._leave(end)
        self.call.view._release()
        return end.outcome

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cease(self) -> None:
        """Stop whatever is still being done for the call. A tool that will not stop does not keep the caller."""
        self._deciding.end()
        for task in self._tasks:
            task.cancel()
        if tasks := self._tasks | self._work.cancel_all():
            _, late = await asyncio.wait(tasks, timeout=CEASE_SECONDS)
            if late:
                log.warning("%d tools go on after the call", len(late), extra={"call_id": self.info.call_id})
        self._tool_context.close()
        await self._deciding.ended()

    async def _leave(self, end: do.End) -> None:
        await leave(
            self._equipment.ari,
            self.info,
            end,
            await self._equipment.hooks.result_variables(self.info, end.outcome),
            playing=[self._playback(playback_id) for playback_id in sorted(self.call.state.playing)],
            talk_detect=self.call.state.talk_detect is not None,
            played=self._playing.answered,
            was_set=self._setting.answered,
        )

    # --- Carrying out ---------------------------------------------------------------------------------

    def _carry_out(self, action: do.Action) -> None:
        match action:
            case do.StartTimer() | do.ClearTimer() | do.PartBroke():
                pass  # the call keeps timers; `deadline` tells when to look
            case do.ConnectMedia(topology=topology):
                self._errands.add(lambda: self._connect_media(topology))
            case do.Play(playback_id=playback_id, media=media):
                self._asked_to_play[playback_id] = self._errands.add(lambda: self._play(playback_id, media))
            case do.StopPlayback(playback_id=playback_id):
                self._spawn(self._stop_playback(playback_id))
            case do.SetTalkDetect(silence_ms=silence_ms, threshold=threshold):
                self._errands.add(lambda: self._set_talk_detect(f"{silence_ms},{threshold}"))
            case do.RemoveTalkDetect():
                self._errands.add(lambda: self._set_talk_detect(None))
            case do.SetResult(outcome=outcome):
                self._results.add(lambda: self._set_result(outcome))
            case do.SetGate(mode=mode):
                if self._audio is not None:
                    self._audio.set_gate(mode)
            case do.HoldPlayout():
                if self._audio is not None:
                    self._audio.hold()
            case do.ReleasePlayout():
                if self._audio is not None:
                    self._audio.release()
            case do.StopPlayout():
                if self._audio is not None:
                    self.post(ev.PlayoutStopped(self._audio.stop(self.call.state.response_id)))
            case do.OpenStream():
                self._stream.open(self.call.state.settings)
            case do.CloseStream():
                self._stream.close()
            case do.RunTool(tool_call_id=tool_call_id, name=name, arguments=arguments):
                self._spawn(self._run_tool(tool_call_id, name, arguments))
            case do.StartWork():
                self._work.start(action)
            case do.CancelWork(work_id=work_id):
                self._work.cancel(work_id)
            case do.End():
                self._finish(action)
            case _:
                self._tell_provider(action)

    def _tell_provider(self, action: do.Action) -> None:
        session = self._stream.session
        if session is None:
            return
        match action:
            case do.UpdateStream():
                session.update(self.call.state.settings)
            case do.CommitInput():
                if self._audio is not None:
                    self._audio.flush()
                session.commit()
            case do.CreateResponse():
                session.create_response()
            case do.CancelResponse(response_id=response_id):
                session.cancel_response(response_id)
            case do.TruncateItem(item_id=item_id, audio_end_ms=audio_end_ms):
                session.truncate(item_id, audio_end_ms)
            case do.DeleteItem(item_id=item_id):
                session.delete_item(item_id)
            case do.SendText(text=text, role=role, respond=respond, sensitive=sensitive):
                session.send_text(text, role, sensitive=sensitive)
                if respond:
                    session.create_response()
            case do.Say(text=text):
                session.create_response(text)
            case do.SendToolOutput(tool_call_id=tool_call_id, output=output):
                session.send_tool_output(tool_call_id, output)
            case _:
                raise TypeError(f"nobody carries out {action!r}")

    # --- Audio ----------------------------------------------------------------------------------------

    async def _connect_media(self, topology: Literal["split", "bridge"]) -> None:
        settings, shared = self.call.state.settings, self._equipment
        connector = AudioConnector(
            shared.ari,
            shared.arrivals,
            shared.ports,
            shared.totals,
            self._resources,
            host_ip=settings.media.rtp_host_ip,
            call_id=self.info.call_id,
        )
        hear = format_named(settings.openai.input_audio_format)
        say = format_named(settings.openai.output_audio_format)
        try:
            path = await connector.connect(
                self.info.channel_id, topology, answered=self._answered, hear=hear, say=say
            )
        except NoPortLeftError as error:
            self.post(ev.MediaFailed(error.strerror or str(error), overload=True))
        except AriError as error:
            self.post(ev.CallerHungUp() if await self._caller_is_gone() else ev.MediaFailed(str(error)))
        except (AudioPathError, OSError, ValueError) as error:
            self.post(ev.MediaFailed(str(error)))
        else:
            self._audio = CallAudio(
                path.listen,
                path.speak,
                say,
                self._stream.append,
                shared.pacer,
                on_played=lambda item_id, heard_ms: self.post(ev.AnswerPlayed(item_id, heard_ms)),
                buffer_seconds=settings.recognition.vad_buffer_seconds,
                gather_ms=settings.media.input_frame_ms,
            )
            self._resources.callback(self._audio.close)
            shared.totals.opened(self._audio)
            self._resources.callback(shared.totals.closed, self._audio)
            await self._let_plugins_listen(self._audio)
            self.post(ev.MediaReady())

    async def _let_plugins_listen(self, audio: CallAudio) -> None:
        hooks = self._equipment.hooks
        if not hooks.has("audio_tap"):
            return

        def emit(plugin: str, name: str, data: Any) -> bool:
            self.post(ev.PluginEvent(name, data, plugin))
            return not self.ended

        taps = await hooks.audio_tap(self.info, self.call.state.settings, emit)
        for tap in taps:
            self._resources.callback(tap.close)
        if taps:
            audio.tap([tap.feed for tap in taps])

    async def _caller_is_gone(self) -> bool:
        """A request failed because the caller hung up meanwhile, which Asterisk's own event may tell later."""
        try:
            await self._equipment.ari.channel(self.info.channel_id)
        except NotFound:
            return True
        except AriError:
            pass
        return False

    def _answer_audio(self, response_id: str, item_id: str, audio: bytes) -> None:
        if self._audio is None:
            return
        added = self._audio.add(response_id, item_id, audio)
        if added is Added.STARTED:
            self.post(ev.AnswerAudioStarted(response_id, item_id))
        elif added is Added.FULL:
            log.warning(
                "an answer is too long to be queued; its rest is dropped",
                extra={"call_id": self.info.call_id},
            )

    def _answer_audio_done(self, item_id: str) -> None:
        if self._audio is not None:
            self._audio.finish(item_id)

    # --- Asterisk -------------------------------------------------------------------------------------

    def _playback(self, playback_id: str) -> str:
        return playback_prefix(self.info.call_id) + playback_id

    async def _play(self, playback_id: str, media: str) -> None:
        try:
            await self._playing.make(
                self._equipment.ari.play(self.info.channel_id, media, self._playback(playback_id))
            )
        except AriError as error:
            log.warning("a prompt cannot be played: %s", error, extra={"call_id": self.info.call_id})
            self.post(ev.PlaybackFinished(playback_id, failed=True))

    async def _stop_playback(self, playback_id: str) -> None:
        # Not behind the other requests: those may be waiting for this very prompt to end.
        if asked := self._asked_to_play.get(playback_id):
            await asyncio.wait([asked])
        try:
            await self._equipment.ari.stop_playback(self._playback(playback_id), missing_ok=True)
        except AriError as error:
            log.warning("a prompt cannot be stopped: %s", error, extra={"call_id": self.info.call_id})

    async def _set_talk_detect(self, value: str | None) -> None:
        name = "TALK_DETECT(remove)" if value is None else "TALK_DETECT(set)"
        try:
            await self._setting.make(
                self._equipment.ari.set_variable(self.info.channel_id, name, value or "")
            )
        except (NotFound, Conflict):
            pass  # the caller has gone
        except AriError as error:
            self.post(ev.MediaFailed(f"Asterisk cannot report the caller's talking: {error}"))

    async def _set_result(self, outcome: Outcome) -> None:
        new = {name: value for name, value in outcome.variables().items() if self._result.get(name) != value}
        try:
            await self._setting.make(self._equipment.ari.set_variables(self.info.channel_id, new))
        except AriError as error:
            log.debug("the result is not set ahead: %s", error, extra={"call_id": self.info.call_id})
        else:
            self._result |= new

    async def _run_tool(self, tool_call_id: str, name: str, arguments: str) -> None:
        seconds = self.call.state.settings.tools.tool_timeout_seconds
        result = await run_tool(self._tools, name, arguments, self._tool_context, timeout_seconds=seconds)
        self.post(ev.ToolFinished(tool_call_id, name, result.output, result.failed))
