"""Opening the Realtime stream and the wait for the caller's first word."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .endpointing import endpointing
from .outcome import EndCause
from .spoken_greeting import spoken
from .state import CallState, Phase
from .timers import ACTIVATION, SPEECH


def activate(state: CallState) -> Iterable[do.Action]:
    """Carry out the first `Activate`: keep the caller's audio from now on, and open the stream unless it stands."""
    state.phase = Phase.OPENING
    for name in state.timers.of(ACTIVATION):
        yield do.ClearTimer(name, ACTIVATION)
    if state.gate == "closed":
        yield do.SetGate("buffer")
    if state.talking and endpointing(state.settings) == "asterisk":
        state.caller_heard = state.turn_open = True
    if not state.caller_heard:
        seconds = state.settings.recognition.initial_openai_stream_idle_timeout_seconds
        yield do.StartTimer("initialOpenAIStreamIdle", seconds, SPEECH)
    if state.stream == "closed":
        yield do.OpenStream()
    elif state.stream == "open":
        yield from go_live(state)


def go_live(state: CallState) -> Iterable[do.Action]:
    """The mode has decided and the stream is open: flush what was kept, then pass the caller's audio on."""
    state.phase = Phase.LISTENING
    yield do.SetGate("open")
    prompt = state.settings.openai.initial_user_prompt
    if prompt and model_speaks_first(state) and not spoken(state):
        yield do.SendText(prompt)
    elif not state.caller_heard and not state.greeting_spoken:
        yield from await_first_word(state)
    held, state.held_texts = state.held_texts, []
    yield from held


def await_first_word(state: CallState) -> Iterable[do.Action]:
    yield do.StartTimer("noSpeechBegin", state.settings.recognition.no_speech_begin_timeout_seconds, SPEECH)


def model_speaks_first(state: CallState) -> bool:
    return not state.recognition and (bool(state.settings.openai.initial_user_prompt) or spoken(state))


def asterisk_ends_turn(state: CallState) -> bool:
    """Asterisk ends the caller's turns, and this one is over; it may have ended before the stream was open."""
    return (
        state.turn_open
        and not state.talking
        and state.phase is Phase.LISTENING
        and endpointing(state.settings) == "asterisk"
    )


class Listening:
    """Brings the stream up for the activation mode and guards it until the caller is heard."""

    def __init__(self) -> None:
        self._answer_played = False
        self._first_turn_awaited = False
        """The model has spoken first, and the wait for the caller's answer began."""
        self._update_due = False
        """Settings changed while the stream opened with the old ones."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.MediaReady() if (
                state.settings.openai.preconnect and state.phase is Phase.WAITING and state.stream == "closed"
            ):
                yield do.OpenStream()
            case ev.StreamOpened():
                if self._update_due:
                    self._update_due = False
                    yield do.UpdateStream()
                if state.phase is Phase.OPENING:
                    yield from go_live(state)
            case ev.StreamFailed(reason=reason):
                yield do.Finish(EndCause.PROVIDER_ERROR, reason)
            case ev.SpeechStarted() | ev.InterimTranscript() | ev.FinalTranscript():
                yield from self._caller_heard(state)
            case ev.TalkingStarted() if state.gate != "closed" and endpointing(state.settings) == "asterisk":
                # Who ends the turns also starts them: such providers send no speech_started.
                state.turn_open = True
                yield from self._caller_heard(state)
            case ev.Digit() if state.settings.dtmf.dtmf_enabled:
                yield from self._caller_heard(state)
            case ev.AnswerPlayed():
                self._answer_played = True
            case ev.ResponseStarted() if model_speaks_first(state):
                yield do.ClearTimer("initialOpenAIStreamIdle", SPEECH)
            case ev.SettingsChanged():
                self._update_due = state.stream == "opening"
                yield do.UpdateStream()
            case ev.TimerExpired(name="noSpeechBegin"):
                yield do.Finish(EndCause.NO_SPEECH)
            case ev.TimerExpired(name="initialOpenAIStreamIdle"):
                yield do.Finish(EndCause.STREAM_IDLE, self._idle_reason(state))
            case _:
                pass
        heard_out = self._answer_played and not state.answering
        if heard_out and not self._first_turn_awaited and state.phase is Phase.LISTENING:
            self._first_turn_awaited = True
            if model_speaks_first(state) and not state.caller_heard:
                yield from await_first_word(state)

    @staticmethod
    def _caller_heard(state: CallState) -> Iterable[do.Action]:
        if not state.caller_heard:
            state.caller_heard = True
            yield do.ClearTimer("noSpeechBegin", SPEECH)
            yield do.ClearTimer("initialOpenAIStreamIdle", SPEECH)

    @staticmethod
    def _idle_reason(state: CallState) -> str:
        seconds = state.settings.recognition.initial_openai_stream_idle_timeout_seconds
        setting = "initialOpenAIStreamIdleTimeoutSeconds"
        return f"the Realtime provider gave no sign of speech within {seconds:g} s ({setting})"
