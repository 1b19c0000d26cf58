"""From the call's arrival to the first moment of listening: audio, greeting, limits of the whole call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from . import actions as do
from . import events as ev
from .endpointing import talk_detect
from .outcome import EndCause
from .spoken_greeting import spoken
from .state import GREETING, CallState, CallView, Phase
from .timers import CALL, SPEECH

GREETING_LIMIT_SECONDS = 300.0
"""Asterisk tells the end of every prompt but one that it cannot place; no caller waits for that for ever."""


class Setup:
    """Connects the audio, asks for the greeting, and watches for the ends that no other part sees coming."""

    def __init__(self) -> None:
        self._leaving: ev.EndRequested | None = None
        """What the program that runs the host has asked for. Once the keypad has taken over, nobody speaks whose last
        word is to be heard."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.Arrived():
                yield do.ConnectMedia(topology(state))
                if state.recognition:
                    seconds = state.settings.recognition.max_recognition_duration_seconds
                    yield do.StartTimer("maxRecognitionDuration", seconds, SPEECH)
                else:
                    seconds = state.settings.call.max_call_duration_seconds
                    yield do.StartTimer("maxCallDuration", seconds, CALL)
            case ev.MediaReady() if state.phase is Phase.ARRIVING:
                state.phase = Phase.WAITING
                if wanted := talk_detect(state.settings):
                    yield wanted
            case ev.Started(greeting=True) if not spoken(state):
                # The activation mode saw Started before: what it asked for (buffer, TALK_DETECT) comes first.
                yield do.Play(GREETING, state.settings.recognition.greeting_audio_path)
                yield do.StartTimer("greetingLimit", GREETING_LIMIT_SECONDS, CALL)
            case ev.PlaybackFinished(playback_id="greeting"):
                yield do.ClearTimer("greetingLimit", CALL)
            case ev.TimerExpired(name="greetingLimit"):
                yield do.StopPlayback(GREETING)
            case ev.MediaFailed(reason=reason, overload=overload):
                yield do.Finish(EndCause.REJECTED if overload else EndCause.MEDIA_ERROR, reason)
            case ev.CallerHungUp():
                yield do.Finish(EndCause.HANGUP)
            case ev.OperatorHangup(cause=cause):
                yield do.Finish(EndCause(cause))
            case ev.TimerExpired(name="maxCallDuration"):
                yield do.Finish(EndCause.MAX_DURATION)
            case ev.EndRequested(by_program=True):
                self._leaving = event
            case _:
                pass
        if self._leaving and state.phase is Phase.KEYPAD:
            end = self._leaving
            yield do.Finish(EndCause(end.cause), context=end.context, extension=end.extension)


class UnknownMode:
    """Stands where no plugin has the call's activation mode: ends the call before anything is connected."""

    def on(self, event: ev.Event, call: CallView) -> Iterable[do.Action]:
        if isinstance(event, ev.Arrived):
            mode = call.settings.recognition.recognition_activation_mode
            yield do.Finish(
                EndCause.CONFIG_ERROR,
                f"recognitionActivationMode is {mode!r}, and no installed plugin has a mode of that name",
            )


def topology(state: CallState) -> Literal["split", "bridge"]:
    """The way the audio is connected; `auto` is the leanest that loses no word of the caller.

    A prompt that Asterisk plays on a bridged channel stops the caller's audio towards us, so `split` is
    needed where a greeting and listening can overlap; also where the two directions differ in their format.
    """
    openai = state.settings.openai
    match state.settings.media.media_topology:
        case "split":
            return "split"
        case "bridge":
            return "bridge"
        case _:
            two_formats = openai.input_audio_format != openai.output_audio_format
            prompt = state.settings.recognition.greeting_audio_path and not spoken(state)
            return "split" if two_formats or prompt else "bridge"
