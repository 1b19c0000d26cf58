"""The turns of a conversation: when the caller's turn is over, and when nobody has spoken for too long."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .endpointing import endpointing
from .outcome import EndCause
from .state import CallState, Phase
from .timers import CALL, SPEECH


class Conversation:
    """Guards the caller's turns; the provider's turn detection normally ends them and starts the answers."""

    def __init__(self) -> None:
        self._turn_open = False
        """The caller has said something that is no committed item yet."""
        self._answer_due = False
        """A turn was committed, and no response has begun since."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        recognition = state.settings.recognition
        match event:
            case ev.SpeechStarted():
                self._turn_open = True
                yield do.StartTimer(
                    "maxRecognitionDuration", recognition.max_recognition_duration_seconds, SPEECH
                )
            case ev.TalkingStarted() if (
                state.phase is Phase.LISTENING and endpointing(state.settings) == "asterisk"
            ):
                self._turn_open = True
                yield do.StartTimer(
                    "maxRecognitionDuration", recognition.max_recognition_duration_seconds, SPEECH
                )
            case ev.TalkingFinished() if self._turn_open and endpointing(state.settings) == "asterisk":
                yield from self._close_turn(state)
            case ev.TurnCommitted():
                self._turn_open = False
                self._answer_due = True
                yield do.ClearTimer("maxRecognitionDuration", SPEECH)
            case ev.InterimTranscript():
                yield do.StartTimer("speechEndSilence", recognition.speech_complete_timeout_seconds, SPEECH)
            case ev.FinalTranscript() | ev.TranscriptFailed():
                yield do.ClearTimer("speechEndSilence", SPEECH)
            case ev.ResponseStarted():
                self._answer_due = False
                yield do.ClearTimer("speechEndSilence", SPEECH)
            case ev.TimerExpired(name="speechEndSilence" | "maxRecognitionDuration"):
                yield from self._close_turn(state)
            case ev.TimerExpired(name="conversationIdle"):
                yield do.Finish(EndCause.IDLE)
            case _:
                pass
        yield from self._watch_silence(state)

    def _close_turn(self, state: CallState) -> Iterable[do.Action]:
        """Close the turn for a caller whom the provider still waits for, so that there is never dead air."""
        yield do.ClearTimer("maxRecognitionDuration", SPEECH)
        if self._turn_open:
            self._turn_open = False
            yield do.CommitInput()
            yield do.CreateResponse()
        elif self._answer_due and not state.answering:
            self._answer_due = False
            yield do.CreateResponse()

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
