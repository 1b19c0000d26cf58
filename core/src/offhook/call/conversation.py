"""The turns of a conversation: when the caller's turn is over, and when nobody has spoken for too long."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .endpointing import endpointing
from .false_alarm import waits_for_words
from .listening import asterisk_ends_turn
from .outcome import EndCause
from .state import CallState, Phase
from .timers import CALL, SPEECH


class Conversation:
    """Guards the caller's turns; the provider's turn detection normally ends them and starts the answers."""

    def __init__(self) -> None:
        self._answer_due = False
        """A turn was committed, and no response has begun since."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.TurnCommitted():
                self._answer_due = True
                # Where Asterisk ends the turns this is an echo of our commit; the next turn may be open already.
                if endpointing(state.settings) == "provider":
                    state.turn_open = False
                if waits_for_words(state.settings):  # which may never come
                    seconds = state.settings.recognition.speech_complete_timeout_seconds
                    yield do.StartTimer("speechEndSilence", seconds, SPEECH)
            case ev.InterimTranscript():
                seconds = state.settings.recognition.speech_complete_timeout_seconds
                yield do.StartTimer("speechEndSilence", seconds, SPEECH)
                yield do.ClearTimer("conversationIdle", CALL)
            case ev.FinalTranscript() | ev.TranscriptFailed():
                yield do.ClearTimer("speechEndSilence", SPEECH)
                if waits_for_words(state.settings):
                    self._answer_due = False
                    if isinstance(event, ev.TranscriptFailed) or event.text.strip():
                        yield do.CreateResponse()
            case ev.ResponseStarted():
                self._answer_due = False
                yield do.ClearTimer("speechEndSilence", SPEECH)
            case ev.TimerExpired(name="speechEndSilence" | "maxRecognitionDuration"):
                yield from self._close_turn(state)
            case ev.TimerExpired(name="conversationIdle"):
                yield do.Finish(EndCause.IDLE)
            case ev.Digit() if state.settings.dtmf.dtmf_enabled:
                yield do.ClearTimer("conversationIdle", CALL)
            case ev.SayRequested(text=text) if state.phase is Phase.LISTENING:
                yield do.Say(text)
            case ev.SayRequested(text=text):
                state.held_texts.append(do.Say(text))  # though the stream may stand already: see `preconnect`
            case _:
                pass
        if asterisk_ends_turn(state):
            yield from self._close_turn(state)
        yield from self._watch_turn(state)
        yield from self._watch_silence(state)

    def _close_turn(self, state: CallState) -> Iterable[do.Action]:
        """Close the turn for a caller whom the provider still waits for, so that there is never dead air."""
        if state.phase is not Phase.LISTENING:
            return
        if state.turn_open:
            # Whoever talks on past the limit has begun the next turn.
            state.turn_open = state.talking and endpointing(state.settings) == "asterisk"
            # The provider may never say that the caller has stopped: where the audio died in mid-word, it cannot.
            state.speaking = False
            yield do.ClearTimer("maxRecognitionDuration", SPEECH)
            yield do.CommitInput()
            if not waits_for_words(state.settings):
                yield do.CreateResponse()
        elif self._answer_due and not state.answering:
            self._answer_due = False
            yield do.CreateResponse()

    @staticmethod
    def _watch_turn(state: CallState) -> Iterable[do.Action]:
        running = state.timers.runs(SPEECH, "maxRecognitionDuration")
        if state.turn_open and not running:
            seconds = state.settings.recognition.max_recognition_duration_seconds
            yield do.StartTimer("maxRecognitionDuration", seconds, SPEECH)
        elif running and not state.turn_open:
            yield do.ClearTimer("maxRecognitionDuration", SPEECH)

    @staticmethod
    def _watch_silence(state: CallState) -> Iterable[do.Action]:
        quiet = (
            state.phase in (Phase.WAITING, Phase.LISTENING)
            and not (state.speaking or state.talking or state.playing)
            and not state.answering
            and not state.tool_calls
        )
        running = state.timers.runs(CALL, "conversationIdle")
        if quiet and not running:
            yield do.StartTimer("conversationIdle", state.settings.call.conversation_idle_seconds, CALL)
        elif running and not quiet:
            yield do.ClearTimer("conversationIdle", CALL)
