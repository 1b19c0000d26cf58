"""Opening the Realtime stream and the wait for the caller's first word."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .endpointing import endpointing
from .outcome import EndCause
from .state import CallState, Phase
from .timers import ACTIVATION, SPEECH


def activate(state: CallState) -> Iterable[do.Action]:
    """Carry out `Activate`: keep the caller's audio from now on, and open the stream unless it stands."""
    if state.phase is not Phase.WAITING:
        return
    state.phase = Phase.OPENING
    for name in state.timers.of(ACTIVATION):
        yield do.ClearTimer(name, ACTIVATION)
    seconds = state.settings.recognition.initial_openai_stream_idle_timeout_seconds
    yield do.StartTimer("initialOpenAIStreamIdle", seconds, SPEECH)
    if state.gate == "closed":
        yield do.SetGate("buffer")
    if state.stream == "closed":
        yield do.OpenStream()
    elif state.stream == "open":
        yield from go_live(state)


def go_live(state: CallState) -> Iterable[do.Action]:
    """The mode has decided and the stream is open: flush what was kept, then pass the caller's audio on."""
    state.phase = Phase.LISTENING
    yield do.SetGate("open")
    if model_speaks_first(state):
        yield do.SendText(state.settings.openai.initial_user_prompt)
    elif not (endpointing(state.settings) == "asterisk" and state.talking):
        yield from await_first_word(state)


def await_first_word(state: CallState) -> Iterable[do.Action]:
    yield do.StartTimer("noSpeechBegin", state.settings.recognition.no_speech_begin_timeout_seconds, SPEECH)


def model_speaks_first(state: CallState) -> bool:
    return not state.recognition and bool(state.settings.openai.initial_user_prompt)


class Listening:
    """Brings the stream up for the activation mode and guards it until the caller is heard."""

    def __init__(self) -> None:
        self._caller_heard = False
        self._first_answer_heard = False

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.MediaReady() if state.settings.openai.preconnect and state.stream == "closed":
                yield do.OpenStream()
            case ev.StreamOpened() if state.phase is Phase.OPENING:
                yield from go_live(state)
            case ev.StreamFailed(reason=reason):
                yield do.Finish(EndCause.PROVIDER_ERROR, reason)
            case ev.SpeechStarted() | ev.InterimTranscript() | ev.FinalTranscript() if not self._caller_heard:
                yield from self._first_word()
            case ev.TalkingStarted() if not self._caller_heard and self._asterisk_is_believed(state):
                yield from self._first_word()
            case ev.AnswerPlayed() if not state.answering and not self._first_answer_heard:
                self._first_answer_heard = True
                if model_speaks_first(state) and not self._caller_heard:
                    yield from await_first_word(state)
            case ev.ResponseStarted() if model_speaks_first(state):
                yield do.ClearTimer("initialOpenAIStreamIdle", SPEECH)
            case ev.SettingsChanged():
                yield do.UpdateStream()
            case ev.TimerExpired(name="noSpeechBegin"):
                yield do.Finish(EndCause.NO_SPEECH)
            case ev.TimerExpired(name="initialOpenAIStreamIdle"):
                yield do.Finish(EndCause.STREAM_IDLE, self._idle_reason(state))
            case _:
                pass

    def _first_word(self) -> Iterable[do.Action]:
        self._caller_heard = True
        yield do.ClearTimer("noSpeechBegin", SPEECH)
        yield do.ClearTimer("initialOpenAIStreamIdle", SPEECH)

    @staticmethod
    def _asterisk_is_believed(state: CallState) -> bool:
        """Where Asterisk ends the utterances it also starts them: such providers send no speech_started."""
        return state.activated and endpointing(state.settings) == "asterisk"

    @staticmethod
    def _idle_reason(state: CallState) -> str:
        seconds = state.settings.recognition.initial_openai_stream_idle_timeout_seconds
        setting = "initialOpenAIStreamIdleTimeoutSeconds"
        return f"the Realtime provider gave no sign of speech within {seconds:g} s ({setting})"
