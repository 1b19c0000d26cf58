"""A sound over the model's answer that may be no speech (`resumeAfterFalseBargeIn`): a door, a cough, the street.

The answer pauses at the sound. Words confirm it: the answer is stopped, and the model is told how much was heard. When
no words come within `falseBargeInSeconds` of its end, the answer goes on where it was heard last, and nobody is told.
Whether the model answers is decided by the words too: without any there is nothing to answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import actions as do
from . import events as ev
from .answering import silence
from .endpointing import asterisk_interrupts
from .state import CallState
from .timers import SPEECH

if TYPE_CHECKING:
    from offhook.settings import Settings


def waits_for_words(settings: Settings) -> bool:
    """True if a sound alone neither ends an answer nor asks for one."""
    barge_in = settings.barge_in
    return (
        barge_in.resume_after_false_barge_in
        and barge_in.barge_in_mode_enabled
        and settings.call.session_kind == "conversation"
    )


class FalseAlarm:
    """Pauses the answer at a sound, and decides what the sound was."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        if not waits_for_words(state.settings):
            return
        match event:
            case ev.SpeechStarted() if state.settings.barge_in.barge_in_source != "asterisk":
                yield from self._pause(state)
            case ev.TalkingStarted() if state.activated and asterisk_interrupts(state.settings):
                yield from self._pause(state)
            case ev.SpeechStopped() | ev.TalkingFinished() if state.doubted:
                seconds = state.settings.barge_in.false_barge_in_seconds
                yield do.StartTimer("falseBargeIn", seconds, SPEECH)
            case ev.InterimTranscript(text=text) | ev.FinalTranscript(text=text) if text.strip():
                yield from self._stop(state)
            case ev.TranscriptFailed():
                yield from self._stop(state)
            case ev.FinalTranscript() if state.doubted and not state.speaking:
                yield from self._no_doubt(state)
            case ev.TimerExpired(name="falseBargeIn") | ev.PlayoutStopped():
                yield from self._no_doubt(state)
            case _:
                pass

    @staticmethod
    def _pause(state: CallState) -> Iterable[do.Action]:
        yield do.ClearTimer("falseBargeIn", SPEECH)
        if state.unheard and not state.doubted:
            state.doubted = True
            yield do.HoldPlayout()

    def _stop(self, state: CallState) -> Iterable[do.Action]:
        """These are words: the answer is over."""
        if state.unheard or state.response_id:
            yield from silence(state)
        yield from self._no_doubt(state)

    @staticmethod
    def _no_doubt(state: CallState) -> Iterable[do.Action]:
        """What is still queued goes on from where it was heard last."""
        if state.doubted:
            state.doubted = False
            yield do.ClearTimer("falseBargeIn", SPEECH)
            if not state.playing:
                yield do.ReleasePlayout()
