"""One utterance, recognised: the session kind that an IVR builder uses in place of MRCPRecog."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .listening import asterisk_ends_turn
from .outcome import EndCause
from .state import CallState
from .timers import SPEECH


class Recognition:
    """Waits for the one final transcript, and ends the call with it."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.FinalTranscript(text=text):
                yield do.Finish(EndCause.RECOGNIZED if text.strip() else EndCause.NO_MATCH)
            case ev.TranscriptFailed(reason=reason):
                yield do.Finish(
                    EndCause.PROVIDER_ERROR, f"the provider could not transcribe the caller: {reason}"
                )
            case ev.InterimTranscript():
                seconds = state.settings.recognition.speech_complete_timeout_seconds
                yield do.StartTimer("speechEndSilence", seconds, SPEECH)
            case ev.TimerExpired(name="speechEndSilence"):
                yield do.Finish(EndCause.SPEECH_COMPLETE)
            case ev.TimerExpired(name="maxRecognitionDuration"):
                yield do.Finish(EndCause.MAX_DURATION)
            case _:
                pass
        if asterisk_ends_turn(state):
            state.turn_open = False
            yield do.CommitInput()
