"""Runs one call: events in, actions out.

Whatever happens is posted as an event and decided at once, in the event loop's thread; what goes to the media
and to the Realtime session is carried out on the spot, what Asterisk has to do goes through a queue, so that
its order is kept. Everything that the call holds is in one exit stack, which frees it however the call ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
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

from .ari_events import playback_prefix
from .arrivals import Arrivals
from .audio_path import AudioConnector, AudioPathError
from .errands import Errands
from .leaving import leave
from .stream import Stream
from .tool_context import CallToolContext

log = logging.getLogger("offhook.runner")

CEASE_SECONDS = 1.0
"""How long the caller of an ended call waits for what is still being done, such as a tool that cleans up."""

Watch = Callable[[ev.Event | None, Sequence[do.Action], float], None]
"""Is told of each event (None: time passed), what the call decided, and when (seconds, monotonic)."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all calls of a host share."""

    ari: AriClient
    arrivals: Arrivals
    ports: RtpPorts
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
        self._inbox: deque[ev.Event] = deque()
        self._deciding = True  # nothing is decided before `run` has begun
        self._alarm: asyncio.TimerHandle | None = None
        self._end: asyncio.Future[do.End] = self._loop.create_future()
        self._resources = AsyncExitStack()
        self._errands = Errands(info.call_id)
        self._results = Errands(info.call_id)
        """Apart from the others: Asterisk lets a variable wait until a prompt is over."""
        self._result: dict[str, str] = {}
        """The result variables as they are set on the channel."""
        self._tasks: set[asyncio.Task[None]] = set()
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

    # --- Deciding -------------------------------------------------------------------------------------

    def post(self, event: ev.Event) -> None:
        """Let the call decide about an event and carry that out. Never raises; after the end it does nothing.

        What happens while an event is being decided about is decided about next.
        """
        if self._end.done():
            return
        self._inbox.append(event)
        if not self._deciding:
            self._decide_all()

    def _decide_all(self) -> None:
        self._deciding = True
        try:
            while self._inbox and not self._end.done():
                now = self._loop.time()
                if self.call.deadline is not None and self.call.deadline <= now:
                    self._decide(None, now)
                else:
                    self._decide(self._inbox.popleft(), now)
        finally:
            self._deciding = False
        self._set_alarm()

    def _decide(self, event: ev.Event | None, now: float) -> None:
        try:
            actions = self.call.tick(now) if event is None else self.call.handle(event, now)
            if event is not None or actions:
                self._watch(event, actions, now)
            for action in actions:
                self._carry_out(action)
        except Exception as error:
            # A mistake of ours must not leave a caller in silence.
            log.exception("the call cannot go on", extra={"call_id": self.info.call_id})
            self._break_off(f"internal error: {type(error).__name__}: {error}")

    def _break_off(self, reason: str) -> None:
        if self._end.done():
            return
        outcome = self.call.outcome or outcome_of(self.call.state, EndCause.PLUGIN_ERROR, reason)
        end = do.End(outcome)
        self._end.set_result(end)
        self._watch(None, [end], self._loop.time())

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        deadline = self.call.deadline
        if deadline is not None and not self._end.done():
            self._alarm = self._loop.call_at(deadline, self._time_is_up)

    def _time_is_up(self) -> None:
        self._alarm = None
        self._deciding = True
        # The loop's timers may be a hair early.
        self._decide(None, max(self._loop.time(), self.call.deadline or 0.0))
        self._decide_all()

    # --- The call's life ------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """From the channel's arrival to the last freed resource. Cancelled, it frees everything all the same."""
        async with self._resources:
            self._resources.push_async_callback(self._stream.closed)
            try:
                self._spawn(self._errands.run())
                self._spawn(self._results.run())
                self._inbox.appendleft(ev.Arrived(channel_up=self._answered))
                self._decide_all()
                end = await self._end
            finally:
                await self._cease()
            await self._leave(end)
        return end.outcome

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cease(self) -> None:
        """Stop whatever is still being done for the call. A tool that will not stop does not keep the caller."""
        if self._alarm is not None:
            self._alarm.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CEASE_SECONDS)
            if late:
                log.warning("%d tools go on after the call", len(late), extra={"call_id": self.info.call_id})

    async def _leave(self, end: do.End) -> None:
        await leave(
            self._equipment.ari,
            self.info,
            end,
            self._equipment.hooks.result_variables(self.info, end.outcome),
            playing=[self._playback(playback_id) for playback_id in sorted(self.call.state.playing)],
            talk_detect=self.call.state.talk_detect is not None,
        )

    # --- Carrying out ---------------------------------------------------------------------------------

    def _carry_out(self, action: do.Action) -> None:
        match action:
            case do.StartTimer() | do.ClearTimer():
                pass  # the call keeps them; `deadline` tells when to look
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
            case do.End():
                if not self._end.done():
                    self._end.set_result(action)
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
            )
            self._resources.callback(self._audio.close)
            self.post(ev.MediaReady())

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
        match self._audio.add(response_id, item_id, audio):
            case Added.STARTED:
                self.post(ev.AnswerAudioStarted(response_id, item_id))
            case Added.FULL:
                log.warning(
                    "an answer is too long to be queued; its rest is dropped",
                    extra={"call_id": self.info.call_id},
                )
            case _:
                pass

    def _answer_audio_done(self, item_id: str) -> None:
        if self._audio is not None:
            self._audio.finish(item_id)

    # --- Asterisk -------------------------------------------------------------------------------------

    def _playback(self, playback_id: str) -> str:
        return playback_prefix(self.info.call_id) + playback_id

    async def _play(self, playback_id: str, media: str) -> None:
        try:
            await self._equipment.ari.play(self.info.channel_id, media, self._playback(playback_id))
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
            await self._equipment.ari.set_variable(self.info.channel_id, name, value or "")
        except (NotFound, Conflict):
            pass  # the caller has gone
        except AriError as error:
            self.post(ev.MediaFailed(f"Asterisk cannot report the caller's talking: {error}"))

    async def _set_result(self, outcome: Outcome) -> None:
        for name, value in outcome.variables().items():
            if self._result.get(name) == value:
                continue
            try:
                await self._equipment.ari.set_variable(self.info.channel_id, name, value)
            except AriError as error:
                log.debug("%s is not set ahead: %s", name, error, extra={"call_id": self.info.call_id})
            else:
                self._result[name] = value

    async def _run_tool(self, tool_call_id: str, name: str, arguments: str) -> None:
        settings = self.call.state.settings
        context = CallToolContext(self.info, settings, self._equipment.ari, self.post)
        result = await run_tool(
            self._tools, name, arguments, context, timeout_seconds=settings.tools.tool_timeout_seconds
        )
        self.post(ev.ToolFinished(tool_call_id, name, result.output, result.failed))
